"""Functions that are applied to one another, or connected by constraints: found together, smallest first."""

from __future__ import annotations

from itertools import count, product

import pytest

from ordinary import answer_of, specification, syntactic_terms
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import verify
from solvers.cegis.portfolio import Portfolio

INVOLUTION = """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var x Int)
    (constraint (= (f (f x)) x)) (constraint (not (= (f x) x)))"""
INVERSE = """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((x Int)) Int) (declare-var x Int)
    (constraint (= (f (g x)) x)) (constraint (= (g x) (+ x 3)))"""
SUM = """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((y Int)) Int) (declare-var x Int) (declare-var y Int)
    (constraint (= (+ (f x) (g y)) (+ x (* 2 y) 1000))) (constraint (=> (> x 1500) (> (f x) 1500)))"""
MAXIMUM = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int)
    (declare-var x Int) (declare-var y Int) (declare-var z Int)
    (constraint (= (f x (f y z)) (f (f x y) z))) (constraint (>= (f x y) x)) (constraint (>= (f x y) y))
    (constraint (or (= (f x y) x) (= (f x y) y)))"""
CODEC = """(set-logic SLIA)
    (synth-fun encode ((s String)) String ((S String)) ((S String (s "ab" "x" (str.++ S S)))))
    (synth-fun decode ((s String)) String ((S String) (I Int))
      ((S String (s "ab" (str.substr S I I))) (I Int (0 1 2 (str.len S) (- I I)))))
    (declare-var s String)
    (constraint (= (decode (encode s)) s)) (constraint (str.prefixof "ab" (encode s)))"""
CONSTANT = """(set-logic LIA) (synth-fun c () Int) (synth-fun f ((x Int)) Int) (declare-var x Int)
    (constraint (= (f c) 7)) (constraint (> (f x) x)) (constraint (> c 3))"""


@pytest.mark.parametrize(
    ("text", "size"), [(INVOLUTION, 3), (INVERSE, 6), (SUM, 6), (MAXIMUM, 6), (CODEC, 8), (CONSTANT, 6)]
)
def test_functions_that_are_connected_or_nested(text: str, size: int) -> None:
    found, portfolio = answer_of(text, "joint", patience=1.0)
    assert found is not None, portfolio.notes
    assert found.answer.size <= size


BITS = """(set-logic BV) (define-sort B () (_ BitVec 4))
    (synth-fun f ((x B)) B ((S B)) ((S B (x #x1 (bvnot S) (bvadd S S)))))
    (synth-fun g ((x B)) B ((S B)) ((S B (x #x6 (bvneg S) (bvxor S S)))))
    (declare-var x B) """


@pytest.mark.parametrize(
    "constraints",
    [
        "(constraint (= (f (g x)) x))",
        "(constraint (= (g (f x)) (bvadd x #x2))) (constraint (not (= (f x) x)))",
        "(constraint (= (f (g x)) (bvnot (g (f x))))) (constraint (not (= (f x) #x0)))",
        "(constraint (bvult (f x) (g (f x))))",
        "(constraint (= (bvadd (f x) (g (bvnot x))) x))",
    ],
)
def test_the_first_answer_is_a_smallest_one(constraints: str) -> None:
    spec = specification(BITS + constraints)
    (first, second), limits = spec.targets, Limits(60)

    def answers(total: int) -> bool:
        """Whether some pair of terms of this size is right, by definition."""
        for size in range(1, total):
            ones = syntactic_terms(first.grammar, first.grammar.start, size)
            others = syntactic_terms(second.grammar, second.grammar.start, total - size)
            for one, other in product(ones, others):
                if verify(spec, {first.function: one, second.function: other}, limits).correct:
                    return True
        return False

    portfolio = Portfolio.of(spec, Limits(60), "joint")
    found = next(portfolio.answers(), None)
    smallest = next(total for total in count(2) if total > 7 or answers(total))
    if smallest > 7:
        assert found is None or found.answer.size > 7
    else:
        assert found is not None
        assert found.answer.size == smallest


def test_every_answer_of_a_finite_space() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0 (- 0 x) (- 1 x)))))
        (synth-fun g ((x Int)) Int ((I Int)) ((I Int (x 1 (- 0 x) (- 1 x))))) (declare-var x Int)
        (constraint (= (f (g x)) x))"""
    portfolio = Portfolio.of(specification(text), Limits(20), "joint")
    pairs = {tuple(repr(body) for body in found.answer.bodies.values()) for found in portfolio.answers()}
    assert pairs == {("x", "x"), ("(- 0 x)", "(- 0 x)"), ("(- 1 x)", "(- 1 x)")}
    assert not portfolio.out_of_time


def test_the_largest_size_bounds_all_together() -> None:
    portfolio = Portfolio.of(specification(INVERSE), Limits(20, size=5), "joint")
    assert list(portfolio.answers()) == []
    assert not portfolio.out_of_time


def test_the_same_answer_every_time() -> None:
    one, other = (answer_of(CODEC)[0] for _ in range(2))
    assert one.answer.text == other.answer.text


LIST = """(set-logic ALL) (declare-datatypes ((L 0)) (((nil) (cons (head Int) (tail L)))))
    (synth-fun f ((x L)) L) (synth-fun g ((x L)) L) (declare-var x L) (constraint (= (f (g x)) (cons 1 (cons 2 x))))"""


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("""(set-logic LIA) (synth-fun c () Int) (synth-fun d () Int)
            (constraint (= (+ c d) 7)) (constraint (> c (* 2 d)))""", None),
        ("""(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0))))
            (synth-fun g ((x Int)) Int) (declare-var x Int)
            (constraint (> (f x) x)) (constraint (= (g (f x)) 1))""", None),
        (LIST, 1),
    ],
)  # fmt: skip
def test_it_ends(text: str, size: int | None) -> None:
    """Functions without parameters, a function that has no terms left, too small a limit."""
    portfolio = Portfolio.of(specification(text), Limits(5, size=size), "joint")
    list(zip(range(1), portfolio.answers(), strict=False))
    assert portfolio.limits.spent < 5.5


@pytest.mark.parametrize("width", [63, 64])
def test_wide_bit_vectors(width: int) -> None:
    text = f"""(set-logic BV) (define-sort B () (_ BitVec {width})) (synth-fun f ((x B)) B) (declare-var x B)
        (constraint (= (f (f x)) x)) (constraint (not (= (f x) x)))"""
    found, _ = answer_of(text)
    assert found is not None


def test_counterexamples_that_no_fraction_is() -> None:
    text = """(set-logic NRA) (synth-fun f ((x Real)) Real ((R Real)) ((R Real (x 0.0 1.0 (* R R)))))
        (declare-var x Real) (constraint (=> (= (* x x) 2.0) (= (f (f x)) 4.0)))"""
    found, _ = answer_of(text)
    assert found is not None


def test_quotients_by_zero_do_not_matter() -> None:
    text = """(set-logic NRA) (synth-fun f ((x Real)) Real) (declare-var x Real) (declare-var y Real)
        (constraint (=> (not (= y 0.0)) (= (f (/ x y)) (+ (/ x y) 1.0)))) (constraint (= (f (f x)) (+ x 2.0)))"""
    found, _ = answer_of(text)
    assert found is not None
    assert found.answer.size == 3


def test_terms_are_told_apart_where_counterexamples_look() -> None:
    """On small arguments both terms are the same."""
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int) (B Bool))
        ((I Int (x 0 (ite B 0 x))) (B Bool ((= x 56088))))) (declare-var x Int)
        (constraint (= (f (f x)) (ite (= x (* 123 456)) 0 x)))"""
    found, _ = answer_of(text)
    assert found is not None


def test_parameters_of_which_there_are_no_random_values_are_left_alone() -> None:
    text = """(set-logic SLIA) (synth-fun f ((r RegLan) (s String)) Bool) (declare-var s String)
        (constraint (= (f (str.to_re "a") s) (not (f (str.to_re "b") s))))"""
    assert "joint" not in [s.name for s in Portfolio.of(specification(text), Limits(1)).strategies]
