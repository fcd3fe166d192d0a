"""Functions that were found take and give values of Python."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sygus.app.functions import SynthesizedFunction
from sygus.errors import OptionError, SycamError
from sygus.language.elaborate import load_answer, load_problem
from sygus.language.terms import Term


def function_of(logic: str, parameters: str, sort: str, body: str, declared: str = "") -> SynthesizedFunction:
    """The function whose body is the grammar's one word."""
    text = f"""(set-logic {logic}) {declared}
        (synth-fun f ({parameters}) {sort} ((S {sort})) ((S {sort} ({body})))) (constraint true) (check-synth)"""
    problem = load_problem(text, "test")
    ((symbol, root),) = load_answer(problem, f"((define-fun f ({parameters}) {sort} {body}))", "answer").items()
    derivation = problem.target.written.derive(root)
    assert derivation is not None
    return SynthesizedFunction(symbol, root, derivation, problem.theory)


@pytest.mark.parametrize(
    ("logic", "parameters", "sort", "body", "arguments", "expected"),
    [
        ("LIA", "(x Int) (y Int)", "Int", "(ite (<= x y) y x)", (3, 5), 5),
        ("LIA", "(x Int) (y Int)", "Int", "(ite (<= x y) y x)", (np.int64(7), 5), 7),
        ("NIA", "(x Int)", "Int", "(* x x)", (2**40,), 2**80),
        ("LIA", "(x Int) (b Bool)", "Bool", "(and b (not (= x 1)))", (2, True), True),
        ("LRA", "(x Real)", "Real", "(+ x 0.5)", (Fraction(1, 3),), Fraction(5, 6)),
        ("LRA", "(x Real)", "Real", "(+ x 0.5)", (1,), Fraction(3, 2)),
        ("LRA", "(x Real)", "Real", "(+ x 0.5)", (Decimal("0.1"),), Fraction(3, 5)),
        ("LRA", "(x Real)", "Real", "(+ x 0.2)", (0.1,), 0.3),
        ("LRA", "(x Real)", "Bool", "(= x 0.1)", (0.1,), True),
        ("LIRA", "(x Real)", "Int", "(to_int x)", (-0.5,), -1),
        ("SLIA", "(s String)", "String", '(str.++ s "é")', ("caf",), "café"),
        ("SLIA", "(s String)", "Int", "(str.len s)", ("🐍",), 1),
        ("BV", "(x (_ BitVec 8))", "(_ BitVec 8)", "(bvsub x #x01)", (0,), 255),
        ("BV", "(x (_ BitVec 64))", "(_ BitVec 64)", "(bvadd x x)", (2**63 + 1,), 2),
        ("LIA", "", "Int", "7", (), 7),
    ],
)
def test_values(logic: str, parameters: str, sort: str, body: str, arguments: tuple[Any, ...], expected: Any) -> None:
    found = function_of(logic, parameters, sort, body)(*arguments)
    assert (found, type(found)) == (expected, type(expected))


def test_values_of_datatypes_and_arrays_are_terms() -> None:
    declared = "(declare-datatype Pair ((pair (first Int) (second Int))))"
    swap = function_of("ALL", "(p Pair)", "Pair", "(pair (second p) (first p))", declared)
    make = function_of("ALL", "(x Int)", "(Array Int Int)", "(store ((as const (Array Int Int)) 0) 3 x)")
    made = make(5)
    assert isinstance(made, Term)
    assert repr(made) == "(store ((as const (Array Int Int)) 0) 3 5)"
    with pytest.raises(OptionError, match="f: p is 3; give a constant term of the sort Pair"):
        swap(3)
    with pytest.raises(OptionError, match="give a constant term of the sort Pair"):
        swap(made)
    (pair,) = load_answer(
        load_problem(f"(set-logic ALL) {declared} (synth-fun f () Pair) (constraint true) (check-synth)", "test"),
        "((define-fun f () Pair (pair 1 2)))",
        "answer",
    ).values()
    assert repr(swap(pair)) == "(pair 2 1)"


@pytest.mark.parametrize(
    ("parameter", "argument", "message"),
    [
        ("(x Int)", True, "f: x is True, no Int; give an int"),
        ("(x Int)", 1.0, "f: x is 1.0, no Int; give an int"),
        ("(x Bool)", 1, "f: x is 1, no Bool; give True or False"),
        ("(x Real)", "1", "f: x is '1', no Real; give a finite number"),
        ("(x Real)", float("nan"), "f: x is nan, no Real; give a finite number"),
        ("(x Real)", Decimal("Infinity"), "f: x is of the type Decimal, no Real; give a finite number"),
        ("(x String)", 3, "f: x is 3, no String; give a str of characters up to U"),
        ("(x String)", "\U000e0001", "no String; give a str of characters up to U"),
        ("(x (_ BitVec 8))", 256, "f: x is 256, no (_ BitVec 8); give an int from 0 to 255"),
        ("(x (_ BitVec 8))", -1, "f: x is -1, no (_ BitVec 8); give an int from 0 to 255"),
    ],
)
def test_arguments_of_another_sort(parameter: str, argument: object, message: str) -> None:
    with pytest.raises(OptionError) as error:
        function_of("ALL", parameter, "Int", "1")(argument)
    assert message in str(error.value)


def test_another_number_of_arguments() -> None:
    maximum = function_of("LIA", "(x Int) (y Int)", "Int", "(ite (<= x y) y x)")
    with pytest.raises(OptionError, match=r"f is given 3 arguments; it takes x:Int y:Int"):
        maximum(1, 2, 3)
    with pytest.raises(OptionError, match=r"f is given 1 arguments; it takes nothing"):
        function_of("LIA", "", "Int", "1")(1)


def test_a_quantifier_is_an_error_of_the_caller() -> None:
    smallest = function_of(
        "LIA", "(x Int)", "Bool", "(least x)", "(define-fun least ((x Int)) Bool (forall ((y Int)) (<= x y)))"
    )
    with pytest.raises(SycamError, match="only Z3 decides such formulas"):
        smallest(3)


def test_it_prints_as_its_definition() -> None:
    maximum = function_of("LIA", "(x Int) (y Int)", "Int", "(ite (<= x y) y x)")
    assert str(maximum) == maximum.text == "(define-fun f ((x Int) (y Int)) Int (ite (<= x y) y x))"
    assert repr(maximum) == f"SynthesizedFunction({maximum.text})"
    assert (maximum.name, maximum.size) == ("f", 6)
    assert maximum.derived_by == "(ite (<= x y) y x)"
