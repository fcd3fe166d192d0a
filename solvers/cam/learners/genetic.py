"""The learner ``genetic``: terms crossed and mutated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from solvers.cam.derivations import Edits, Growth, Productions, places, proper, replaced
from solvers.cam.drawing import Sampler
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.novelty import Novelty, Worth
from solvers.cam.pareto import Vector, best_first
from solvers.cam.screening import Behaviour
from solvers.cam.state import resume

POPULATION = 32
"""Those that may have offspring."""

FIRST = 32
"""So many terms it begins with, if there are as many."""

TOURNAMENT = 4
"""So many compete to be a parent."""

CROSSED = 0.75
"""The share of offspring of two parents; the others are mutated."""

AGAIN = 3
"""How often an offspring that is of no use is mutated once more before there is another."""

TRIES = 200
"""Offspring in a row that are of no use, after which some other term is taken."""


@dataclass(frozen=True)
class Individual:
    """A member of the population.

    Attributes:
        behaviour: what no other member shares.
        derivation: how its term is derived.
        size: the nodes of its term.
        worth: what became of it.
    """

    behaviour: Behaviour
    derivation: Productions
    size: int
    worth: Worth


@learner("genetic")
class Genetic(Learner):
    """Terms crossed and mutated, of those that are best for their size; guarantees nothing on large spaces.

    Strongly typed genetic programming (D. J. Montana, Evolutionary Computation 3(2), 1995) on derivations: whatever is
    crossed or mutated, the grammar derives it within the size. It begins half-and-half, with draws from the grammar
    within sizes that grow, and of exactly these sizes. Parents win tournaments, and the population is cut down, by
    NSGA-II (K. Deb et al. 2002): by rank and size where the objectives are ordered, else by all objectives. The
    formulas that the run begins with are proposed first, for they cost nothing. What behaves like an earlier term is
    proposed only where it is smaller.
    """

    uses_prior = True

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self._chance = Random(space.seed)  # noqa: S311 - nothing that is drawn is secret
        self._sampled = np.random.Generator(np.random.PCG64(space.seed))
        self._novelty = Novelty(space, self._chance)
        self._growth = Growth(space.grammar, space.prior)
        self._edits = Edits(self._growth, space.grammar.start, space.size)
        self._sizes = self._growth.sizes(space.grammar.start, space.size)
        self._samplers: dict[int, Sampler] = {}
        self._first = [proper(d.productions) for d in map(space.grammar.derive, space.starts) if d is not None]
        self._asked: list[Productions] = []
        self._population: list[Individual] = []
        self._draws = 0
        self._counts = dict.fromkeys(("drawn", "crossed", "mutated"), 0)

    def ask(self, count: int) -> list[Proposal]:
        """Offspring, or first terms as long as there are few to descend from."""
        self._select()
        self._asked, found = [], list[Proposal]()
        while len(found) < count and not self._novelty.ended:
            made = self._bred() or self._novelty.next()
            if made is None:
                break
            self._asked.append(made[0])
            found.append(made[1])
        return found

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Whatever is worth something joins the population."""
        derivation = self._asked.pop(0)
        _, behaviour = self._novelty.known(derivation)
        assert behaviour is not None
        self._novelty.tell(behaviour, outcome)
        worth = self._novelty.worth(behaviour)
        if worth is not None:
            self._population = [one for one in self._population if one.behaviour != behaviour]
            self._population.append(Individual(behaviour, derivation, proposal.term.size, worth))

    def _select(self) -> None:
        """Order the population, the best first, and cut it down."""
        found: list[Individual] = []
        for tier in sorted({one.worth.tier for one in self._population}):
            members = [one for one in self._population if one.worth.tier == tier]
            found += [members[position] for position in best_first(self._vectors(members))]
        self._population = found[:POPULATION]

    def _vectors(self, members: Sequence[Individual]) -> list[Vector]:
        """What is wanted of members of one tier, each number the smaller the better."""
        if self.space.goals and not self.space.ordered:
            return [one.worth.rank for one in members]
        ranks = sorted({one.worth.rank for one in members})
        position = {rank: number for number, rank in enumerate(ranks)}
        return [(position[one.worth.rank], one.size) for one in members]

    def _bred(self) -> tuple[Productions, Proposal] | None:
        """An offspring, or a first term, that is worth proposing; None where many tries make none."""
        if not self._sizes:
            return None
        derivation: Productions = ()
        for attempt in range(TRIES):
            if not self._population or (self._counts["drawn"] < FIRST and self._draws < TRIES):
                how, derivation = "drawn", self._drawn()
            elif derivation and attempt % (AGAIN + 1) and (edited := self._mutated(derivation)) is not None:
                how, derivation = "mutated", edited
            else:
                how, derivation = self._offspring()
            proposal = self._novelty.proposal(derivation)
            if proposal is not None:
                self._counts[how] += 1
                return derivation, proposal
        return None

    def _drawn(self) -> Productions:
        """A first term: a formula given, or half-and-half one drawn within a size and one of that size."""
        if self._first:
            return self._first.pop(0)
        self._draws += 1
        size = self._sizes[self._draws // 2 % len(self._sizes)]
        if self._draws % 2:
            return self._growth.exactly(self._chance, self.space.grammar.start, size)
        if size not in self._samplers:
            self._samplers[size] = Sampler(self.space.grammar, size)
            self._samplers[size].weights.update(self.space.prior)
        return proper(self._samplers[size].draw(self._sampled))

    def _offspring(self) -> tuple[str, Productions]:
        """A derivation made of others, and how; it may be no other than its parent."""
        parent = self._parent()
        if self._chance.random() < CROSSED:
            crossed = self._crossed(parent, self._parent())
            if crossed is not None:
                return "crossed", crossed
        return "mutated", self._mutated(parent) or parent

    def _parent(self) -> Productions:
        """The winner of a tournament."""
        entered = [self._chance.randrange(len(self._population)) for _ in range(TOURNAMENT)]
        return self._population[min(entered)].derivation

    def _crossed(self, one: Productions, other: Productions) -> Productions | None:
        """The first with a part of the other in one of its places; None where none fits the place chosen."""
        root = self.space.grammar.start
        mine, theirs = places(root, one), places(root, other)
        place = self._chance.choice(mine)
        room = self.space.size - mine[0].size + place.size
        fitting = [
            part for part in theirs if part.size <= room and self._edits.fits(other[part.start], place.nonterminal)
        ]
        if not fitting:
            return None
        part = self._chance.choice(fitting)
        return replaced(one, place, other[part.start : part.end])

    def _mutated(self, derivation: Productions) -> Productions | None:
        """The derivation edited; None where the edit that is chosen does not apply."""
        edits = self._edits
        edit = self._chance.choice((edits.subtree, edits.point, edits.insert, edits.hoist))
        edited = edit(derivation, self._chance)
        return None if edited is None else edited.derivation

    def status(self) -> Mapping[str, int]:
        """How terms were made, and how many are told apart."""
        return {**self._counts, **self._novelty.status()}

    def conclusion(self) -> str:
        """How much of the space is known."""
        return self._novelty.conclusion()

    def state_dict(self) -> dict[str, Any]:
        """The population, what is known, and the random states."""
        return {
            "chance": self._chance.getstate(),
            "sampled": self._sampled.bit_generator.state,
            "novelty": self._novelty.state_dict(),
            "first": [self._growth.numbers(one) for one in self._first],
            "population": [
                [one.behaviour, self._growth.numbers(one.derivation), one.size, one.worth.tier, list(one.worth.rank)]
                for one in self._population
            ],
            "draws": self._draws,
            "counts": dict(self._counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        resume(self._chance, state["chance"])
        self._sampled.bit_generator.state = state["sampled"]
        self._novelty.load_state_dict(state["novelty"])
        self._first = [self._growth.read(numbers) for numbers in state["first"]]
        self._population = [
            Individual(behaviour, self._growth.read(numbers), size, Worth(tier, tuple(rank)))
            for behaviour, numbers, size, tier, rank in state["population"]
        ]
        self._draws, self._counts = state["draws"], dict(state["counts"])
