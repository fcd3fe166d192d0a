"""Values of terms by recursion that is followed to its end."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from sygus.language.elaborate import load_problem
from sygus.language.terms import Term, expand
from sygus.language.theories.settled import proves, settled_value

COLLATZ = """(define-fun-rec c ((n Int)) Int
    (ite (<= n 1) 0 (+ 1 (c (ite (= (mod n 2) 0) (div n 2) (+ (* 3 n) 1))))))"""
DOWN = "(define-fun-rec s ((n Int)) Int (ite (= n 0) 0 (+ n (s (- n 2)))))"
ROUND = "(define-fun-rec s ((n Int)) Int (ite (= (mod n 1500) 0) 0 (+ 1 (s (+ n 1)))))"
ACKERMANN = """(define-fun-rec a ((m Int) (n Int)) Int
    (ite (= m 0) (+ n 1) (ite (= n 0) (a (- m 1) 1) (a (- m 1) (a m (- n 1))))))"""
HALVES = "(define-fun-rec h ((x Real)) Real (ite (< -0.1 x 0.1) 0.0 (+ x (h (/ x 3.0)))))"
WORDS = """(define-fun-rec w ((s String)) String
    (ite (= s "end") "." (str.++ (str.at s 0) (w (str.substr s 1 (str.len s))))))"""


def formula(definition: str, text: str) -> Term:
    stated = f"(set-logic ALL) {definition} (synth-fun |to find| () Int) (constraint {text}) (check-synth)"
    return expand(load_problem(stated, "test").constraints[0])


@pytest.mark.parametrize(
    ("definition", "term", "value"),
    [
        (COLLATZ, "(c 27)", 111),
        (DOWN, "(s 10)", 30),
        (DOWN, "(+ (s 4) (s (s 4)))", 18),
        (DOWN, "(s 9)", None),
        (DOWN, "(s (- 2))", None),
        (ROUND, "(s 1)", 1499),
        (ACKERMANN, "(a 2 7)", 17),
        (HALVES, "(h 1.0)", Fraction(13, 9)),
        (WORDS, '(str.len (w "blend"))', 3),
        (WORDS, '(str.len (w "so"))', None),
        (COLLATZ, "(ite (> (c 7) 3) 5 (c (- 1)))", 5),
        (COLLATZ, "(div 7 (c 1))", None),
        (COLLATZ, "(ite (= (div 7 (c 1)) 3) 1 2)", None),
        (COLLATZ, "(div 7 (c 2))", 7),
    ],
)
def test_values(definition: str, term: str, value: Any) -> None:
    equation = formula(definition, f"(= {term} {'0.0' if isinstance(value, Fraction) else '0'})")
    assert settled_value(equation.arguments[0]) == value
    assert proves(equation) is (None if value is None else value == 0 or False)
    if isinstance(value, int):
        assert proves(formula(definition, f"(= {term} {value})")) is True


def test_terms_with_variables_or_quantifiers_are_left_open() -> None:
    for text in ("(forall ((x Int)) (> (c 7) x))", "(= (c 7) (ite (exists ((x Int)) (> x 7)) 16 0))"):
        assert proves(formula(COLLATZ, text)) is None
    assert proves(formula(f"(declare-var y Int) {COLLATZ}", "(= (c 7) (+ y (- 16 y)))")) is None


def test_what_takes_too_many_calls_for_a_proof_is_left_open() -> None:
    equation = formula(DOWN, "(= (s 20000) 100010000)")
    assert settled_value(equation.arguments[0]) == 100010000
    assert proves(equation) is None
