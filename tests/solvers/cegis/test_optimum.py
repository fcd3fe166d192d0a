"""Objectives and weights in ordinary logics: the best values are known by hand, and proofs of them are proofs."""

from fractions import Fraction
from math import inf

import pytest

import sygus
from ordinary import specification, syntactic_terms
from solvers.cegis.limits import Limits
from solvers.cegis.optimum import Optimum
from solvers.cegis.search.weighing import achievable, weighed
from sygus.errors import SourceError
from sygus.language.elaborate import load_problem
from sygus.language.terms import Nonterminal

WEIGHTS = "(set-feature :weights true)"
LINE = "(declare-var x Int) (synth-fun f ((x Int)) Int)"
MAX2 = """(declare-var x Int) (declare-var y Int) (constraint (>= (f x y) x)) (constraint (>= (f x y) y))
(constraint (or (= (f x y) x) (= (f x y) y)))"""


def solved(text: str, seconds: float = 30.0) -> Optimum:
    optimum = Optimum(load_problem(text, "test.sl"), Limits(seconds))
    optimum.solve()
    return optimum


def values(optimum: Optimum) -> tuple[int | Fraction, ...]:
    assert optimum.best is not None
    return optimum.best.values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"(set-logic LIA) {LINE} (constraint (>= (f x) (* 2 x))) (constraint (>= (f x) (- 7 x)))"
         "(constraint (<= (f 100) 300)) (optimize-synth ((! (f 3) :min) (! (f 100) :max)) :lexico)", (6, 300)),
        ("(set-logic LIA) (synth-fun a () Int) (constraint (>= (* 3 a) 100)) (optimize-synth (a))", (34,)),
        ("(set-logic LIA) (synth-fun a () Int) (synth-fun b () Int) (constraint (<= (+ a b) 9)) (constraint (<= a 5))"
         "(constraint (<= b 7)) (optimize-synth ((! (+ a (* 2 b)) :max)))", (16,)),
        ("(set-logic LRA) (declare-var x Real) (synth-fun f ((x Real)) Real ((R Real)) ((R Real (x (Constant Real)"
         "(+ R R))))) (constraint (<= (f 1.0) 2.5)) (constraint (>= (f x) x)) (optimize-synth ((! (f 1.0) :max)))",
         (Fraction(5, 2),)),
        (f"(set-logic LIA) {WEIGHTS} (declare-weight c) (synth-fun f ((x Int) (y Int)) Int ((I Int) (B Bool))"
         "((I Int ((! x :c 1) (! y :c 1) (! (+ I I) :c 5) (! (ite B I I) :c 2))) (B Bool ((! (<= I I) :c 1)))))"
         f"{MAX2} (optimize-synth ((! (_ c f) :min)))", (7,)),
        (f"(set-logic BV) {WEIGHTS} (declare-weight ops :default 1) (synth-fun f ((x (_ BitVec 8))) (_ BitVec 8)"
         "((S (_ BitVec 8))) ((S (_ BitVec 8) ((! x :ops 0) (! #x01 :ops 0) (bvadd S S) (bvsub S S) (bvand S S)))))"
         "(declare-var x (_ BitVec 8)) (constraint (= (f x) (bvand x (bvsub x #x01)))) (optimize-synth ((_ ops f)))",
         (2,)),
        (f"(set-logic LIA) {WEIGHTS} (synth-fun f () Int ((I Int)) ((I Int ((! 1 :weight 3) (! 2 :weight 5) 4))))"
         "(constraint (<= f 2)) (optimize-synth ((! (_ weight f) :max)))", (5,)),
        (f"(set-logic LIA) {WEIGHTS} (synth-fun f () Int ((I Int)) ((I Int ((! 1 :weight 3) (! 2 :weight 5) 4))))"
         "(optimize-synth ((! (- (* 2 f) (_ weight f)) :min)))", (-1,)),
        (f"(set-logic LIA) {LINE} (assume (> x 10)) (constraint (= (f x) x)) (constraint (>= (f 5) 2))"
         "(optimize-synth ((! (f 5) :min)))", (2,)),
        ("(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (Constant Int) (+ I I)))))"
         "(constraint (exists ((y Int)) (= (f y) 3))) (constraint (>= (f 5) 0)) (optimize-synth ((! (f 5) :min)))",
         (0,)),
    ],
)  # fmt: skip
def test_the_best_is_found_and_proved(text: str, expected: tuple[int | Fraction, ...]) -> None:
    optimum = solved(text)
    assert values(optimum) == expected
    assert optimum.proved


