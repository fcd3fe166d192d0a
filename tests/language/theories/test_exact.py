"""Terms on Python's values: exact where the kernels of the search round or wrap, and the same everywhere else."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import z3

from sygus.language.elaborate import load_answer, load_problem
from sygus.language.terms import BOOL, INT, REAL, Sort, Term, Variable, leaf, term
from sygus.language.theories import Function, find_logic
from sygus.language.theories.exact import value_of
from sygus.language.theories.quantifiers import NotEvaluatedError
from sygus.language.theories.sorts import representation

SORTS = (BOOL, INT, REAL)
THEORY = find_logic("NIRA")
assert THEORY is not None
NAMES = (
    *("not", "and", "or", "=>", "xor", "=", "distinct", "ite", "<=", "<", ">=", ">"),
    *("+", "-", "*", "/", "div", "mod", "abs", "to_real", "to_int", "is_int"),
)
CASES = [
    pytest.param(found[0], sorts, found[1], id=f"{name} {' '.join(map(str, sorts))}")
    for name in NAMES
    for arity in (1, 2, 3)
    for sorts in product(SORTS, repeat=arity)
    if (found := THEORY.resolve(name, sorts)) is not None
]


def drawn(sort: Sort, draw: random.Random) -> Any:
    """A value, small or beyond what 64 bits and doubles hold."""
    if sort == BOOL:
        return draw.random() < 0.5
    number = draw.choice([draw.randint(-9, 9), draw.randint(-(2**90), 2**90)])
    return number if sort == INT else Fraction(number, draw.choice([1, 2, 7, 10**20]))


@pytest.mark.parametrize(("function", "sorts", "result"), CASES)
def test_numbers_are_those_of_z3(function: Function, sorts: tuple[Sort, ...], result: Sort) -> None:
    draw = random.Random(0)  # noqa: S311 - cases, not secrets
    variables = [Variable(f"x{place}", sort) for place, sort in enumerate(sorts)]
    root = term(function, tuple(map(leaf, variables)), result)
    tried = 0
    while tried < 12:
        values = [drawn(sort, draw) for sort in sorts]
        if any(values[place] == 0 for place in function.nonzero):
            continue
        tried += 1
        held = [representation(sort).z3_value(value) for sort, value in zip(sorts, values, strict=True)]
        expected = representation(result).read_z3(z3.simplify(function.z3(None, *held)))
        found = value_of(root, dict(zip(variables, values, strict=True)))
        assert (found, type(found)) == (expected, type(expected)), values


def function_of(logic: str, parameters: str, sort: str, body: str) -> Callable[..., Any]:
    """What a body of a file computes."""
    text = f"(set-logic {logic})(synth-fun f ({parameters}) {sort})(constraint true)(check-synth)"
    ((function, root),) = load_answer(
        load_problem(text, "test"), f"((define-fun f ({parameters}) {sort} {body}))", "answer"
    ).items()
    return lambda *values: value_of(root, dict(zip(function.parameters, values, strict=True)))


def test_conditions_and_macros_on_numbers_of_any_size() -> None:
    clipped = function_of("LIA", "(x Int) (y Int)", "Int", "(ite (not (<= x y)) (div x 3) (mod y (- 7)))")
    assert clipped(2**80 + 1, 5) == (2**80 + 1) // 3
    assert clipped(-(2**80), -(2**70)) == -(2**70) % 7
    assert function_of("LIRA", "(x Int)", "Real", "(/ (to_real x) 3.0)")(2**60 + 1) == Fraction(2**60 + 1, 3)


@pytest.mark.parametrize(
    ("logic", "parameters", "sort", "body", "values", "expected"),
    [
        ("BV", "(x (_ BitVec 8))", "(_ BitVec 8)", "(bvadd x (bvnot x))", (7,), 255),
        ("BV", "(x (_ BitVec 64))", "(_ BitVec 64)", "(bvudiv x #x0000000000000003)", (2**64 - 1,), (2**64 - 1) // 3),
        ("SLIA", "(s String) (i Int)", "String", "(str.substr s i (str.len s))", ("häuser", 2), "user"),
        ("SLIA", "(s String)", "Bool", '(str.contains s "a")', ("xyz",), False),
        ("SLIA", "(s String)", "Int", "(+ 1 (str.to_int s))", ("41",), 42),
        ("LIA", "", "Int", "(+ 1 2)", (), 3),
        ("LIA", "", "Bool", "(not (= 1 2))", (), True),
    ],
)
def test_values_of_the_other_sorts(
    logic: str, parameters: str, sort: str, body: str, values: tuple[Any, ...], expected: Any
) -> None:
    found = function_of(logic, parameters, sort, body)(*values)
    assert (found, type(found)) == (expected, type(expected))


def test_arrays_and_datatypes_are_computed_with() -> None:
    text = """(set-logic ALL) (declare-datatype Pair ((pair (first Int) (second Int))))
        (synth-fun f ((x Int)) Int) (constraint true) (check-synth)"""
    answer = (
        "((define-fun f ((x Int)) Int (+ (first (pair x 1)) (select (store ((as const (Array Int Int)) 5) x 6) 0))))"
    )
    ((function, root),) = load_answer(load_problem(text, "test"), answer, "answer").items()
    assert [value_of(root, {function.parameters[0]: x}) for x in (0, 3)] == [6, 8]


def test_a_quantifier_is_left_to_z3() -> None:
    with pytest.raises(NotEvaluatedError, match="forall"):
        function_of("LIA", "(x Int)", "Bool", "(forall ((y Int)) (<= x y))")(3)


def test_kernels_serve_numpys_floats_as_before() -> None:
    root: Term = term(*_floor())
    kernel = root.head.kernel
    assert kernel(np.array([2.5, 3 - 1e-12])).tolist() == [2, 3]
    assert kernel(np.array([2.5])).dtype == np.int64


def _floor() -> tuple[Function, tuple[Term, ...], Sort]:
    assert THEORY is not None
    found = THEORY.resolve("to_int", (REAL,))
    assert found is not None
    return found[0], (leaf(Variable("x", REAL)),), found[1]
