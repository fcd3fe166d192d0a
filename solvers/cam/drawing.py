"""Random terms from a probabilistic grammar, none like an earlier one: what learners that draw have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Proposal, Space
from solvers.cam.screening import Screen
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Nonterminal, Term

PATIENCE = 10_000
"""Draws in a row that give nothing new, after which no more are made."""


class Sampler:
    """Draws derivations within a size: each nonterminal picks one of the productions that still fit, by their weights.

    Every draw ends, whatever the grammar: what does not fit beside the smallest terms of the nonterminals still open is
    left out of the choice, and where productions only rename for longer than there are nonterminals, the way to a
    smallest term is taken. Open nonterminals take their turns at random, so that the left is not larger than the right.

    Args:
        grammar: what to draw from.
        size: the largest term, in nodes; not smaller than the smallest of the grammar.

    Attributes:
        weights: of each production, in proportion to which those of one nonterminal are picked; 1 at first.
        given: weights, in place of these, for what fills the holes of a production; under None, for the root.
    """

    def __init__(self, grammar: Grammar, size: int) -> None:
        self.statistics = statistics = GrammarStatistics(grammar)
        self.weights = {p: 1.0 for productions in grammar.productions.values() for p in productions}
        self.given: dict[Production | None, Mapping[Production, float]] = {}
        self._spare = size - statistics.smallest[grammar.start]
        numbers = {nonterminal: number for number, nonterminal in enumerate(grammar.productions)}

        def option(nonterminal: Nonterminal, production: Production) -> Option:
            extra = statistics.least(production) - statistics.smallest[nonterminal]
            return Option(production, extra, tuple(numbers[hole] for hole in production.holes))

        self._options = [[option(n, p) for p in productions] for n, productions in grammar.productions.items()]
        self._shortest = [option(n, statistics.shortest[n]) for n in grammar.productions]
        self._ends = frozenset(statistics.shortest.values())

    def draw(self, generator: np.random.Generator) -> tuple[Production, ...]:
        """The productions of a derivation, each before those of what fills its holes."""
        return self.complete(self.begin(), generator)

    def begin(self) -> Partial:
        """The derivation in which nothing is chosen yet."""
        return Partial(self._spare)

    def options(self, partial: Partial, place: int) -> Sequence[Option]:
        """The productions that an open place of a derivation may take and still end within the size; one at least."""
        nonterminal = partial.nonterminals[place]
        if partial.renamings[place] > len(self._options):
            return [self._shortest[nonterminal]]
        return [option for option in self._options[nonterminal] if option.extra <= partial.spare]

    def pick(self, options: Sequence[Option], parent: Production | None, number: float) -> Option:
        """One of them by their weights below a production, by a number in [0, 1).

        Where all weights are zero, one that leads to a smallest term.
        """
        weights = self.given.get(parent, self.weights)
        rest = number * sum(weights[option.production] for option in options)
        for option in options:
            rest -= weights[option.production]
            if rest < 0:
                return option
        return next(option for option in options if option.production in self._ends)

    def complete(self, partial: Partial, generator: np.random.Generator) -> tuple[Production, ...]:
        """Draw what is open, and give the productions of the whole derivation."""
        waiting = partial.waiting
        while waiting:
            turn = int(generator.random() * len(waiting))
            waiting[turn], waiting[-1] = waiting[-1], waiting[turn]
            place = waiting[-1]
            partial.take(self.pick(self.options(partial, place), partial.parents[place], generator.random()))
        return _from_the_root(partial.chosen, partial.children)


@dataclass(frozen=True, slots=True)
class Option:
    """A production as one of the choices of its nonterminal.

    Attributes:
        production: it.
        extra: by how many nodes its smallest term is larger than the nonterminal's.
        holes: the numbers of the nonterminals in it.
    """

    production: Production
    extra: int
    holes: tuple[int, ...]


class Partial:
    """A derivation in the making. Its places are numbered as they come up; the root is 0.

    Args:
        spare: by how many nodes the term may be larger than the smallest.

    Attributes:
        spare: what is left of that.
        nonterminals: of each place, by number.
        renamings: how many productions above each place do nothing but rename, without one between that does more.
        parents: the production above each place; None above the root.
        chosen: the production of each place that has one.
        children: the places of its holes.
        waiting: the places that are open; the last is next. They come from the left as long as none is moved.
    """

    def __init__(self, spare: int) -> None:
        self.spare = spare
        self.nonterminals = [0]
        self.renamings = [0]
        self.parents: list[Production | None] = [None]
        self.chosen: dict[int, Production] = {}
        self.children: dict[int, range] = {}
        self.waiting = [0]

    def take(self, option: Option) -> None:
        """Choose the production of the next place."""
        place = self.waiting.pop()
        self.spare -= option.extra
        self.chosen[place] = option.production
        self.children[place] = range(len(self.nonterminals), len(self.nonterminals) + len(option.holes))
        renamings = self.renamings[place] + 1 if option.production.is_chain else 0
        self.nonterminals += option.holes
        self.renamings += [renamings] * len(option.holes)
        self.parents += [option.production] * len(option.holes)
        self.waiting += reversed(self.children[place])


def _from_the_root(chosen: Mapping[int, Production], children: Mapping[int, range]) -> tuple[Production, ...]:
    found, stack = [], [0]
    while stack:
        place = stack.pop()
        found.append(chosen[place])
        stack.extend(reversed(children[place]))
    return tuple(found)


def built(productions: tuple[Production, ...]) -> Term:
    """The term of a derivation, given by its productions from the root."""
    stack: list[Term] = []
    for production in reversed(productions):
        stack.append(production.instantiate(tuple(stack.pop() for _ in production.holes)))
    return stack[0]


def probabilities(grammar: Grammar, weights: Mapping[Production, float]) -> dict[Production, float]:
    """Weights, all above 0, in proportion such that those of each nonterminal add up to 1; one without has 1."""
    found: dict[Production, float] = {}
    for productions in grammar.productions.values():
        total = sum(weights.get(production, 1.0) for production in productions)
        found |= {production: weights.get(production, 1.0) / total for production in productions}
    return found


class Draws:
    """Random terms of a space: safe, finite on the probes, and none that behaves like an earlier one.

    But for smaller spellings of earlier ones: they share the score, and may be the better answer.

    Args:
        space: where they are drawn.
        patience: how many draws in a row may give nothing new before there are no more.

    Attributes:
        weights, given: see :class:`Sampler`; a learner may change them.
    """

    def __init__(self, space: Space, patience: int = PATIENCE) -> None:
        self.space = space
        self.patience = patience
        self._sampler = Sampler(space.grammar, space.size)
        self.weights = self._sampler.weights
        self.given = self._sampler.given
        self._generator = np.random.Generator(np.random.PCG64(space.seed))
        self._numbers = {p: i for i, p in enumerate((p for p in self.weights if not p.is_chain), 1)}
        self._derivations: set[int] = set()
        self._screen = Screen(space)
        self._drawn = self._again = self._idle = 0
        statistics, start = self._sampler.statistics, space.grammar.start
        self._smallest = statistics.smallest[start]
        self._all = sum(statistics.count(start, size) for size in range(1, space.size + 1))

    def take(self, count: int, patience: int | None = None) -> list[Proposal]:
        """At most so many; fewer, or none, where there are no more.

        Args:
            count: how many are wanted.
            patience: how many draws in a row may give nothing new this time, where that is less.
        """
        patience = self.patience if patience is None else min(patience, self.patience)
        found: list[Proposal] = []
        while len(found) < count and self._idle < patience and len(self._derivations) < self._all:
            self._idle += 1
            proposal = self._draw()
            if proposal is not None:
                self._idle = 0
                found.append(proposal)
        return found

    def _draw(self) -> Proposal | None:
        """The next term, None where it is of no use."""
        productions = self._sampler.draw(self._generator)
        self._drawn += 1
        key = 0
        for production in productions:
            if not production.is_chain:
                key = key * (len(self._numbers) + 1) + self._numbers[production]
        if key in self._derivations:
            self._again += 1
            return None
        self._derivations.add(key)
        return self._screen.judge(built(productions)).proposal

    def status(self) -> Mapping[str, int]:
        """What became of the draws."""
        counts = {"drawn": self._drawn, "drawn before": self._again}
        return counts | self._screen.counts | {"distinct": self._screen.distinct}

    def conclusion(self) -> str:
        """How much of the space was drawn, once there are no more."""
        size, drawn, equivalence = self.space.size, len(self._derivations), self.space.equivalence
        if self._all == 0:
            return f"nothing to draw: the smallest term has {self._smallest} nodes, and the largest allowed is {size}"
        if drawn == self._all:
            claim = f"best of all terms up to size {size}, up to equivalence by {equivalence}"
            return f"{claim}: each of their {drawn:,} derivations was drawn"
        share = f"{drawn:,} of the {self._all:,} derivations up to size {size} were drawn ({drawn / self._all:.2%})"
        return (
            f"{self._idle:,} draws in a row gave nothing new: {share}, {self._screen.distinct:,} of them distinct by "
            f"{equivalence}; nothing is known of the others"
        )

    def state_dict(self) -> dict[str, Any]:
        """What was drawn, the weights and the random state."""
        numbers = {production: number for number, production in enumerate(self.weights)}
        return {
            "generator": self._generator.bit_generator.state,
            "weights": list(self.weights.values()),
            "given": [
                [None if parent is None else numbers[parent], [[numbers[p], weight] for p, weight in weights.items()]]
                for parent, weights in self.given.items()
            ],
            "derivations": sorted(self._derivations),
            "screen": self._screen.state_dict(),
            "counts": [self._drawn, self._again, self._idle],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        productions = list(self.weights)
        self._generator.bit_generator.state = state["generator"]
        self.weights.update(zip(self.weights, state["weights"], strict=True))
        self.given.clear()
        for parent, weights in state["given"]:
            below = {productions[number]: weight for number, weight in weights}
            self.given[None if parent is None else productions[parent]] = below
        self._derivations = set(state["derivations"])
        self._screen.load_state_dict(state["screen"])
        self._drawn, self._again, self._idle = state["counts"]
