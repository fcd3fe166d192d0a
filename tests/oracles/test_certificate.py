"""Certificates: known equalities are proved, near misses refuted by values that the kernels confirm."""

import pytest

from sygus.oracles.certificate import certify
from sygus.oracles.expressions import read_expression
from sygus.oracles.parameters import domains


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(gap (+ gradient activation))", "(+ (gap gradient) (gap activation))"),
        ("(+ (total gradient) (total gradient))", "(total (+ gradient gradient))"),
        ("(relu activation)", "activation"),
        ("(abs gradient)", "(+ (relu gradient) (relu (neg gradient)))"),
        ("(square gradient)", "(* gradient gradient)"),
        ("(gmp (+ gradient activation))", "(gmp (+ activation gradient))"),
        ("(softmax (gap (relu activation)))", "(softmax (gap activation))"),
        ("(center (gap (+ gradient gradient)))", "(+ (center (gap gradient)) (center (gap gradient)))"),
        ("(cam (+ gradient alpha))", "(+ (cam gradient) (cam alpha))"),
        ("(cam (* 2 (gap gradient)))", "(* 2 (cam (gap gradient)))"),
        ("(cam gradient)", "(channel-sum (* activation gradient))"),
        ("(gap (cam (gap gradient)))", "(channel-sum (gap (* (gap gradient) activation)))"),
        ("(channel-mean (+ gradient 1))", "(+ (channel-mean gradient) 1)"),
        ("(channel-max (gap (* 2 gradient)))", "(channel-max (+ (gap gradient) (gap gradient)))"),
        ("(unit (+ (cam gradient) (cam gradient)))", "(unit (* 2 (cam gradient)))"),
        ("(above-mean (cam (neg (neg gradient))))", "(above-mean (cam gradient))"),
        ("(up (cam (+ gradient alpha)))", "(+ (up (cam gradient)) (up (cam alpha)))"),
        ("(up (* (gap (cam gradient)) (cam gradient)))", "(* (up (cam gradient)) (gap (cam gradient)))"),
        ("(unit (up (+ (cam gradient) (cam gradient))))", "(unit (* 2 (up (cam gradient))))"),
        ("(blur (cam gradient) 1)", "(blur (channel-sum (* activation gradient)) 1)"),
    ],
)
def test_equalities_are_proved(left: str, right: str) -> None:
    assert certify(read_expression(left), read_expression(right), domains(True)).status == "proved"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(gap (relu gradient))", "(relu (gap gradient))"),
        ("(div0 (relu gradient) (relu gradient))", "(div0 gradient gradient)"),
        ("(+ gradient activation)", "(+ gradient gradient)"),
        ("(gap (* gradient activation))", "(* (gap gradient) (gap activation))"),
        ("(cam (relu gradient))", "(relu (cam gradient))"),
        ("(channel-sum activation)", "(channel-mean activation)"),
        ("(gap (cam gradient))", "(cam (gap gradient))"),
        ("(up (relu (cam gradient)))", "(relu (up (cam gradient)))"),
        ("(up (* (cam gradient) (cam gradient)))", "(square (up (cam gradient)))"),
    ],
)
def test_near_misses_are_refuted_with_values(left: str, right: str) -> None:
    certificate = certify(read_expression(left), read_expression(right), domains(True))
    assert certificate.status == "refuted"
    assert certificate.values is not None
    assert certificate.values[0] != certificate.values[1]
    assert all(value >= 0 for name, value in certificate.counterexample.items() if name.startswith("activation"))


def test_a_domain_decides() -> None:
    left, right = read_expression("(relu activation)"), read_expression("activation")
    assert certify(left, right, domains(False)).status == "refuted"


def test_what_rests_on_an_opaque_function_stays_open() -> None:
    left, right = read_expression("(gmp (+ gradient gradient))"), read_expression("(+ (gmp gradient) (gmp gradient))")
    assert certify(left, right, domains(True)).status == "open"


def test_functions_of_pixels_on_different_grids_are_different_functions() -> None:
    left, right = read_expression("(gmp (up (cam gradient)))"), read_expression("(gmp (cam gradient))")
    assert certify(left, right, domains(True)).status == "open"
