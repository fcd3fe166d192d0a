"""Decision trees: right wherever they are asked, and None where no tree can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ordinary import specification
from solvers.cegis.limits import Limits
from solvers.cegis.search.unification import Tree, conditionals, learn_tree
from solvers.pausing import finished
from sygus.language.terms import leaf


def leaves_at(tree: Tree, predicates: np.ndarray) -> list[int]:
    def walk(node: Tree, place: int) -> int:
        if node.branches is None:
            return node.index
        return walk(node.branches[0 if predicates[node.index, place] else 1], place)

    return [walk(tree, place) for place in range(predicates.shape[1])]


def size_of(tree: Tree, sizes: np.ndarray, predicate_sizes: np.ndarray) -> int:
    if tree.branches is None:
        return int(sizes[tree.index])
    below = sum(size_of(branch, sizes, predicate_sizes) for branch in tree.branches)
    return 2 + int(predicate_sizes[tree.index]) + below


def test_a_tree_of_more_terms_than_are_kept() -> None:
    """The only term that is right at a place is kept, however many are right at more."""
    generator = np.random.default_rng(0)
    cover = np.zeros((4000, 40), bool)
    cover[:, :39] = generator.random((4000, 39)) < 0.9
    cover[3000] = np.arange(40) == 39
    predicates = np.arange(40)[:, None] > np.arange(40)
    tree = finished(learn_tree(cover, np.ones(4000, int), predicates, np.ones(40, int), 2, Limits(60)))
    assert tree is not None
    assert all(cover[leaf, place] for place, leaf in enumerate(leaves_at(tree, predicates)))


@settings(max_examples=200)
@given(st.data())
def test_a_tree_is_right_everywhere(data: st.DataObject) -> None:
    terms, tests, places = (data.draw(st.integers(1, most)) for most in (5, 6, 12))
    cover = data.draw(arrays.arrays(bool, (terms, places)))
    predicates = data.draw(arrays.arrays(bool, (tests, places)))
    sizes, predicate_sizes = np.arange(1, terms + 1), np.arange(1, tests + 1)
    tree = finished(learn_tree(cover, sizes, predicates, predicate_sizes, 2, Limits(60)))
    if tree is None:  # only where two places that no predicate tells apart need different terms
        codes = [tuple(column) for column in predicates.T]
        classes = [[p for p in range(places) if codes[p] == code] for code in set(codes)]
        assert any(not cover[:, c].all(1).any() for c in classes)
        return
    assert all(cover[leaf, place] for place, leaf in enumerate(leaves_at(tree, predicates)))
    assert tree.size == size_of(tree, sizes, predicate_sizes)


def test_one_term_is_preferred_to_a_tree() -> None:
    cover = np.array([[True, False], [True, True], [True, True]])
    tree = finished(learn_tree(cover, np.array([1, 9, 5]), np.array([[True, False]]), np.array([1]), 1, Limits(60)))
    assert tree is not None
    assert (tree.index, tree.branches, tree.size) == (2, None, 5)


@pytest.mark.parametrize(
    ("productions", "count"),
    [
        ("x 0 (ite B I I)", 1),
        ("x 0 (ite (= I 0) I I)", 1),
        ("x 0 (choose B I I)", 1),
        ("x 0 (ite B x I)", 0),
        ("x 0 (ite (= I 0) (+ I I) I)", 0),
        ("x 0 (ite (<= x 0) I I)", 0),
    ],
)
def test_conditional_productions(productions: str, count: int) -> None:
    text = f"""(set-logic LIA) (define-fun choose ((c Bool) (a Int) (b Int)) Int (ite c b a))
        (synth-fun f ((x Int)) Int ((S Int) (I Int) (B Bool))
          ((S Int (I)) (I Int ({productions})) (B Bool ((<= I I)))))"""
    target = specification(text).targets[0]
    found = conditionals(target.grammar)
    assert len(found) == count
    for conditional in found:
        x, zero = (leaf(target.function.parameters[0]), conditional.production)
        assert zero in target.grammar.productions[conditional.nonterminal]
        made = conditional.instantiate((x,), x, x)
        assert target.grammar.derive(made) is not None or conditional.inputs[0].nonterminal.name == "B"
