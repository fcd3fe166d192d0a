"""Edits of derivations: whatever they make, the grammar derives it within the size, and their odds are right."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from solvers.cam.derivations import Edits, Growth, Productions, children, places, proper, replaced
from solvers.cam.drawing import built
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.testing import FEW, space_for
from sygus.language.problem import Grammar

EDITS = ("subtree", "point", "insert", "hoist")

ROOM = 9


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - nothing that is drawn is secret


@cache
def grammar_of(name: str) -> Grammar:
    return space_for(name, ROOM).grammar


@cache
def growth_of(name: str, prior: bool = False) -> Growth:
    grammar = grammar_of(name)
    every = [p for productions in grammar.productions.values() for p in productions]
    return Growth(grammar, {p: 0.5 + place % 3 for place, p in enumerate(every)} if prior else {})


def every_derivation(name: str, size: int) -> list[Productions]:
    grammar = grammar_of(name)
    statistics, start = GrammarStatistics(grammar), grammar.start
    return [
        statistics.derivations((start,), reached, number)
        for reached in range(size + 1)
        for number in range(statistics.count(start, reached))
    ]


def mass(name: str, derivation: Productions) -> float:
    """The probability of a derivation, by the definition."""
    growth, found = growth_of(name, prior=True), places(grammar_of(name).start, derivation)
    pairs = zip(found, derivation, strict=True)
    return math.prod(growth.mass(place.nonterminal, production) for place, production in pairs)


def is_derivation(name: str, derivation: Productions) -> bool:
    """Whether every production may stand where it stands."""
    found = places(grammar_of(name).start, derivation)
    makers = growth_of(name).makers
    return all(p in makers[place.nonterminal] for place, p in zip(found, derivation, strict=True))


@given(st.sampled_from(FEW), st.integers(3, ROOM), st.integers(0, 1 << 30))
@settings(max_examples=50)
def test_whatever_is_edited_the_grammar_derives_within_the_size(name: str, size: int, seed: int) -> None:
    grammar, chance = grammar_of(name), seeded(seed)
    size = max(size, grammar.smallest()[grammar.start])
    edits = Edits(growth_of(name), grammar.start, size)
    derivation = growth_of(name).draw(chance, grammar.start, size)
    for _ in range(12):
        edited = getattr(edits, chance.choice(EDITS))(derivation, chance)
        derivation = derivation if edited is None else edited.derivation
        term = built(derivation)
        assert is_derivation(name, derivation)
        assert term.size == sum(production.size for production in derivation) <= size
        assert grammar.derive(term) is not None


@pytest.mark.parametrize("name", FEW)
def test_places_are_the_sub_terms(name: str) -> None:
    grammar, chance = grammar_of(name), seeded(1)
    for _ in range(20):
        derivation = growth_of(name).draw(chance, grammar.start, ROOM)
        found = places(grammar.start, derivation)
        assert found[0].end == len(derivation)
        for place in found:
            part = derivation[place.start : place.end]
            assert built(part).size == place.size
            assert replaced(derivation, place, part) == derivation
            filled = children(derivation, found, place)
            assert [child.nonterminal for child in filled] == list(derivation[place.start].holes)
            assert sum(child.size for child in filled) + derivation[place.start].size == place.size
        known = grammar.derive(built(derivation))
        assert known is not None
        assert built(proper(known.productions)) is built(derivation)


def test_a_derivation_is_kept_as_numbers() -> None:
    growth, grammar = growth_of("gradcam_plus"), grammar_of("gradcam_plus")
    derivation = growth.draw(seeded(0), grammar.start, ROOM)
    assert growth.read(growth.numbers(derivation)) == derivation


@pytest.mark.parametrize(("name", "size"), [("gradcam_plus", 5), ("three places", 8), ("recursion before an end", 5)])
def test_derivations_come_in_proportion_to_their_mass(name: str, size: int) -> None:
    growth, start = growth_of(name, prior=True), grammar_of(name).start
    masses = {derivation: mass(name, derivation) for derivation in every_derivation(name, size)}
    total, number, chance = sum(masses.values()), 4_000, seeded(3)
    counts = Counter(growth.draw(chance, start, size) for _ in range(number))
    assert counts.keys() <= masses.keys()
    common = [one for one, share in masses.items() if share / total * number >= 5]
    rare = number - sum(counts[one] for one in common)
    expected = [masses[one] / total * number for one in common]
    found = chisquare([*(counts[one] for one in common), rare + 1e-9], [*expected, number - sum(expected) + 1e-9])
    assert found.pvalue > 1e-3


def test_the_probabilities_of_a_prior_go_through_renamings() -> None:
    grammar = grammar_of("gradcam_plus")
    h, n = list(grammar.productions)[:2]
    renaming = grammar.productions[h][0]
    assert renaming.is_chain
    growth = Growth(grammar, {renaming: 6.0})
    power = grammar.productions[h][1]
    others = len(grammar.productions[h]) - 1
    assert growth.mass(h, power) == pytest.approx(1 / (6 + others), rel=1e-4)
    below = grammar.productions[n]
    assert growth.mass(h, below[0]) == pytest.approx(6 / (6 + others) / len(below), rel=1e-4)
    assert growth.mass(n, below[0]) == pytest.approx(1 / len(below), rel=1e-4)


def moved(edits: Edits, kinds: tuple[str, ...], energies: dict[Productions, float], steps: int) -> Counter[Productions]:
    """Where a Metropolis chain is after each of its steps."""
    chance, here = seeded(7), next(iter(energies))
    counts: Counter[Productions] = Counter()
    for _ in range(steps):
        edited = getattr(edits, chance.choice(kinds))(here, chance)
        if edited is not None:
            change = edited.odds + energies[here] - energies[edited.derivation]
            if chance.random() < math.exp(min(0.0, change)):
                here = edited.derivation
        counts[here] += 1
    return counts


@pytest.mark.parametrize(
    ("name", "size", "kinds"),
    [
        ("gradcam_plus", 5, EDITS),
        ("channel_weights", 3, ("subtree", "point", "point")),
        ("three places", 9, ("subtree", "insert", "hoist", "insert", "hoist")),
        ("renamings in a circle", 7, EDITS),
    ],
)
def test_a_chain_of_edits_is_in_equilibrium_where_it_should_be(name: str, size: int, kinds: tuple[str, ...]) -> None:
    derivations, chance = every_derivation(name, size), seeded(5)
    energies = {derivation: chance.uniform(0, 2) for derivation in derivations}
    wanted = {one: mass(name, one) * math.exp(-energies[one]) for one in derivations}
    total, steps = sum(wanted.values()), 20_000
    counts = moved(Edits(growth_of(name, prior=True), grammar_of(name).start, size), kinds, energies, steps)
    distance = sum(abs(counts[one] / steps - share / total) for one, share in wanted.items()) / 2
    assert len(derivations) > 10
    assert distance < 0.04
