"""Simplification, fitting, reading and conditions keep the meaning: Z3 proves each result equal."""

from fractions import Fraction

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from ordinary import equal_by_z3, specification
from solvers.cegis.limits import Limits
from solvers.cegis.logic.conditions import Branches, decision_list, decision_tree
from solvers.cegis.logic.construction import Construction, linear
from solvers.cegis.logic.fitting import Fitter, rewritings
from solvers.cegis.logic.from_z3 import read
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.search.evaluation import column, evaluate
from solvers.pausing import finished
from sygus.language.terms import BOOL, INT, REAL, Literal, Sort, Term, Variable, leaf, substitute
from sygus.language.theories import find_logic

THEORY = find_logic("LIA")
assert THEORY is not None
MAKE = Construction(THEORY)
NUMBERS = [leaf(Variable(name, INT)) for name in "xyz"]
FLAGS = [leaf(Variable(name, BOOL)) for name in "pq"]


def integers(depth: int) -> st.SearchStrategy[Term]:
    atoms = st.one_of(st.sampled_from(NUMBERS), st.integers(-5, 5).map(lambda n: MAKE.number(n, INT)))
    if depth == 0:
        return atoms
    less = integers(depth - 1)
    scaled = st.builds(lambda n, t: MAKE.apply("*", MAKE.number(n, INT), t), st.integers(-3, 3), less)
    return st.one_of(
        atoms,
        st.builds(lambda name, a, b: MAKE.apply(name, a, b), st.sampled_from(["+", "-"]), less, less),
        less.map(lambda a: MAKE.apply("-", a)),
        scaled,
        st.builds(lambda c, a, b: MAKE.apply("ite", c, a, b), booleans(depth - 1), less, less),
    )


def booleans(depth: int) -> st.SearchStrategy[Term]:
    less = integers(max(0, depth - 1))
    names = st.sampled_from(["<=", "<", ">=", ">", "=", "distinct"])
    compared = st.builds(lambda name, a, b: MAKE.apply(name, a, b), names, less, less)
    if depth == 0:
        return st.one_of(compared, st.sampled_from(FLAGS), st.booleans().map(lambda b: leaf(Literal(b, BOOL))))
    own = booleans(depth - 1)
    joined = st.sampled_from(["and", "or", "=>", "xor", "=", "distinct"])
    return st.one_of(
        compared,
        st.builds(lambda name, a, b: MAKE.apply(name, a, b), joined, own, own),
        own.map(lambda a: MAKE.apply("not", a)),
        st.builds(lambda c, a, b: MAKE.apply("ite", c, a, b), own, own, own),
    )


either = st.one_of(integers(3), booleans(3))


@settings(max_examples=150)
@given(either)
def test_simplification_keeps_the_meaning(root: Term) -> None:
    found = MAKE.simplified(root)
    assert found.sort == root.sort
    assert equal_by_z3(root, found)


@settings(max_examples=100)
@given(either)
def test_every_rewriting_keeps_the_meaning(root: Term) -> None:
    for other in rewritings(root, MAKE):
        assert equal_by_z3(root, other), other


@settings(max_examples=100)
@given(booleans(3))
def test_negation(root: Term) -> None:
    assert equal_by_z3(MAKE.negation(root), MAKE.apply("not", root))


@settings(max_examples=100)
@given(integers(3))
def test_linear_sums(root: Term) -> None:
    assert equal_by_z3(MAKE.sum_of(linear(root)), root)


@settings(max_examples=100)
@given(either)
def test_formulas_are_read_back(root: Term) -> None:
    names = {str(variable.head.name): variable for variable in (*NUMBERS, *FLAGS)}
    for formula in (Encoder()(root), z3.simplify(Encoder()(root))):
        assert equal_by_z3(read(formula, names, MAKE), root)


