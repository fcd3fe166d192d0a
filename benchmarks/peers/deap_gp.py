"""DEAP's strongly typed genetic programming (F.-A. Fortin et al., JMLR 13, 2012) on derivations of the grammar."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from deap import base, gp, tools
from deap.algorithms import varAnd

from peers.peer import Peer
from solvers.cam.derivations import Productions, places
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Space
from solvers.cam.novelty import Worth
from solvers.cam.state import resume
from sygus.language.problem import Production
from sygus.language.terms import Nonterminal

POPULATION = 32
CROSSED, MUTATED, TOURNAMENT = 0.5, 0.1, 3
"""Of ``eaSimple``, as in DEAP's example of symbolic regression; its population of 300 would be the whole budget."""


class Individual(gp.PrimitiveTree):
    """A tree with its fitness: the tier, then the objectives, all the smaller the better."""

    def __init__(self, content: Sequence[Any], fitness: base.Fitness | None = None) -> None:
        super().__init__(content)
        if fitness is not None:
            self.fitness = fitness

    @property
    def nodes(self) -> int:
        """The nodes of its term."""
        return sum(node.nodes for node in self)


class Node(gp.Primitive):
    """A production where a nonterminal stands, as one of DEAP's primitives."""

    __slots__ = ("nodes", "production")

    def __init__(self, name: str, production: Production, types: dict[Nonterminal, int], made: Nonterminal) -> None:
        super().__init__(name, [types[hole] for hole in production.holes], types[made])
        self.production = production
        self.nodes = production.size

    def __deepcopy__(self, _: dict[int, Any]) -> Node:
        return self


class Deap(Peer[Individual]):
    """DEAP: typed genetic programming, ``eaSimple``; guarantees nothing.

    Every nonterminal is a type, and every production that begins one of its terms a primitive. DEAP's own generators
    fail where a type has no terminal or the size has a limit, so first trees and mutations are drawn as those of
    ``genetic`` are: exact sizes in turn, and sub-terms by the mass of the grammar. What is too large is not let live.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self._chance = random.Random(space.seed)  # noqa: S311 - nothing that is drawn is secret
        self._of_type = list(space.grammar.productions)
        types = {n: number for number, n in enumerate(self._of_type)}  # DEAP orders sets of them
        makers = GrammarStatistics(space.grammar).makers
        self._nodes = {
            (n, p): Node(f"{types[n]} {number}", p, types, n)
            for n, productions in makers.items()
            for number, p in enumerate(productions)
        }
        self._list = list(self._nodes.values())
        self._numbers = {node.name: number for number, node in enumerate(self._list)}
        objectives = max(1, 1 if space.ordered else len(space.goals))
        self._fitness: Any = type("Fitness", (base.Fitness,), {"weights": (-1.0,) * (1 + objectives)})
        self._toolbox = self._equipped()
        self._population: list[Individual] = []
        self._offspring: list[Individual] = []
        self._queue: list[Individual] = []

    def _equipped(self) -> base.Toolbox:
        toolbox, limit = base.Toolbox(), gp.staticLimit(attrgetter("nodes"), self.space.size)
        toolbox.register("mate", gp.cxOnePoint)
        toolbox.register("mutate", gp.mutUniform, expr=self._grown, pset=None)
        toolbox.decorate("mate", limit)
        toolbox.decorate("mutate", limit)
        if self.space.ordered:
            toolbox.register("select", tools.selTournament, tournsize=TOURNAMENT)
        else:
            toolbox.register("select", tools.selNSGA2)
        return toolbox

    def _grown(self, pset: None, type_: int) -> list[Node]:  # noqa: ARG002 - DEAP passes its set of primitives
        """A sub-tree for a place of this type, as large as the whole may be at most."""
        nonterminal = self._of_type[type_]
        smallest = min(self.growth.sizes(nonterminal, self.space.size))
        room = random.randint(smallest, self.space.size)  # noqa: S311 - DEAP draws from this generator
        return self._tree(nonterminal, self.growth.draw(self._chance, nonterminal, room))

    def _tree(self, root: Nonterminal, derivation: Productions) -> list[Node]:
        found = zip(places(root, derivation), derivation, strict=True)
        return [self._nodes[place.nonterminal, production] for place, production in found]

    def begin(self) -> None:
        """The next generation, where all of the last is known."""
        if self._queue:
            return
        if not self._offspring:
            start = self.space.grammar.start
            drawn = (self.growth.exactly(self._chance, start, self._size(one)) for one in range(POPULATION))
            self._offspring = [Individual(self._tree(start, one), self._fitness()) for one in drawn]
        else:
            self._population = self._offspring if self.space.ordered else self._survivors()
            with self._deaps_chance():
                chosen = self._toolbox.select(self._population, len(self._population))
                self._offspring = varAnd(chosen, self._toolbox, CROSSED, MUTATED)
        self._queue = [one for one in self._offspring if not one.fitness.valid]

    def _size(self, number: int) -> int:
        return self.sizes[number % len(self.sizes)]

    def _survivors(self) -> list[Individual]:
        found: list[Individual] = tools.selNSGA2(self._population + self._offspring, POPULATION)
        return found

    @contextmanager
    def _deaps_chance(self) -> Iterator[None]:
        """DEAP draws from the one generator of Python; here it is ours, and afterwards as it was."""
        before = random.getstate()
        random.setstate(self._chance.getstate())
        try:
            yield
        finally:
            self._chance.setstate(random.getstate())
            random.setstate(before)

    def make(self) -> tuple[Individual, Productions] | None:
        """The next of a generation that has no fitness."""
        if not self._queue:
            self._idle += 1
            return None
        one = self._queue.pop(0)
        return one, tuple(node.production for node in one)

    def learn(self, made: Individual, worth: Worth | None) -> None:
        """Its fitness."""
        objectives = len(self._fitness.weights) - 1
        tier, rank = (3, ()) if worth is None else (worth.tier, worth.rank)
        made.fitness.values = (float(tier), *(*rank, *[0.0] * objectives)[:objectives])

    def own_state(self) -> Any:
        """The generation and the random state; what is still to be asked has no fitness."""
        return {
            "chance": self._chance.getstate(),
            "population": [self._written(one) for one in self._population],
            "offspring": [self._written(one) for one in self._offspring],
        }

    def own_state_from(self, state: Any) -> None:
        """Go on from there."""
        resume(self._chance, state["chance"])
        self._population = [self._read(one) for one in state["population"]]
        self._offspring = [self._read(one) for one in state["offspring"]]
        self._queue = [one for one in self._offspring if not one.fitness.valid]

    def _written(self, one: Individual) -> Any:
        return [[self._numbers[node.name] for node in one], list(one.fitness.values)]

    def _read(self, written: Any) -> Individual:
        numbers, values = written
        one = Individual([self._list[number] for number in numbers], self._fitness())
        if values:
            one.fitness.values = tuple(values)
        return one
