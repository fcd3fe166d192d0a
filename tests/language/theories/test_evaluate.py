"""The value of a term: numbers, macros and sharing."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from sygus.language.terms import BOOL, REAL, Definition, Literal, Term, Variable, leaf, term
from sygus.language.theories.cam import CAM
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import MAP

X, C = Variable("x", MAP), Variable("c", BOOL)


def real(value: Fraction | int) -> Term:
    return leaf(Literal(Fraction(value), REAL))


def apply(name: str, *arguments: Term) -> Term:
    found = CAM.resolve(name, tuple(argument.sort for argument in arguments))
    assert found is not None
    return term(found[0], arguments, found[1])


def use(definition: Definition, *arguments: Term) -> Term:
    return term(definition, arguments, definition.sort)


TENTH = Definition("tenth", (), REAL, real(Fraction(1, 10)))
PICK = Definition("pick", (C, X), MAP, apply("ite", leaf(C), apply("*", leaf(X), real(2)), leaf(X)))


@pytest.mark.parametrize("root", [real(Fraction(1, 10)), use(TENTH), apply("*", use(TENTH), real(1))])
def test_numbers_alone_are_of_double_precision(root: Term) -> None:
    value = evaluate(root, {})
    assert (value.dtype, value.item()) == (torch.float64, 0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_take_the_precision_of_the_values(dtype: torch.dtype) -> None:
    environment = {C: torch.ones((1, 1, 1), dtype=torch.bool), X: torch.zeros((2, 2, 2), dtype=dtype)}
    value = evaluate(apply("+", leaf(X), use(TENTH)), environment)
    assert value.dtype == dtype
    assert torch.equal(value, torch.full((2, 2, 2), 0.1, dtype=dtype))


def test_numbers_in_a_macro_with_a_boolean_parameter_stay_numbers() -> None:
    root = use(PICK, apply("<", real(0), real(1)), leaf(X))
    assert torch.equal(evaluate(root, {X: torch.full((2, 2, 2), 3.0)}), torch.full((2, 2, 2), 6.0))


def test_booleans_are_booleans() -> None:
    value = evaluate(leaf(Literal(True, BOOL)), {X: torch.zeros((2, 2, 2))})
    assert value.dtype == torch.bool
    assert value.item()


def test_a_memo_is_used_and_filled() -> None:
    inner = apply("square", leaf(X))
    memo: dict[Term, torch.Tensor] = {}
    environment = {X: torch.full((1, 2, 2), 3.0)}
    assert evaluate(inner, environment, memo)[0, 0, 0] == 9
    memo[inner] = torch.full((1, 2, 2), 5.0)
    assert evaluate(apply("+", inner, leaf(X)), environment, memo)[0, 0, 0] == 8


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        evaluate(leaf(X), {C: torch.zeros(1)})