@settings(max_examples=50)
@given(either, st.lists(st.integers(-9, 9), min_size=3, max_size=3), st.lists(st.booleans(), min_size=2, max_size=2))
def test_evaluation_agrees_with_z3(root: Term, numbers: list[int], flags: list[bool]) -> None:
    def literal(value: object, sort: Sort) -> Term:
        return MAKE.number(value, INT) if sort == INT else leaf(Literal(value, sort))  # type: ignore[arg-type]

    values = dict(zip((*NUMBERS, *FLAGS), (*numbers, *flags), strict=True))
    closed = substitute(root, {v: literal(value, v.sort) for v, value in values.items()})
    found = evaluate(root, {v.head: column([value], v.sort) for v, value in values.items()}).ravel()[0].item()
    assert equal_by_z3(closed, literal(found, root.sort))


def test_reals() -> None:
    theory = find_logic("LRA")
    assert theory is not None
    make = Construction(theory)
    a, b = (leaf(Variable(name, REAL)) for name in "ab")
    half = make.apply("*", make.number(Fraction(1, 2), REAL), make.apply("-", a, b))
    assert equal_by_z3(make.simplified(make.apply("<=", half, a)), make.apply("<=", half, a))


RESTRICTED = {
    "only <=": """((I Int) (B Bool)) ((I Int (x y z 0 1 (+ I I) (- I I) (ite B I I)))
        (B Bool ((<= I I) (not B) (and B B))))""",
    "only >": "((I Int) (B Bool)) ((I Int (x y z 0 1 (- I I) (ite B I I))) (B Bool ((> I I) (not B) (or B B))))",
    "one-sided": """((I Int) (B Bool) (S Int) (C Int))
        ((I Int (x y z C (ite B I I))) (B Bool ((<= S C) (and B B) (not B)))
        (S Int (x y z (+ S S) (- S S))) (C Int ((Constant Int))))""",
}


@pytest.mark.parametrize("grammar", RESTRICTED.values(), ids=RESTRICTED)
@pytest.mark.parametrize(
    "text",
    [
        "(ite (< x y) x y)",
        "(ite (and (>= x y) (> x z)) x (ite (= y z) y z))",
        "(ite (or (distinct x y) (<= z 1)) x 0)",
        "(ite (=> (< x y) (< y z)) x z)",
    ],
)
def test_fitting(grammar: str, text: str) -> None:
    base = (
        "(set-logic LIA) (define-fun g ((x Int) (y Int) (z Int)) Int {}) (synth-fun f ((x Int) (y Int) (z Int)) Int {})"
    )
    spec = specification(f"{base.format(text, grammar)} (constraint (= (f 0 0 0) (g 0 0 0)))")
    (target,) = spec.targets
    goal = next(n for n in spec.problem.constraints[0].arguments if n.head.name == "g").head.body
    found = Fitter(spec, target, Limits(10)).fit(goal)
    assert found is not None
    assert target.written.derive(found) is not None
    assert equal_by_z3(found, goal)


def test_what_cannot_be_fitted() -> None:
    spec = specification(
        "(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ I I))))) (constraint (= (f 0) 0))"
    )
    (target,) = spec.targets
    x = leaf(target.function.parameters[0])
    assert Fitter(spec, target, Limits(5)).fit(MAKE.apply("+", x, MAKE.number(1, INT))) is None
    three = Fitter(spec, target, Limits(5)).fit(MAKE.apply("*", MAKE.number(3, INT), x))
    assert three is not None
    assert equal_by_z3(three, MAKE.apply("*", MAKE.number(3, INT), x))


def test_conditions_choose_what_serves() -> None:
    """max of three: each choice serves where it is the largest."""
    x, y, z = NUMBERS
    unknown = Variable("u", INT)

    def largest(a: Term) -> Term:
        return MAKE.conjunction(MAKE.apply(">=", a, b) for b in NUMBERS if b is not a)

    choices = [({unknown: a}, largest(a)) for a in NUMBERS]
    branches = Branches(choices, tuple(n.head for n in NUMBERS), complete=True)  # type: ignore[misc]
    right = MAKE.apply("ite", largest(x), x, MAKE.apply("ite", MAKE.apply(">=", y, z), y, z))
    in_a_list = finished(decision_list(branches, MAKE, Limits(10)))[unknown]
    tree = finished(decision_tree(branches, MAKE, Limits(10), None))
    assert tree is not None
    in_a_tree = tree[unknown]
    assert equal_by_z3(in_a_list, right)
    assert equal_by_z3(in_a_tree, right)
    assert in_a_list.size <= right.size
