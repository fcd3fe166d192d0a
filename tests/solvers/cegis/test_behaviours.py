"""Answers told apart by what they do, beside all points of small domains."""

from __future__ import annotations

import itertools

import pytest

from ordinary import specification
from solvers.cegis.limits import Limits
from solvers.cegis.logic.behaviours import Behaviours, Novelty, is_determined
from solvers.cegis.specification import Bodies, Specification
from sygus.language.elaborate import load_answer

PAIR = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var x Int) (declare-var y Int)
    (constraint (and (>= (f x y) x) (>= (f x y) y)))"""
ONLY = f"{PAIR} (constraint (or (= (f x y) x) (= (f x y) y)))"
BITS = """(set-logic BV) (synth-fun f ((a (_ BitVec 3)) (b (_ BitVec 3))) (_ BitVec 3))
    (declare-var a (_ BitVec 3)) (declare-var b (_ BitVec 3)) (constraint (= (f a b) (f a b)))"""


def body(spec: Specification, text: str) -> Bodies:
    (function,) = spec.functions
    parameters = " ".join(f"({p.name} {p.sort})" for p in function.parameters)
    return load_answer(spec.problem, f"((define-fun f ({parameters}) {function.sort} {text}))", "a")


def test_spellings_are_one_behaviour_and_another_function_is_not() -> None:
    spec = specification(PAIR)
    behaviours = Behaviours(spec.functions)
    found = [
        behaviours.add(body(spec, text), Limits(20)).value
        for text in (
            "(ite (<= x y) y x)",
            "(ite (<= y x) x y)",
            "(+ x y)",
            "(ite (< x y) y x)",
            "(+ y x)",
            "(ite (= x 77777) x (+ x y))",
            "(ite (= 77777 x) 77777 (+ y x))",
        )
    ]
    assert found == ["new", "the same", "new", "the same", "the same", "new", "the same"]


def test_all_pairs_of_small_bit_vectors_are_told_apart_as_by_trying() -> None:
    spec = specification(BITS)
    leaves = ["a", "b", "#b001", "#b000", "#b111"]
    operators = {
        "bvand": lambda a, b: a & b,
        "bvor": lambda a, b: a | b,
        "bvxor": lambda a, b: a ^ b,
        "bvadd": lambda a, b: (a + b) % 8,
    }
    value = {
        "a": lambda a, _: a,
        "b": lambda _, b: b,
        "#b001": lambda *_: 1,
        "#b000": lambda *_: 0,
        "#b111": lambda *_: 7,
    }
    behaviours, seen = Behaviours(spec.functions), set()
    for operator, one, other in itertools.product(operators, leaves, leaves):
        table = tuple(
            operators[operator](value[one](a, b), value[other](a, b)) for a, b in itertools.product(range(8), repeat=2)
        )
        novelty = behaviours.add(body(spec, f"({operator} {one} {other})"), Limits(20))
        assert novelty is (Novelty.SAME if table in seen else Novelty.NEW), (operator, one, other)
        seen.add(table)
    assert len(seen) > 20


def test_what_the_standard_leaves_open_is_not_told_apart() -> None:
    text = "(set-logic NIA) (synth-fun f ((x Int)) Int) (declare-var x Int) (constraint (= (f x) (f x)))"
    spec = specification(text)
    behaviours = Behaviours(spec.functions)
    assert behaviours.add(body(spec, "(div x x)"), Limits(20)) is Novelty.NEW
    assert behaviours.add(body(spec, "1"), Limits(20)) is Novelty.UNDECIDED


@pytest.mark.parametrize(("text", "determined"), [(ONLY, True), (PAIR, False), (BITS, False)])
def test_whether_the_constraints_leave_one_function(text: str, determined: bool) -> None:
    spec = specification(text)
    first = "(ite (<= x y) y x)" if spec.functions[0].parameters[0].name == "x" else "a"
    assert is_determined(spec, body(spec, first), Limits(20)) is determined
