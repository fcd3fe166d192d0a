"""The machine for recursive functions against tables of rows, and against Python."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from sygus.errors import TooLargeError
from sygus.language.elaborate import load_problem
from sygus.language.theories.machine import EndlessError, Machine, OutOfStepsError
from sygus.language.theories.quantifiers import NotEvaluatedError
from sygus.language.theories.recursion import Recursive, strictly
from sygus.language.theories.sorts import representation


def function(definition: str, name: str = "f", logic: str = "ALL") -> Recursive:
    problem = load_problem(f"(set-logic {logic}) {definition} (synth-fun |to find| () Int) (check-synth)", "test")
    found = problem.scope.symbols[name]
    assert isinstance(found, Recursive)
    return found


def by_machine(one: Recursive, *row: Any, exact: bool = False, steps: int = 1 << 20, settled: bool = False) -> Any:
    known: dict[Recursive, dict[Any, Any]] = {}
    machine = Machine(lambda f, exact: f.code(exact=exact), lambda f: known.setdefault(f, {}), settled=settled)
    machine.steps = steps
    machine.find(one, (exact, *row))
    return known[one][exact, *row]


NUMBERS = "(define-fun-rec f ((x Int) (y Int)) Int (ite (<= x 0) {base} {step}))"
BODIES = {
    "sums": NUMBERS.format(base="(- y)", step="(+ x y (f (- x 1) (- y 2 x)))"),
    "products, which become large": NUMBERS.format(base="7", step="(* x 1000000007 (f (- x 1) y))"),
    "quotients": NUMBERS.format(base="(div y 3)", step="(+ (mod y 5) (div (f (- x 2) (+ y 1)) 2) (abs y))"),
    "common parts": NUMBERS.format(
        base="y", step="(let ((z (+ x (f (- x 1) y)))) (ite (> z 3) (* z 2) (+ z (ite (= z 0) 1 z))))"
    ),
    "connectives": NUMBERS.format(
        base="1",
        step="""(ite (and (> x y) (or (= x 2) (distinct y 3) (not (< (f (- x 1) y) 9))) (=> (= x y) (= 1 2) (= x 0)))
                2 (ite (=> (> y 1) (>= x 3 y) (= (f (- x 1) y) y)) (f (- x 1) (+ y 1)) (- (f (- x 2) y) 1)))""",
    ),
    "two that call one another": """(define-funs-rec ((f ((x Int) (y Int)) Int) (g ((y Int) (x Int)) Bool))
        ((ite (<= x 0) y (ite (g y x) (f (- x 1) y) (+ 1 (f (- x 1) y))))
         (and (> x 0) (or (= y 0) (= (f (- x 2) (- y 1)) 0)))))""",
}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_the_machine_says_what_the_table_says(name: str, exact: bool) -> None:
    rows = list(product(range(-2, 9), range(-4, 5)))
    columns = [np.array(column, object if exact else np.int64) for column in zip(*rows, strict=True)]
    table = function(BODIES[name]).kernel(*columns)
    assert [by_machine(function(BODIES[name]), *row, exact=exact) for row in rows] == table.tolist()


def test_values_of_other_sorts() -> None:
    reals = function("(define-fun-rec f ((x Real)) Real (ite (<= x 0.0) 0.1 (+ (/ x 3.0) (f (- x 1.0)))))")
    assert by_machine(reals, Fraction(2), exact=True) == Fraction(11, 10)
    assert by_machine(reals, 2.0) == pytest.approx(1.1)
    strings = function('(define-fun-rec f ((s String)) Int (ite (= s "") 0 (+ 1 (f (str.substr s 1 (str.len s))))))')
    held = representation(strings.parameters[0].sort)
    assert [by_machine(strings, held.encode("abc"), exact=exact) for exact in (False, True)] == [3, 3]
    bits = function("""(define-fun-rec f ((v (_ BitVec 8))) (_ BitVec 8)
        (ite (= v #x00) #x00 (bvadd (bvand v #x01) (f (bvlshr v #x01)))))""")
    assert by_machine(bits, 0xB7) == 6
    true = function("(define-fun-rec f ((b Bool) (n Int)) Bool (ite (= n 0) b (f (not b) (- n 1))))")
    assert [by_machine(true, True, n) for n in range(4)] == [True, False, True, False]


def test_depth_is_bounded_by_steps_alone() -> None:
    total = "(define-fun-rec f ((n Int)) Int (ite (= n 0) 0 (+ n (f (- n 1)))))"
    assert by_machine(function(total), 20_000) == 20_000 * 20_001 // 2
    with pytest.raises(OutOfStepsError):
        by_machine(function(total), 20_000, steps=10_000)
    with pytest.raises(OutOfStepsError):
        by_machine(function(total), -1, steps=10_000)
    assert function(total).kernel(np.array([700, 5000, 3])).tolist() == [n * (n + 1) // 2 for n in (700, 5000, 3)]
    with strictly():
        assert function(total).kernel(np.array([30_000])).tolist() == [450_015_000]


def test_deep_bodies_are_compiled_without_recursion() -> None:
    inner = f"{5000 * '(+ 1 '}(f (- n 1)){5000 * ')'}"
    assert by_machine(function(f"(define-fun-rec f ((n Int)) Int (ite (<= n 0) 0 {inner}))"), 3) == 15_000


def test_what_waits_for_itself_has_no_value() -> None:
    endless = function("(define-fun-rec f ((n Int)) Int (ite (= n 9) 4 (+ 1 (f (mod (+ n 2) 6)))))")
    with pytest.raises(EndlessError):
        by_machine(endless, 0)
    assert by_machine(endless, 9) == 4


def test_a_value_is_settled_where_nothing_is_left_open() -> None:
    quotient = function("(define-fun-rec f ((n Int)) Int (ite (= n 0) (div 6 n) (ite (= n 1) (div 6 2) (f (- n 2)))))")
    assert by_machine(quotient, 7, settled=True) == 3
    assert by_machine(quotient, 6) == 0
    with pytest.raises(EndlessError):
        by_machine(quotient, 6, settled=True)


@pytest.mark.parametrize("exact", [False, True])
def test_numbers_that_grow_without_bound_are_refused(exact: bool) -> None:
    for sort, two in (("Int", 2), ("Real", Fraction(2))):
        grows = function(f"(define-fun-rec f ((n {sort})) {sort} (f (* n n)))")
        with pytest.raises((TooLargeError, EndlessError)):
            by_machine(grows, two if exact else float(two) if sort == "Real" else two, exact=exact)


def test_quantifiers_are_not_evaluated() -> None:
    one = function("(define-fun-rec f ((n Int)) Int (ite (forall ((x Int)) (> x n)) 1 (f (- n 1))))")
    with pytest.raises(NotEvaluatedError):
        by_machine(one, 3)
