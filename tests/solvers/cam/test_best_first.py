"""Best-first enumeration beside a sort of everything that the definition gives."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from solvers.cam.best_first import BestFirst, Made, Values, rooms
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Space
from solvers.cam.testing import space_for
from sygus.language.problem import Production
from sygus.language.terms import Nonterminal, Term
from sygus.oracles.equivalence import Equivalence

Costs = dict[Production, float]

SMALL = [
    ("one term", 5),
    ("gradcam", 4),
    ("layercam", 3),
    ("two ways to a term", 6),
    ("renamings in a circle", 5),
    ("recursion before an end", 7),
    ("strict divisions", 5),
    ("three places", 6),
]


def priced(space: Space, seed: int) -> Costs:
    """Random costs, some of them 0."""
    chance = np.random.Generator(np.random.PCG64(seed))
    every = [production for productions in space.grammar.productions.values() for production in productions]
    return dict(zip(every, np.maximum(0, chance.uniform(-0.5, 4, len(every))).tolist(), strict=True))


def cheapest(space: Space, costs: Costs) -> dict[Term, float]:
    """What each term of the start symbol costs, by going over all terms of all nonterminals until nothing changes."""
    found: dict[Nonterminal, dict[Term, float]] = {nonterminal: {} for nonterminal in space.grammar.productions}
    changed = True
    while changed:
        changed = False
        for nonterminal, productions in space.grammar.productions.items():
            for production in productions:
                for parts in product(*(list(found[hole].items()) for hole in production.holes)):
                    if production.size + sum(term.size for term, _ in parts) > space.size:
                        continue
                    made = production.instantiate(tuple(term for term, _ in parts))
                    cost = costs[production] + sum(cost for _, cost in parts)
                    if cost < found[nonterminal].get(made, np.inf) - 1e-9:
                        found[nonterminal][made] = cost
                        changed = True
    return found[space.grammar.start]


def enumerated(space: Space, costs: Costs) -> list[Made]:
    search = BestFirst(space, costs, Values(space))
    found = []
    while not search.exhausted:
        made = search.step()
        if made is not None:
            found.append(made)
    return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("name", "size"), SMALL)
def test_every_term_comes_once_in_the_order_of_its_cost(name: str, size: int, seed: int) -> None:
    space = space_for(name, size, Equivalence.NONE)
    costs = priced(space, seed)
    usable = {
        term: cost
        for term, cost in cheapest(space, costs).items()
        if space.safety.check(term).safe and space.probes.signature(term) is not None
    }
    found = enumerated(space, costs)
    assert {made.term: pytest.approx(made.cost) for made in found} == usable
    assert len(found) == len(usable)
    assert all(one.cost <= following.cost + 1e-9 for one, following in pairwise(found))


@pytest.mark.parametrize(("name", "size"), SMALL)
def test_of_each_behaviour_the_cheapest_comes_first_and_the_smallest_last(name: str, size: int) -> None:
    space = space_for(name, size, Equivalence.MAP)
    costs = priced(space, 7)
    cost_of: dict[int, float] = {}
    size_of: dict[int, int] = {}
    for term, cost in cheapest(space, costs).items():
        signature = space.probes.signature(term)
        if space.safety.check(term).safe and signature is not None:
            cost_of[signature] = min(cost, cost_of.get(signature, np.inf))
            size_of[signature] = min(term.size, size_of.get(signature, size))
    found = enumerated(space, costs)
    first = {made.signature: made.cost for made in reversed(found)}
    last = {made.signature: made.term.size for made in found}
    assert first == pytest.approx(cost_of)
    assert last == size_of
    assert all(made.signature == space.probes.signature(made.term) for made in found)


def test_the_room_of_a_nonterminal_is_what_its_surroundings_leave() -> None:
    space = space_for("gradcam_plus", 9)
    at_most = {nonterminal.name: room for nonterminal, room in rooms(space).items()}
    # (power N c) takes 2 of 9, but H may be N; (relu (cam W)) takes 2 more, (gap M) one.
    assert at_most == {"H": 9, "N": 9, "W": 7, "M": 7}
    assert rooms(space_for("gradcam_plus", 2)) == {}
    statistics = GrammarStatistics(space.grammar)
    assert all(room >= statistics.smallest[nonterminal] for nonterminal, room in rooms(space).items())
