"""Invariants as conjunctions of facts: which are found, and what of them is kept."""

from __future__ import annotations

import pytest
import z3

from ordinary import answer_of, specification
from solvers.cegis.limits import Limits
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.strategies.conjunctions import MOST, Conjunctions, _kinds, _needed, _signs, _standing
from solvers.pausing import finished

WHILE = """(set-logic {logic}) (synth-inv inv ({declared}))
(define-fun pre ({declared}) Bool {pre})
(define-fun trans ({declared} {after}) Bool {trans})
(define-fun post ({declared}) Bool {post})
(inv-constraint inv pre trans post)"""


def loop(names: str, sort: str, logic: str, **parts: str) -> str:
    """A loop over variables of one sort."""
    declared, after = (" ".join(f"({name}{mark} {sort})" for name in names.split()) for mark in ("", "!"))
    return WHILE.format(logic=logic, declared=declared, after=after, **parts)


LOOPS = {
    "what the post-condition needs is not what it says": loop(
        "i j n",
        "Int",
        "LIA",
        pre="(and (= i 0) (= j 0) (>= n 0))",
        trans="(and (<= i n) (= i! (+ i 1)) (= j! (+ j i 1)) (= n! n))",
        post="(=> (> i n) (> (+ i j) (* 2 n)))",
    ),
    "reals": loop(
        "x y",
        "Real",
        "LRA",
        pre="(and (= x 0.5) (= y 0.5))",
        trans="(and (= x! (+ x y)) (= y! (* 0.5 y)))",
        post="(>= x 0.5)",
    ),
    "bit-vectors without signs": loop(
        "x y",
        "(_ BitVec 8)",
        "BV",
        pre="(and (= x #x00) (bvult y #x0f))",
        trans="(and (bvult x y) (= x! (bvadd x #x01)) (= y! y))",
        post="(bvule x #x0e)",
    ),
    "bit-vectors with signs": loop(
        "x",
        "(_ BitVec 8)",
        "BV",
        pre="(= x #xf0)",
        trans="(and (bvslt x #x05) (= x! (bvadd x #x01)))",
        post="(bvsle x #x05)",
    ),
    "sums": loop(
        "a b n",
        "Int",
        "LIA",
        pre="(and (= a n) (= b 0) (>= n 0))",
        trans="(and (> a 0) (= a! (- a 1)) (= b! (+ b 1)) (= n! n))",
        post="(=> (<= a 0) (= b n))",
    ),
    "cases": loop(
        "x lock",
        "Int",
        "LIA",
        pre="(and (= x 0) (= lock 0))",
        trans="(or (and (= lock 0) (= x! 7) (= lock! 1)) (and (= lock 1) (= x! 0) (= lock! 0)))",
        post="(=> (= lock 1) (= x 7))",
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops(name: str) -> None:
    found, portfolio = answer_of(LOOPS[name], "conjunctions")
    assert found is not None, portfolio.notes


def test_of_several_predicates_each_has_its_own() -> None:
    text = """(set-logic LIA) (synth-fun p ((x Int) (b Bool)) Bool) (synth-fun q ((x Int) (y Int)) Bool)
        (declare-var x Int) (declare-var y Int) (declare-var b Bool)
        (constraint (=> (and b (> x 3)) (p x b)))
        (constraint (=> (p x b) (q x (+ x 1))))
        (constraint (=> (q x y) (q (+ x 1) (+ y 2))))
        (constraint (=> (q x y) (and (> y x) (> x 3)))) (constraint (=> (p x b) b))"""
    found, portfolio = answer_of(text, "conjunctions")
    assert found is not None, portfolio.notes


def test_where_no_conjunction_serves_nothing_is_proposed() -> None:
    text = loop("x", "Int", "LIA", pre="(= x 0)", trans="(= x! (+ x 2))", post="(distinct x 101)")
    found, portfolio = answer_of(text, "conjunctions")
    assert found is None
    assert portfolio.infeasible is None


def test_what_is_left_is_the_strongest_that_stands_and_what_is_needed_stands_too() -> None:
    stated = specification(LOOPS["what the post-condition needs is not what it says"])
    limits = Limits(20)
    make = Construction(stated.problem.theory)
    (function,) = stated.functions
    facts = {function: list(dict.fromkeys(own)) for function, own in next(_kinds(stated, make)).items()}
    standing = finished(_standing(stated, facts, limits))
    assert standing is not None
    needed = finished(_needed(stated, standing, limits))
    assert len(needed[function]) <= len(standing[function]) < len(facts[function])
    assert failing(stated, make.conjunction(standing[function])) == []
    assert failing(stated, make.conjunction(needed[function])) == []
    for refuted in set(facts[function]).difference(standing[function]):  # no conjunction with it stands
        assert failing(stated, make.conjunction([*standing[function], refuted])) != []


def test_facts_are_the_same_while_a_problem_read_before_is_kept() -> None:
    """Its terms stand in the table of terms, with a function that is equal and another object."""
    text = LOOPS["what the post-condition needs is not what it says"]
    first, second = specification(text), specification(text)
    assert first.functions == second.functions
    (facts,), (again,) = (next(_kinds(one, Construction(one.problem.theory))).values() for one in (first, second))
    assert facts == again
    assert any(str(fact) == "(> (+ i j) (* 2 n))" for fact in again)  # what the constraints compare


def failing(stated: object, body: object) -> list[int]:
    """The conjuncts that fail when this is the only predicate."""
    (function,) = stated.functions  # type: ignore[attr-defined]
    encode = Encoder({function: body})  # type: ignore[dict-item]
    found = []
    for number, conjunct in enumerate(stated.conjuncts):  # type: ignore[attr-defined]
        solver = z3.Solver()
        solver.add(z3.Not(encode(conjunct.formula)))
        if solver.check() != z3.unsat:
            found.append(number)
    return found


def test_answers_are_written_in_the_grammar() -> None:
    grammar = "((B Bool) (I Int)) ((B Bool ((and B B) (not (< I I)))) (I Int (i j n 0)))"
    text = LOOPS["what the post-condition needs is not what it says"].replace(
        "(n Int)))\n", f"(n Int)) {grammar})\n", 1
    )
    found, portfolio = answer_of(text, "conjunctions")
    assert found is not None, portfolio.notes
    assert "<=" not in found.answer.text


def test_a_kind_of_too_many_facts_is_left_out() -> None:
    names = " ".join(f"x{i}" for i in range(60))
    stated = specification(loop(names, "Int", "LIA", pre="(= x0 0)", trans="(= x0! (+ x0 1))", post="(>= x0 0)"))
    (function,) = stated.functions
    kinds = [kind[function] for kind in _kinds(stated, Construction(stated.problem.theory))]
    assert all(len(kind) <= MOST + 8 for kind in kinds)
    found, _ = answer_of(loop(names, "Int", "LIA", pre="(= x0 0)", trans="(= x0! (+ x0 1))", post="(>= x0 0)"))
    assert found is not None


def test_signs() -> None:
    stated = specification(
        """(set-logic LIA) (synth-fun p ((x Int)) Bool) (declare-var x Int) (declare-var y Int) (declare-var z Int)
        (constraint (=> (p x) (or (not (p y)) (p z))))
        (constraint (= (p x) (p y))) (constraint (ite (p x) (p y) (p z)))"""
    )
    signs = [
        [sorted(_signs(conjunct.formula)[application]) for application in conjunct.applications]
        for conjunct in stated.conjuncts
    ]
    by_name = [
        {str(a.arguments[0]): sign for a, sign in zip(conjunct.applications, each, strict=True)}
        for conjunct, each in zip(stated.conjuncts, signs, strict=True)
    ]
    assert by_name[0] == {"x": [-1], "y": [-1], "z": [1]}
    assert by_name[1] == {"x": [-1, 1], "y": [-1, 1]}
    assert by_name[2]["x"] == [-1, 1]


def test_it_applies_to_predicates_alone() -> None:
    nested = """(set-logic LIA) (synth-fun p ((x Bool)) Bool) (declare-var x Bool)
        (constraint (=> (p x) (p (p x))))"""
    assert not Conjunctions().applies(specification(nested))
    assert Conjunctions().applies(specification(LOOPS["sums"]))
