"""Terms are unique, immutable, and handled without recursion."""

from __future__ import annotations

import copy
import gc
import weakref
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sygus.language.terms import (
    BOOL,
    INT,
    REAL,
    Definition,
    Literal,
    Nonterminal,
    Sort,
    Term,
    Variable,
    expand,
    fill,
    fold,
    function_sort,
    hole,
    leaf,
    substitute,
    subterms,
    term,
)
from sygus.language.theories.cam import CAM
from sygus.language.theories.ranks import MAP, WEIGHT

PROPERTY = settings(max_examples=100)
DEEP = 100_000


def apply(name: str, *arguments: Term) -> Term:
    resolved = CAM.resolve(name, tuple(argument.sort for argument in arguments))
    assert resolved is not None
    return term(resolved[0], arguments, resolved[1])


X, Y, Z = (leaf(Variable(name, REAL)) for name in "xyz")
LEAVES = st.sampled_from([X, Y, Z, leaf(Literal(Fraction(1, 2), REAL)), leaf(Literal(Fraction(2), REAL))])
TERMS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda name, a: apply(name, a), st.sampled_from(["neg", "relu", "square"]), inner)
        | st.builds(lambda name, a, b: apply(name, a, b), st.sampled_from(["+", "*", "max"]), inner, inner)
    ),
    max_leaves=8,
)


def naive_size(root: Term) -> int:
    return 1 + sum(naive_size(argument) for argument in root.arguments)


def naive_substitute(root: Term, key: Term, value: Term) -> Term:
    if root is key:
        return value
    return term(root.head, tuple(naive_substitute(a, key, value) for a in root.arguments), root.sort)


def naive_text(root: Term) -> str:
    if not root.arguments:
        return str(root.head.name)
    return f"({root.head.name} {' '.join(naive_text(argument) for argument in root.arguments)})"


def chain(depth: int) -> Term:
    found = X
    for _ in range(depth):
        found = apply("relu", found)
    return found


# Identity


@PROPERTY
@given(TERMS)
def test_a_term_built_again_is_the_same_object(root: Term) -> None:
    def copy(node: Term) -> Term:
        return term(node.head, tuple(copy(argument) for argument in node.arguments), node.sort)

    assert copy(root) is root


def test_terms_differ_by_head_arguments_and_sort() -> None:
    assert apply("+", X, Y) is not apply("+", Y, X)
    assert apply("+", X, Y) is not apply("*", X, Y)
    assert leaf(Variable("x", MAP)) is not leaf(Variable("x", WEIGHT))
    assert hole(0, Nonterminal("M", MAP)) is not hole(1, Nonterminal("M", MAP))
    assert hole(0, Nonterminal("M", MAP)) is not leaf(Nonterminal("M", MAP))


def test_literals_of_different_sorts_are_different_terms() -> None:
    one = [leaf(Literal(Fraction(1), REAL)), leaf(Literal(1, INT)), leaf(Literal(True, BOOL))]
    assert len(set(one)) == 3


@pytest.mark.slow
def test_the_table_forgets_terms_that_nobody_holds() -> None:
    held = chain(1000)
    watched = [weakref.ref(node) for node in subterms(held) if node is not X]
    gc.collect()
    assert all(reference() is not None for reference in watched)
    del held
    gc.collect()
    assert all(reference() is None for reference in watched)


def test_terms_are_immutable() -> None:
    root = apply("+", X, Y)
    for name, value in (("head", None), ("arguments", ()), ("sort", MAP), ("size", 1), ("other", 1)):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(root, name, value)
    assert (root.arguments, root.sort, root.size) == ((X, Y), REAL, 3)
    assert copy.copy(root) is root
    assert copy.deepcopy([root])[0] is root


# Depth


@pytest.mark.slow
def test_folds_of_great_depth_do_not_recurse() -> None:
    deep = chain(DEEP)
    assert deep.size == DEEP + 1
    assert fold(deep, lambda _, depths: 1 + max(depths, default=0)) == DEEP + 1
    order = list(subterms(deep))
    assert len(order) == DEEP + 1
    assert (order[0], order[-1]) == (X, deep)
    moved = substitute(deep, {X: Y})
    assert moved.size == DEEP + 1
    assert next(iter(subterms(moved))) is Y
    assert substitute(moved, {Y: X}) is deep


