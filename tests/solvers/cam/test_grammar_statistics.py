"""Smallest terms and numbers of derivations, beside a search that knows no tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from solvers.cam.drawing import built
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.testing import AWKWARD, problem_names
from sygus.language.elaborate import load_problem
from sygus.language.problem import Grammar
from sygus.language.terms import Nonterminal, Term
from sygus.resources import read_problem

LARGEST = 5


def grammar_of(name: str) -> Grammar:
    text = AWKWARD[name] if name in AWKWARD else read_problem(name)[1]
    return load_problem(text, name).target.grammar


def derivations(grammar: Grammar, nonterminal: Nonterminal, size: int) -> Iterator[Term]:
    """The term of every derivation of exactly a size, top down; renamings that go in a circle are not followed."""
    seen, waiting = {nonterminal}, [nonterminal]
    while waiting:
        for production in grammar.productions[waiting.pop()]:
            if production.is_chain:
                if production.holes[0] not in seen:
                    seen.add(production.holes[0])
                    waiting.append(production.holes[0])
                continue
            for children in filled(grammar, production.holes, size - production.size):
                yield production.instantiate(children)


def filled(grammar: Grammar, holes: tuple[Nonterminal, ...], size: int) -> Iterator[tuple[Term, ...]]:
    if not holes:
        if size == 0:
            yield ()
        return
    for first in range(1, size - len(holes) + 2):
        for child in derivations(grammar, holes[0], first):
            for rest in filled(grammar, holes[1:], size - first):
                yield (child, *rest)


@pytest.mark.parametrize("name", problem_names())
def test_derivations_are_counted(name: str) -> None:
    grammar = grammar_of(name)
    statistics = GrammarStatistics(grammar)
    for size in range(1, LARGEST + 1):
        found = list(derivations(grammar, grammar.start, size))
        assert {term.size for term in found} <= {size}
        assert statistics.count(grammar.start, size) == len(found)


def test_counts_do_not_depend_on_the_order_of_asking() -> None:
    grammar = grammar_of("channel_weights")
    at_once = GrammarStatistics(grammar).count(grammar.start, 9)
    asked = GrammarStatistics(grammar)
    assert [asked.count(grammar.start, size) for size in (3, 9, 1)] == [
        GrammarStatistics(grammar).count(grammar.start, 3),
        at_once,
        0,
    ]


@pytest.mark.parametrize("name", problem_names())
def test_the_way_to_a_smallest_term_leads_there(name: str) -> None:
    grammar = grammar_of(name)
    statistics = GrammarStatistics(grammar)
    for nonterminal in grammar.productions:
        first = next(size for size in range(1, 9) if any(derivations(grammar, nonterminal, size)))
        assert statistics.smallest[nonterminal] == first
        size, waiting, taken = 0, [nonterminal], 0
        while waiting:
            production = statistics.shortest[waiting.pop()]
            size += production.size
            waiting += production.holes
            taken += 1
            assert taken < 20, "the way to a smallest term goes in a circle"
        assert size == first


def test_an_ambiguous_grammar_has_more_derivations_than_terms() -> None:
    grammar = grammar_of("two ways to a term")
    found = Counter(derivations(grammar, grammar.start, 5))
    assert GrammarStatistics(grammar).count(grammar.start, 5) == found.total() > len(found)


@pytest.mark.parametrize("name", problem_names())
def test_every_number_is_another_derivation(name: str) -> None:
    grammar = grammar_of(name)
    statistics = GrammarStatistics(grammar)
    for size in range(1, LARGEST + 1):
        numbers = range(statistics.count(grammar.start, size))
        found = [statistics.derivations((grammar.start,), size, number) for number in numbers]
        assert len(set(found)) == len(found)
        assert Counter(map(built, found)) == Counter(derivations(grammar, grammar.start, size))


def test_a_derivation_counts_as_often_as_the_product_of_its_weights() -> None:
    grammar = grammar_of("channel_weights")
    start = grammar.start
    plain = GrammarStatistics(grammar)
    weights = {(n, p): 1 + place % 3 for n, ps in plain.makers.items() for place, p in enumerate(ps)}
    weighted = GrammarStatistics(grammar, weights)
    numbers = range(weighted.count(start, 4))
    found = Counter(weighted.derivations((start,), 4, number) for number in numbers)
    assert len(found) == plain.count(start, 4)
    for derivation, times in found.items():
        nonterminals = [start]
        expected = 1
        for production in derivation:
            expected *= weights[nonterminals.pop(), production]
            nonterminals += reversed(production.holes)
        assert times == expected


def test_holes_are_filled_with_so_many_nodes_in_all() -> None:
    grammar = grammar_of("channel_weights")
    statistics = GrammarStatistics(grammar)
    holes = (grammar.start, grammar.start)
    found = {statistics.derivations(holes, 6, number) for number in range(statistics.ways(holes, 6))}
    pairs = sum(statistics.count(grammar.start, part) * statistics.count(grammar.start, 6 - part) for part in range(7))
    assert len(found) == statistics.ways(holes, 6) == pairs
    assert {sum(production.size for production in one) for one in found} == {6}
