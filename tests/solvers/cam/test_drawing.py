"""Random terms: every term can come, with the probabilities of the weights, and each behaviour comes once."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import chisquare

from solvers.cam.drawing import Draws, Sampler, built
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.testing import FEW, Search, space_for, terms
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Term
from sygus.oracles.equivalence import Equivalence


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def drawn(draws: Draws) -> list[Term]:
    """Everything, until there are no more."""
    found: list[Term] = []
    while asked := draws.take(32):
        found += [proposal.term for proposal in asked]
    return found


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("size", [3, 6, 12, 60])
def test_every_draw_ends_within_the_size(name: str, size: int) -> None:
    space = space_for(name, size)
    size = max(size, space.grammar.smallest()[space.grammar.start])
    sampler, chance = Sampler(space.grammar, size), generator()
    for _ in range(60):
        productions = sampler.draw(chance)
        term = built(productions)
        assert term.size <= size
        assert term.sort == space.grammar.start.sort
        assert sum(production.size for production in productions) == term.size
        assert space.grammar.derive(term) is not None


def expected(grammar: Grammar, size: int, weights: dict[Production, Fraction]) -> dict[Term, Fraction]:
    """The probability of each term by the definition, for grammars whose productions have at most one hole."""
    least = grammar.smallest()

    def spread(nonterminal: object, room: int) -> dict[Term, Fraction]:
        found: Counter[Term] = Counter()
        fitting = [p for p in grammar.productions[nonterminal] if p.size + sum(least[hole] for hole in p.holes) <= room]
        total = sum(weights[p] for p in fitting)
        for production in fitting:
            share = weights[production] / total
            if not production.holes:
                found[production.template] += share
                continue
            for child, probability in spread(production.holes[0], room - production.size).items():
                found[production.instantiate((child,))] += share * probability
        return found

    return spread(grammar.start, size)


@pytest.mark.parametrize("seed", range(3))
def test_terms_come_with_the_probabilities_of_the_weights(seed: int) -> None:
    space = space_for("gradcam", 4)
    start = space.grammar.start
    one_hole = Grammar(
        {n: tuple(p for p in productions if len(p.holes) < 2) for n, productions in space.grammar.productions.items()}
    )
    sampler = Sampler(one_hole, 4)
    for place, production in enumerate(one_hole.productions[start]):
        sampler.weights[production] = 1.0 + 2 * place
    exact = expected(one_hole, 4, {p: Fraction(weight) for p, weight in sampler.weights.items()})
    chance, number = generator(seed), 5_000
    counts = Counter(built(sampler.draw(chance)) for _ in range(number))
    assert counts.keys() <= exact.keys()
    common = [term for term, probability in exact.items() if probability * number >= 5]
    assert len(common) > 20
    rest = number - sum(counts[term] for term in common)
    others = number * float(1 - sum(exact[term] for term in common))
    found = chisquare([*(counts[t] for t in common), rest], [*(number * float(exact[t]) for t in common), others])
    assert found.pvalue > 1e-3


def test_both_sides_of_a_sum_are_equally_large() -> None:
    space = space_for("channel_weights", 15)
    sampler, chance = Sampler(space.grammar, 15), generator()
    sides = [t.arguments for t in (built(sampler.draw(chance)) for _ in range(4_000)) if t.head.name == "+"]
    larger = [left.size > right.size for left, right in sides if left.size != right.size]
    assert abs(np.mean(larger) - 0.5) < 4 * 0.5 / math.sqrt(len(larger))


def test_where_all_weights_that_fit_are_zero_the_smallest_term_is_drawn() -> None:
    space = space_for("gradcam", 6)
    sampler = Sampler(space.grammar, 6)
    for production in sampler.weights:
        sampler.weights[production] = 0.0
    assert repr(built(sampler.draw(generator()))) == "(gap gradient)"


@pytest.mark.parametrize("equivalence", [Equivalence.VALUE, Equivalence.MAP, Equivalence.NONE])
@pytest.mark.parametrize(
    ("name", "size"), [("gradcam", 4), ("layercam", 3), ("renamings in a circle", 4), ("strict divisions", 5)]
)
def test_a_small_space_is_exhausted_and_covers_what_enumeration_finds(
    name: str, size: int, equivalence: Equivalence
) -> None:
    space = space_for(name, size, equivalence)
    draws = Draws(space, patience=100_000)
    found = drawn(draws)
    enumeration = Search(Enumerate(space_for(name, size, equivalence)))
    enumerated = terms(enumeration.go_on(limit=100_000))
    assert draws.conclusion().startswith(f"best of all terms up to size {size}, up to equivalence by {equivalence}: ")
    if equivalence is Equivalence.NONE:
        assert set(found) == set(enumerated)
        return
    by_value = {space.probes.signature(term) for term in found}
    assert by_value == {space.probes.signature(term) for term in enumerated}
    smallest = {space.probes.signature(term): term.size for term in found}  # of each, the last is the smallest
    assert smallest == {space.probes.signature(term): term.size for term in enumerated}
    assert draws.status()["distinct"] == len(enumerated)


def test_the_counts_add_up() -> None:
    draws = Draws(space_for("strict divisions", 6), patience=300)
    found = drawn(draws)
    counts = dict(draws.status())
    distinct = counts.pop("distinct")
    assert counts["unsafe divisions"] > 0
    assert counts.pop("drawn") == sum(counts.values()) + len(found)
    assert distinct <= len(found)


def test_without_anything_new_it_ends_and_says_what_it_covered() -> None:
    space = space_for("channel_weights", 7)
    draws = Draws(space, patience=50)
    found = drawn(draws)
    assert found
    said = draws.conclusion()
    assert said.startswith("50 draws in a row gave nothing new: ")
    assert f"{draws.status()['distinct']:,} of them distinct by map; nothing is known of the others" in said
    assert drawn(draws) == []


def test_a_size_that_no_term_has_is_said() -> None:
    draws = Draws(space_for("gradcam", 1))
    assert draws.take(5) == []
    assert draws.conclusion() == "nothing to draw: the smallest term has 2 nodes, and the largest allowed is 1"


def test_another_seed_draws_other_terms_and_weights_are_obeyed() -> None:
    space = space_for("channel_weights", 7)
    one, other = (Draws(replace(space, seed=seed)).take(20) for seed in (0, 1))
    assert terms(one) != terms(other)
    draws = Draws(space)
    for production in draws.weights:
        draws.weights[production] = float("activation" not in repr(production.template))
    assert all("activation" not in repr(proposal.term) for proposal in draws.take(50))