# Folding


@PROPERTY
@given(TERMS)
def test_size_and_text_are_those_of_the_tree(root: Term) -> None:
    assert root.size == naive_size(root)
    assert repr(root) == naive_text(root)


@PROPERTY
@given(TERMS)
def test_every_distinct_sub_term_is_visited_once_after_its_arguments(root: Term) -> None:
    visited: list[Term] = []
    fold(root, lambda node, _: visited.append(node))
    assert len(visited) == len(set(visited))
    assert set(visited) == set(subterms(root))
    for order in (visited, list(subterms(root))):
        place = {node: i for i, node in enumerate(order)}
        assert all(place[argument] < place[node] for node in order for argument in node.arguments)


def test_a_shared_tower_is_folded_in_linear_time() -> None:
    root = X
    for _ in range(200):
        root = apply("+", root, root)
    assert root.size == 2**201 - 1
    calls: list[Term] = []
    fold(root, lambda node, _: calls.append(node))
    assert len(calls) == 201


def test_a_memo_is_consulted_and_filled() -> None:
    inner, root = apply("neg", X), apply("+", apply("neg", X), Y)
    memo = {inner: 10}
    assert fold(root, lambda _, results: 1 + sum(results), memo) == 12
    assert memo == {inner: 10, Y: 1, root: 12}
    assert fold(root, lambda *_: -1, memo) == 12


# Replacing


@PROPERTY
@given(TERMS, TERMS)
def test_substitution_is_that_of_the_definition(root: Term, value: Term) -> None:
    assert substitute(root, {X: value}) is naive_substitute(root, X, value)


def test_substitution_is_simultaneous_and_replaces_inner_terms() -> None:
    assert substitute(apply("+", X, Y), {X: Y, Y: X}) is apply("+", Y, X)
    assert substitute(apply("neg", apply("+", X, Y)), {apply("+", X, Y): Z}) is apply("neg", Z)


def test_fill_puts_children_into_their_holes() -> None:
    n = Nonterminal("N", REAL)
    template = apply("+", apply("*", hole(0, n), hole(1, n)), hole(2, n))
    assert fill(template, {0: X, 1: Y, 2: Z}) is apply("+", apply("*", X, Y), Z)
    assert fill(hole(0, n), {0: apply("neg", X)}) is apply("neg", X)
    with pytest.raises(KeyError):
        fill(template, {0: X, 1: Y})


def test_fill_leaves_the_holes_of_children_alone() -> None:
    n = Nonterminal("N", REAL)
    assert fill(apply("neg", hole(0, n)), {0: hole(1, n)}) is apply("neg", hole(1, n))


def test_expand_replaces_nested_macros_and_their_arguments() -> None:
    x, y = Variable("x", REAL), Variable("y", REAL)
    twice = Definition("twice", (x,), REAL, apply("+", leaf(x), leaf(x)))
    inner = term(twice, (leaf(y),), REAL)
    swapped = Definition("swapped", (x, y), REAL, apply("-", inner, leaf(x)))
    root = term(swapped, (Y, term(twice, (X,), REAL)), REAL)
    doubled = apply("+", X, X)
    assert expand(root) is apply("-", apply("+", doubled, doubled), Y)


@PROPERTY
@given(TERMS)
def test_expand_without_macros_changes_nothing(root: Term) -> None:
    assert expand(root) is root


# Sorts


def test_sorts_print_as_the_standard_writes_them() -> None:
    assert str(Sort("BitVec", (8,))) == "(_ BitVec 8)"
    assert str(Sort("Array", arguments=(INT, BOOL))) == "(Array Int Bool)"
    assert str(function_sort((MAP, WEIGHT), REAL)) == "(-> Map Weight Real)"
    assert function_sort((), REAL) == REAL
    assert function_sort((MAP,), REAL).is_function
    assert not REAL.is_function
