"""That there is no answer is proved of grammars with reals, quotients and parts too; and of no problem that has one."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sygus
from ordinary import specification
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import interrupted
from solvers.cegis.search.exhaustion import refute_by_few
from solvers.cegis.strategy import InfeasibleError
from solvers.pausing import finished

REALS = "((R Real) (B Bool)) ((R Real (x 0.5 (ite B R R))) (B Bool ((<= R R))))"
THIRDS = "((R Real) (B Bool)) ((R Real (x (/ 1 3) (ite B R R))) (B Bool ((<= R R))))"
HALVES = "((I Int) (B Bool)) ((I Int (x 0 (div I 2) (mod I 2) (ite B I I))) (B Bool ((= I I))))"
ZEROS = "((I Int)) ((I Int (x 0 (div I 0) (mod I I))))"
LIST = "(declare-datatype List ((nil) (cons (head Int) (tail List))))"
PARTS = "((I Int) (L List)) ((I Int (0 (head L))) (L List (l (tail L))))"

NONE = {
    "reals, for all": f"""(set-logic LRA) (declare-var x Real) (synth-fun f ((x Real)) Real {REALS})
        (constraint (= (f x) (+ x 1.0)))""",
    "reals, by examples": f"""(set-logic LRA) (synth-fun f ((x Real)) Real {THIRDS})
        (constraint (= (f 1.0) 0.3333333333333333333333333333333))""",
    "quotients": f"(set-logic NIA) (synth-fun f ((x Int)) Int {HALVES}) (constraint (= (f 6) 5))",
    "quotients, for all": f"""(set-logic NIA) (declare-var x Int) (synth-fun f ((x Int)) Int {HALVES})
        (constraint (> (f x) (+ x 1)))""",
    "quotients by zero": f"(set-logic NIA) (synth-fun f ((x Int)) Int {ZEROS}) (constraint (= (f 6) 7))",
    "parts": f"""(set-logic ALL) {LIST} (synth-fun f ((l List)) Int {PARTS})
        (constraint (= (f (cons 1 (cons 2 nil))) 3))""",
    "of no grammar": """(set-logic LRA) (declare-var x Real) (synth-fun f ((x Real)) Real) (synth-fun g ((x Real)) Real)
        (constraint (> (f x) (g (+ x 1.0)))) (constraint (> (g x) (f (- x 1.0))))""",
    "of one with itself": """(set-logic LRA) (declare-var x Real)
        (synth-fun f ((x Real)) Real ((R Real)) ((R Real (x 0.5 (+ R R)))))
        (constraint (> (f x) (+ (f (+ x 1.0)) 1.0))) (constraint (>= (f x) (f (- x 3.0))))""",
    "calls": """(set-logic LIA) (set-feature :recursion true)
        (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0 (f I)))))
        (constraint (= (f 1) 2)) (constraint (= (f 1) 3))""",
}


@pytest.mark.parametrize("name", NONE)
def test_there_is_none(name: str) -> None:
    result = sygus.solve(f"{NONE[name]} (check-synth)", time=20)
    assert result.answer == "infeasible", result.notes


SOME = {
    "reals": f"(set-logic LRA) (declare-var x Real) (synth-fun f ((x Real)) Real {REALS}) (constraint (>= (f x) x))",
    "thirds": f"(set-logic LRA) (synth-fun f ((x Real)) Real {THIRDS}) (constraint (= (f 1.0) (/ 1 3)))",
    "quotients": f"""(set-logic NIA) (synth-fun f ((x Int)) Int {HALVES})
        (constraint (= (f 6) 3)) (constraint (= (f 5) 2))""",
    "quotients by zero": f"""(set-logic NIA) (declare-var x Int) (synth-fun f ((x Int)) Int {ZEROS})
        (constraint (=> (distinct x 0) (= (f x) 0)))""",
    "parts": f"""(set-logic ALL) {LIST} (synth-fun f ((l List)) Int {PARTS})
        (constraint (= (f (cons 1 (cons 2 (cons 7 nil)))) 7))""",
    "several": """(set-logic LRA) (declare-var x Real) (synth-fun f ((x Real)) Real) (synth-fun g ((x Real)) Real)
        (constraint (> (f x) (g (+ x 1.0)))) (constraint (>= (g x) (f (- x 9.0))))""",
}


@pytest.mark.parametrize("name", SOME)
def test_where_there_may_be_one_nothing_is_claimed(name: str) -> None:
    assert sygus.solve(f"{SOME[name]} (check-synth)", time=5).answer != "infeasible"


NUMBERS = st.integers(-4, 4)


@given(points=st.lists(NUMBERS, min_size=1, max_size=2, unique=True), outputs=st.tuples(NUMBERS, NUMBERS))
@settings(max_examples=60)
def test_what_is_proved_agrees_with_brute_force(points: list[int], outputs: tuple[int, int]) -> None:
    """Of the terms of ``x``, ``0.5`` and ``(ite B R R)``, whose behaviours on two points are few.

    Three levels of conditionals hold them all.
    """
    asked = " ".join(
        f"(constraint (= (f {_written(x)}) {_written(Fraction(y, 2))}))" for x, y in zip(points, outputs, strict=False)
    )
    grammar = "((R Real) (B Bool)) ((R Real (x 0.5 (ite B R R))) (B Bool ((<= R R) (= R R))))"
    stated = specification(f"(set-logic LRA) (synth-fun f ((x Real)) Real {grammar}) {asked}")
    with interrupted(limits := Limits(20.0)):
        try:
            finished(refute_by_few(stated, limits))
            proved = False
        except InfeasibleError:
            proved = True
    known = {tuple(map(Fraction, points)), (Fraction(1, 2),) * len(points)}
    for _ in range(3):
        tests = {tuple(a <= b for a, b in zip(*pair, strict=True)) for pair in product(known, repeat=2)}
        tests |= {tuple(a == b for a, b in zip(*pair, strict=True)) for pair in product(known, repeat=2)}
        known |= {
            tuple(a if c else b for c, a, b in zip(test, *pair, strict=True))
            for test in tests
            for pair in product(known, repeat=2)
        }
    wanted = tuple(Fraction(y, 2) for _, y in zip(points, outputs, strict=False))
    assert proved == (wanted not in known)


def _written(value: int | Fraction) -> str:
    number = Fraction(value)
    text = f"(/ {abs(number.numerator)} {number.denominator})"
    return text if number >= 0 else f"(- {text})"
