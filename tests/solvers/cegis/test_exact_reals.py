"""Reals that rounding would take for one another: they are computed exactly where that matters."""

from __future__ import annotations

from fractions import Fraction

import pytest

import sygus

PROBLEMS = {
    "sums of a small constant": ("LRA", "x 0.000000000001 (+ S S)", "(= (f y) (+ y 0.000000000003))"),
    "hardly more": ("LRA", "x 0.000000000001 (+ S S)", "(> (f y) y)"),
    "powers of a tenth": ("NRA", "0.1 (* S S)", "(= (f y) 0.0000000000000001)"),
    "small, but not 0": ("NRA", "0.1 (* S S)", "(< 0.0 (f y) 0.00000000000000001)"),
    "a coefficient made step by step": ("LRA", "x (* 0.1 S)", "(= (f y) (* 0.000000000001 y))"),
    "a difference made step by step": ("LRA", "x 0.01 (* 0.01 S) (- S S) (+ S S)", "(< y (f y) (+ y 0.0000001))"),
    "a small one beside a large one": (
        "LRA",
        "x 100000000000000000000.0 1.0 (+ S S)",
        "(= (f y) (+ y 100000000000000000001.0))",
    ),
    "tenths beside a large one": ("LRA", "x 1000000000000.0 0.1 (+ S S)", "(= (f y) (+ y 1000000000000.3))"),
    "what floats hold as infinite": ("NRA", f"x 1{200 * '0'}.0 (* S S) (/ S S)", f"(= (f y) (* y 1{400 * '0'}.0))"),
    "a quotient": ("NRA", "x 1.0 0.000000001 (/ S S) (* S S)", "(= (f y) (/ y 0.000000000000000001))"),
    "a condition": (
        "LRA",
        "x 0.0 0.0000000001 (ite (< S S) S S)",
        "(= (f y) (ite (< y 0.0000000001) 0.0 y))",
    ),
    "integers too": ("LIRA", "x 0.0000000001 (to_real (to_int S)) (- S S) (+ S S)", "(< y (f y) (+ y 0.000000001))"),
    "examples": ("LRA", "x 0.01 (* 0.01 S) (+ S S)", "(and (= (f 1.0) 1.0001) (= (f 2.0) 2.0001))"),
    "examples that differ by little": (
        "LRA",
        "x 0.0000000001 (+ S S)",
        "(and (= (f 1.0) 1.0000000003) (= (f 2.0) 2.0000000003))",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_terms_that_rounding_would_merge_are_told_apart(name: str) -> None:
    logic, productions, constraints = PROBLEMS[name]
    text = f"""(set-logic {logic}) (synth-fun f ((x Real)) Real ((S Real)) ((S Real ({productions}))))
        (declare-var y Real) (constraint {constraints}) (check-synth)"""
    assert sygus.solve(text, time=30).status == "solved"


def test_the_usual_reals_have_their_usual_sums() -> None:
    text = """(set-logic LRA) (synth-fun f ((x Real)) Real ((S Real)) ((S Real (x 0.1 (+ S S))))) (declare-var y Real)
        (constraint (= (f y) (+ y 0.3))) (check-synth)"""
    result = sygus.solve(text, time=30)
    assert (result.size, result.function(Fraction(1, 3))) == (7, Fraction(19, 30))


def test_what_no_sum_reaches_is_not_taken_for_reached() -> None:
    text = """(set-logic LRA) (synth-fun f () Real ((S Real) (T Real)) ((S Real (0.0 T (+ T T)))
        (T Real (0.1 0.000000000001)))) (constraint (= f 0.1000000000011)) (check-synth)"""
    assert sygus.solve(text, time=30).status == "infeasible"


def test_further_answers_are_told_apart() -> None:
    text = """(set-logic LRA) (synth-fun f ((x Real)) Real ((S Real)) ((S Real (x 0.000000000001 (+ S S)))))
        (declare-var y Real) (constraint (> (f y) y)) (constraint (< (f y) (+ y 0.00000000001))) (check-synth)"""
    answers = [answer.function(0) for _, answer in zip(range(3), sygus.solve(text, time=30).answers(), strict=False)]
    assert answers == [Fraction(number, 10**12) for number in (1, 2, 3)]
