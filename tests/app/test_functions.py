"""Functions that were found take and give values of Python."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import z3

from sygus.app.functions import SynthesizedFunction
from sygus.app.values import Cells
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


DECLARED = "(declare-sort U 0) (declare-datatype Pair ((pair (first Int) (second Int))))"


def test_values_of_datatypes_are_terms() -> None:
    declared = DECLARED
    swap = function_of("ALL", "(p Pair)", "Pair", "(pair (second p) (first p))", declared)
    with pytest.raises(OptionError, match="f: p is 3, no Pair; give a constant term of the sort Pair"):
        swap(3)
    with pytest.raises(OptionError, match="give a constant term of the sort Pair"):
        swap(swap.term)
    (pair,) = load_answer(
        load_problem(f"(set-logic ALL) {declared} (synth-fun f () Pair) (constraint true) (check-synth)", "test"),
        "((define-fun f () Pair (pair 1 2)))",
        "answer",
    ).values()
    assert isinstance(swap(pair), Term)
    assert repr(swap(pair)) == "(pair 2 1)"


@pytest.mark.parametrize(
    ("sort", "given", "expected"),
    [
        ("(Array Int Int)", {3: 7}, Cells({3: 8}, default=0)),
        ("(Array Int Int)", {3: 2**70, 2**80: -1}, Cells({3: 2**70 + 1, 2**80: -1})),
        ("(Array Int Int)", {}, Cells({3: 1}, default=0)),
        ("(Array Int Int)", [1, 2, 3, 4], Cells({0: 1, 1: 2, 2: 3, 3: 5})),
        ("(Array Int Int)", (1,), {0: 1, 3: 1}),
        ("(Array Int Int)", Cells({3: 1}, default=5), Cells({3: 2}, default=5)),
        ("(Array Int Int)", defaultdict(lambda: 4, {0: 1}), Cells({0: 1, 3: 5}, default=4)),
        ("(Array Int Real)", {3: Fraction(1, 2)}, Cells({3: Fraction(3, 2)})),
        ("(Array Int Real)", [0.25], Cells({0: 0.25, 3: 1.0}, default=0.0)),
    ],
)
def test_arrays_are_dicts_of_some_cells(sort: str, given: Any, expected: dict[Any, Any]) -> None:
    one = "1" if sort.endswith("Int)") else "1.0"
    found = function_of("ALL", f"(a {sort})", sort, f"(store a 3 (+ {one} (select a 3)))")(given)
    assert isinstance(found, Cells)
    assert found == expected
    assert {type(cell) for cell in found.values()} == {type(cell) for cell in expected.values()}


def test_arrays_of_other_sorts() -> None:
    inner = function_of("ALL", "(a (Array Int (Array Int Bool)))", "Bool", "(select (select a 1) 2)")
    assert [inner([[], [False, False, True]]), inner({1: {2: True}}), inner({})] == [True, True, False]
    bits = function_of("ALL", "(a (Array (_ BitVec 4) String))", "String", "(select a #xf)")
    assert [bits({15: "x"}), bits(["x"]), bits(Cells(default="d"))] == ["x", "", "d"]
    keyed = function_of("ALL", "(x Int)", "(Array (Array Int Int) Int)", "((as const (Array (Array Int Int) Int)) x)")
    assert repr(keyed(3)) == "((as const (Array (Array Int Int) Int)) 3)"
    assert Cells({1: 2, 3: 0}) == Cells({1: 2})
    assert Cells({1: 2}) != Cells({1: 2}, default=1)
    assert repr(Cells({1: 2})) == "Cells({1: 2}, default=0)"


@pytest.mark.parametrize("given", [3, "ab", {1: "a"}, {"a": 1}, {1: True}, Cells(default=0.5)])
def test_what_is_no_array(given: object) -> None:
    with pytest.raises(OptionError, match="give a dict from an int to an int, or a list of"):
        function_of("ALL", "(a (Array Int Int))", "Int", "(select a 0)")(given)


def test_arguments_by_name() -> None:
    lower = function_of("LIA", "(x Int) (limit Int)", "Int", "(- x limit)")
    assert [lower(7, limit=2), lower(limit=2, x=7)] == [5, 5]
    for given, named, message in (
        ((7,), {"limt": 2}, "f has no parameter 'limt'; did you mean 'limit'? it takes: x, limit"),
        ((7,), {"x": 2}, "f is given 'x' by its place and by its name; give it once"),
        ((), {"x": 2}, "f is given 1 arguments; it takes x:Int limit:Int"),
    ):
        with pytest.raises(OptionError) as error:
            lower(*given, **named)
        assert str(error.value) == message


def test_smtlib_stands_alone() -> None:
    """Z3 reads it where nothing else is declared."""
    macro = f"{DECLARED} (define-fun |my swap| ((p Pair)) Pair (pair (second p) (first p)))"
    swap = function_of("ALL", "(p Pair) (u U)", "Pair", "(|my swap| p)", macro)
    assert "my swap" not in swap.smtlib
    solver = z3.Solver()
    solver.from_string(f"{swap.smtlib} (declare-const u U) (assert (distinct (f (pair 1 2) u) (pair 2 1)))")
    assert solver.check() == z3.unsat
    lists = "(declare-datatypes ((List 1)) ((par (T) ((nil) (cons (head T) (tail (List T)))))))"
    first = function_of("ALL", "(l (List Real))", "Real", "(/ (head l) 3.0)", lists)
    solver.from_string(f"{first.smtlib} (assert (distinct (f (cons 6.0 (as nil (List Real)))) 2.0))")
    assert solver.check() == z3.unsat


def test_recursive_definitions_are_computed_deep_and_written_with_the_function() -> None:
    both = """(define-funs-rec ((even ((n Int)) Bool) (odd ((n Int)) Bool))
        ((ite (<= n 0) true (odd (- n 1))) (ite (<= n 0) false (even (- n 1)))))"""
    odd = function_of("ALL", "(x Int)", "Bool", "(not (even x))", both)
    assert [odd(x) for x in (0, 7, 1001, 3000)] == [False, True, True, False]
    solver = z3.Solver()
    solver.from_string(f"{odd.smtlib} (assert (f 7)) (assert (not (f 6)))")
    assert solver.check() == z3.sat


@pytest.mark.parametrize(
    ("logic", "parameters", "sort", "body", "latex", "symbolic"),
    [
        (
            *("LIA", "(x Int) (limit Int)", "Int", "(ite (<= x limit) x (- limit))"),
            r"f\left(x, \mathrm{limit}\right) = \begin{cases}x & \text{if } x \le \mathrm{limit}\\ "
            r"-\mathrm{limit} & \text{otherwise}\end{cases}",
            "Piecewise((x, limit >= x), (-limit, True))",
        ),
        ("LRA", "(x Real)", "Real", "(* 0.5 x)", r"f\left(x\right) = \tfrac{1}{2} \, x", "x/2"),
        ("BV", "(x (_ BitVec 8))", "(_ BitVec 8)", "(bvneg x)", r"f\left(x\right) = -x", "bvneg(x)"),
        (
            "SLIA",
            "(s String)",
            "String",
            '(str.++ s "a b")',
            r"f\left(s\right) = s \cdot \text{'a b'}",
            'str.++(s, "a b")',
        ),
        ("LIA", "(p Bool) (q Bool)", "Bool", "(and p (not q))", r"f\left(p, q\right) = p \land \lnot q", "p & ~q"),
        ("LIA", "", "Int", "7", "f = 7", "7"),
    ],
)
def test_formulas(logic: str, parameters: str, sort: str, body: str, latex: str, symbolic: str) -> None:
    found = function_of(logic, parameters, sort, body)
    assert found.latex == latex
    assert str(found.sympy.doit()) == symbolic


def test_algebra_knows_whole_numbers() -> None:
    found = function_of("NIA", "(x Int)", "Int", "(* x (* x 2))").sympy.doit()
    x = sympy.Symbol("x", integer=True)
    assert found == 2 * x**2
    assert found.is_even


def test_only_what_is_asked_for_is_imported() -> None:
    program = """import sys, sygus
f = sygus.solve("(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ I I))))) (declare-var x Int)"
    "(constraint (= (f x) (* 2 x))) (check-synth)", time=60).function
assert (f(x=2), f.latex, f.smtlib) == (4, r"f\\left(x\\right) = x + x", "(define-fun f ((x Int)) Int (+ x x))")
assert not {"torch", "sympy"} & set(sys.modules)
assert str(f.sympy.doit()) == "2*x"
assert "torch" not in sys.modules"""
    subprocess.run([sys.executable, "-c", program], check=True)


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