def test_a_pareto_set() -> None:
    optimum = solved("""(set-logic LIA) (synth-fun a () Int) (synth-fun b () Int) (constraint (>= a 0))
        (constraint (>= b 0)) (constraint (>= (+ a b) 3)) (optimize-synth (a b))""")
    assert values(optimum) == (0, 3)
    assert [one.values for one in optimum.others] == [(1, 2), (2, 1), (3, 0)]
    assert optimum.proved
    assert optimum.complete


def test_a_finite_grammar_has_no_weights_beyond_its_own() -> None:
    text = f"""(set-logic LIA) {WEIGHTS} (synth-fun f () Int ((I Int) (J Int)) ((I Int ((! (+ J J) :weight 2)))
        (J Int ((! 1 :weight 1) (! 2 :weight 40)))))"""
    (target,) = specification(text).targets
    found = {most: achievable(target.written, {"weight": 0}, most, lambda: None) for most in (3, 50, 90)}
    assert found == {3: (set(), 3), 50: ({(4,), (43,)}, 50), 90: ({(4,), (43,), (82,)}, inf)}


def test_a_strategy_that_finds_no_better_one_ends_with_the_best_so_far() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (0 1 x (+ I I)))))
        (constraint (= (f 1) 2)) (optimize-synth ((! (f 5) :max)))"""
    optimum = Optimum(load_problem(text, "test.sl"), Limits(10.0), "examples")
    optimum.solve()
    assert optimum.best is not None
    assert not optimum.proved


def test_what_has_no_best_is_not_called_the_best() -> None:
    optimum = solved("(set-logic LIA) (synth-fun f () Int) (optimize-synth ((! f :max)))", 3.0)
    assert values(optimum)[0] > 1000
    assert not optimum.proved


def test_weights_in_constraints() -> None:
    grammar = "((I Int)) ((I Int (x (! 1 :weight 1) (+ I I))))"
    optimum = solved(f"""(set-logic LIA) {WEIGHTS} (synth-fun f ((x Int)) Int {grammar})
        (constraint (= (f 0) (_ weight f))) (constraint (>= (_ weight f) 4)) (check-synth)""")
    assert optimum.best is not None
    (derivation,) = optimum.best.found.answer.derivations.values()
    assert derivation.weight("weight", 0) == optimum.best.weights[0] >= 4
    given = {p for ps in optimum.problem.target.written.productions.values() for p in ps}
    assert set(derivation.productions) <= given


@pytest.mark.parametrize(
    "text",
    [
        f"(set-logic LIA) {WEIGHTS} (synth-fun f () Int ((I Int)) ((I Int ((! 1 :weight 1) (! 2 :weight 5)))))"
        "(constraint (> (_ weight f) 5)) (check-synth)",
        f"(set-logic LIA) {WEIGHTS} (synth-fun f () Int ((I Int)) ((I Int ((! 1 :weight 1) (! (+ I I) :weight 1)))))"
        "(constraint (= f 3)) (constraint (< (_ weight f) 5)) (check-synth)",
        "(set-logic LIA) (synth-fun f () Int) (constraint (and (> f 3) (< f 2))) (optimize-synth (f))",
    ],
)
def test_what_has_no_answer_is_infeasible(text: str) -> None:
    optimum = solved(text)
    assert optimum.best is None
    assert optimum.infeasible is not None


def test_the_terms_of_a_weight_are_those_with_a_derivation_of_it() -> None:
    text = f"""(set-logic LIA) {WEIGHTS} (declare-weight b :default 1) (synth-fun f ((x Int)) Int ((I Int) (J Int))
        ((I Int ((! x :weight 2) (! 1 :b 0) (! (+ I J) :weight 1))) (J Int ((! x :weight 1) (- I)))))"""
    (target,) = specification(text).targets
    keywords = {"weight": 0, "b": 1}
    start = target.written.start
    by_weight: dict[tuple[int, ...], set[object]] = {}
    for size in range(1, 6):
        for term in syntactic_terms(target.written, start, size):
            derivation = target.written.derive(term)
            assert derivation is not None
            weights = tuple(derivation.weight(keyword, default) for keyword, default in keywords.items())
            by_weight.setdefault(weights, set()).add(term)
    found_weights, known = achievable(target.written, keywords, 30, lambda: None)
    assert set(by_weight) <= found_weights
    assert known == 30
    for weights, expected in by_weight.items():
        made = weighed(target.written, keywords, weights)
        assert made is not None
        root: Nonterminal = made.grammar.start
        found = {term for size in range(1, 6) for term in syntactic_terms(made.grammar, root, size)}
        assert found == expected
        for term in found:
            derivation = made.grammar.derive(term)
            assert derivation is not None
            assert made.original(derivation).productions == target.written.derive(term).productions


def test_points_are_asked_about_whatever_is_assumed_of_variables() -> None:
    text = f"""(set-logic LIA) {LINE} (assume (> x 10)) (constraint (>= (f x) x)) (constraint (= (f 5) 3))
    (optimize-synth ((! (f 5) :min)))"""
    assert values(solved(text)) == (3,)


@pytest.mark.slow
def test_what_follows_from_a_contradictory_definition_is_no_proof() -> None:
    text = """(set-logic LIA) (define-fun-rec g ((x Int)) Int (+ (g x) 1)) (synth-fun f () Int)
    (constraint (>= f 0)) (constraint (=> (< f 5) (= (g 0) 1))) (optimize-synth ((! f :min)))"""
    assert not solved(text, 6.0).proved


@pytest.mark.parametrize(
    ("objective", "value", "chosen"),
    [("(div 7 (f 0))", 1, {4}), ("(! (div 7 (f 0)) :max)", 7, {1}), ("(mod 7 (f 0))", 0, {1})],
)
def test_answers_at_which_an_objective_has_no_value_are_left_out(objective: str, value: int, chosen: set[int]) -> None:
    """Of f(0) among 0, 1, 2 and 4; a quotient by 0 is any number, so that 0 is neither the best nor the worst."""
    grammar = "((I Int)) ((I Int (0 x 1 2 4)))"
    found = sygus.solve(
        f"(set-logic LIA) (synth-fun f ((x Int)) Int {grammar}) (optimize-synth ({objective}))", time=20
    )
    assert found.best is not None
    assert found.best.values == (value,)
    assert found.function(0) in chosen
    assert found.optimal
    assert any("left out, as an objective has no value there that Z3 computes" in note for note in found.notes)


def test_an_objective_without_a_value_anywhere_is_an_error() -> None:
    text = "(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (0 x)))) (optimize-synth ((div 7 (f 0))))"
    with pytest.raises(SourceError, match="Z3 does not compute the value of an objective"):
        sygus.solve(text, time=10)


COLLATZ = """(define-fun-rec r ((n Int)) Int
    (ite (<= n 1) 0 (+ 1 (r (ite (= (mod n 2) 0) (div n 2) (+ (* 3 n) 1))))))"""
EVEN = "(define-fun-rec r ((n Int)) Int (ite (= n 0) 0 (+ n (r (- n 2)))))"
BEYOND = "(define-fun-rec r ((n Int)) Int (ite (= (mod n 1100) 0) 0 (+ 1 (r (+ n 1)))))"


@pytest.mark.parametrize(
    ("definition", "choices", "objective", "value"),
    [
        (COLLATZ, "6 7 8 27", "(r (f 0))", 3),
        (COLLATZ, "6 7 8 27", "(! (r (f 0)) :max)", 111),
        (EVEN, "12 10 14", "(r (f 0))", 30),
        (EVEN, "12 10 14", "(! (+ 1 (r (f 0))) :max)", 57),
        pytest.param(BEYOND, "1 2 3", "(r (f 0))", 1097, marks=pytest.mark.slow),
    ],
)
def test_objectives_through_recursion_have_values_where_it_ends(
    definition: str, choices: str, objective: str, value: int
) -> None:
    """It is not proved to end everywhere, and by EVEN it does not from odd numbers."""
    text = f"""(set-logic NIA) {definition} (synth-fun f ((x Int)) Int ((I Int)) ((I Int ({choices}))))
        (optimize-synth ({objective}))"""
    found = sygus.solve(text, time=20)
    assert found.best is not None
    assert found.best.values == (value,)


@pytest.mark.parametrize(
    ("definition", "constraint", "right"),
    [
        (COLLATZ, "(= (r (f 0)) 111)", 27),
        (EVEN, "(= (r (f 0)) 42)", 12),
        (BEYOND, "(= (r (f 0)) 1098)", 2),
        (BEYOND, "(> (r (f (r 1100))) 1098)", 1),
    ],
)
def test_constraints_through_recursion_are_decided_where_it_ends(definition: str, constraint: str, right: int) -> None:
    text = f"""(set-logic NIA) {definition} (synth-fun f ((x Int)) Int ((I Int)) ((I Int (1 2 7 12 27))))
        (constraint {constraint}) (check-synth)"""
    assert sygus.solve(text, time=20).function(0) == right
