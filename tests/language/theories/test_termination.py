"""Measures by which recursion is shown to end, and what Z3 may prove of recursion that does not."""

import pytest
import z3

from sygus.language.elaborate import load_problem
from sygus.language.theories.recursion import Recursive, reached
from sygus.language.theories.termination import measured

LIST = "(declare-datatype List ((nil) (cons (head Int) (tail List))))"
TREE = "(declare-datatype Tree ((leaf) (node (left Tree) (right Tree))))"


def functions(definition: str) -> list[Recursive]:
    problem = load_problem(f"(set-logic ALL) {definition} (synth-fun f () Int) (check-synth)", "test")
    return reached([one for one in problem.scope.symbols.values() if isinstance(one, Recursive)])


ENDING = {
    "down": "(define-fun-rec s ((n Int)) Int (ite (<= n 0) 0 (+ n (s (- n 1)))))",
    "up": "(define-fun-rec s ((n Int)) Int (ite (>= n 10) 0 (+ n (s (+ n 1)))))",
    "towards another": "(define-fun-rec s ((i Int) (n Int)) Int (ite (>= i n) 0 (+ i (s (+ i 1) n))))",
    "Ackermann": """(define-fun-rec s ((m Int) (n Int)) Int
        (ite (<= m 0) (+ n 1) (ite (<= n 0) (s (- m 1) 1) (s (- m 1) (s m (- n 1))))))""",
    "Euclid": "(define-fun-rec s ((a Int) (b Int)) Int (ite (<= b 0) a (s b (mod a b))))",
    "reals by one": "(define-fun-rec s ((r Real)) Real (ite (<= r 0.0) r (s (- r 1.0))))",
    "texts": """(define-fun-rec s ((t String)) String
        (ite (= t "") "" (str.++ (s (str.substr t 1 (- (str.len t) 1))) (str.at t 0))))""",
    "bits": "(define-fun-rec s ((v (_ BitVec 8))) Bool (ite (= v #x00) true (not (s (bvlshr v #x01)))))",
    "lists": f"{LIST} (define-fun-rec s ((l List)) Int (ite (is-nil l) 0 (+ (head l) (s (tail l)))))",
    "trees": f"{TREE} (define-fun-rec s ((t Tree)) Int (ite (is-leaf t) 0 (+ 1 (s (left t)) (s (right t)))))",
    "in turns": """(define-funs-rec ((s ((n Int)) Bool) (t ((n Int)) Bool))
        ((or (= n 0) (and (> n 0) (t (- n 1)))) (and (> n 0) (s (- n 1)))))""",
    "by way of one that passes on": """(define-funs-rec ((s ((n Int)) Int) (t ((n Int)) Int))
        ((ite (> n 0) (t n) 0) (ite (> n 0) (s (- n 1)) 0)))""",
    "what is looked at last": "(define-fun-rec s ((n Int)) Bool (and (s (- n 1)) (> n 0)))",
}

OPEN = {
    "the same": "(define-fun-rec s ((n Int)) Int (s n))",
    "a contradiction": "(define-fun-rec s ((n Int)) Int (+ 1 (s n)))",
    "at some points": "(define-fun-rec s ((n Int)) Int (ite (< n 0) (+ 1 (s n)) n))",
    "below its base": "(define-fun-rec s ((n Int)) Int (ite (= n 0) 0 (+ n (s (- n 1)))))",
    "reals by halves": "(define-fun-rec s ((r Real)) Real (ite (<= r 0.0) r (s (/ r 2.0))))",
    "without end in turns": "(define-funs-rec ((s ((n Int)) Int) (t ((n Int)) Int)) ((ite (> n 0) (t n) 0) (s n)))",
    "a part of another value": f"{LIST} (define-fun-rec s ((l List)) Int (s (tail l)))",
    "longer": f"{LIST} (define-fun-rec s ((l List)) Int (ite (is-nil l) 0 (s (cons 1 (tail l)))))",
    "under a quantifier": "(define-fun-rec s ((n Int)) Bool (forall ((m Int)) (=> (< 0 m n) (s m))))",
}


@pytest.mark.parametrize("name", [*ENDING, *OPEN])
def test_which_recursion_is_shown_to_end(name: str) -> None:
    knot = functions({**ENDING, **OPEN}[name])
    assert measured(knot, [one.sort for one in knot]).total is (name in ENDING)


def proved(function: Recursive, claim: str) -> bool:
    """Whether Z3 proves a claim about s, of which x may be anything."""
    solver = z3.Solver()
    solver.set("timeout", 5000)
    x = z3.Int("x")
    s = lambda n: function.z3(None, n)  # noqa: E731 - as the claims have it
    solver.add(z3.Not(eval(claim, {"s": s, "x": x, "z3": z3, "I": z3.IntVal})))  # noqa: S307 - of this file
    return bool(solver.check() == z3.unsat)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "claim", "holds"),
    [
        ("down", "s(I(4)) == 10", True),
        ("down", "s(I(4)) == 11", False),
        ("down", "z3.Implies(x > 0, s(x) == x + s(x - 1))", True),
        ("at some points", "s(I(5)) == 5", True),
        ("at some points", "z3.Implies(x >= 0, s(x) == x)", True),
        ("at some points", "s(I(-5)) == 5", False),
        ("at some points", "z3.Implies(x < 0, s(x) == 3)", False),
        ("at some points", "z3.BoolVal(False)", False),
        ("below its base", "s(I(4)) == 10", True),
        ("below its base", "z3.Implies(x > 0, s(x) == x + s(x - 1))", True),
        ("below its base", "s(I(-1)) == 0", False),
        ("a contradiction", "s(x) == 3", False),
        ("a contradiction", "x == 3", False),
        ("the same", "s(x) == 3", False),
    ],
)
def test_what_z3_proves(name: str, claim: str, holds: bool) -> None:
    assert proved(functions({**ENDING, **OPEN}[name])[0], claim) is holds
