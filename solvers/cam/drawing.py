"""Random terms from a probabilistic grammar, none like an earlier one: what learners that draw have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Proposal, Space
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Nonterminal, Term
from sygus.language.text import term_text
from sygus.oracles.equivalence import Equivalence, symbolic_key

PATIENCE = 10_000
"""Draws in a row that give nothing new, after which no more are made."""


class Sampler:
    """Draws derivations within a size: each nonterminal picks one of the productions that still fit, by their weights.

    Every draw ends, whatever the grammar: what does not fit beside the smallest terms of the nonterminals still open is
    left out of the choice, and where productions only rename for longer than there are nonterminals, the way to a
    smallest term is taken. Open nonterminals take their turns at random, so that the left is not larger than the right.

    Args:
        grammar: what to draw from.
        size: the largest term, in nodes.

    Attributes:
        weights: of each production, in proportion to which those of one nonterminal are picked; 1 at first.
    """

    def __init__(self, grammar: Grammar, size: int) -> None:
        self.statistics = statistics = GrammarStatistics(grammar)
        self.weights = {p: 1.0 for productions in grammar.productions.values() for p in productions}
        self._spare = size - statistics.smallest[grammar.start]
        numbers = {nonterminal: number for number, nonterminal in enumerate(grammar.productions)}

        def option(nonterminal: Nonterminal, production: Production) -> _Option:
            extra = statistics.least(production) - statistics.smallest[nonterminal]
            return _Option(production, extra, tuple(numbers[hole] for hole in production.holes), production.is_chain)

        self._options = [[option(n, p) for p in productions] for n, productions in grammar.productions.items()]
        self._shortest = [option(n, statistics.shortest[n]) for n in grammar.productions]

    def draw(self, generator: np.random.Generator) -> tuple[Production, ...]:
        """The productions of a derivation, each before those of what fills its holes.

        The smallest term must not be larger than the size.
        """
        nonterminals, renamings = [0], [0]
        chosen: dict[int, Production] = {}
        children: dict[int, range] = {}
        spare, waiting = self._spare, [0]
        while waiting:
            turn = int(generator.random() * len(waiting))
            waiting[turn], waiting[-1] = waiting[-1], waiting[turn]
            place = waiting.pop()
            nonterminal = nonterminals[place]
            if renamings[place] > len(self._options):
                option = self._shortest[nonterminal]
            else:
                option = self._pick(nonterminal, spare, generator.random())
            spare -= option.extra
            chosen[place] = option.production
            children[place] = range(len(nonterminals), len(nonterminals) + len(option.holes))
            nonterminals += option.holes
            renamings += [renamings[place] + 1 if option.renames else 0] * len(option.holes)
            waiting += children[place]
        return _from_the_root(chosen, children)

    def _pick(self, nonterminal: int, spare: int, number: float) -> _Option:
        """One of the productions that fit, by a number in [0, 1)."""
        options, weights = self._options[nonterminal], self.weights
        fitting = [(option, weights[option.production]) for option in options if option.extra <= spare]
        rest = number * sum(weight for _, weight in fitting)
        for option, weight in fitting:
            rest -= weight
            if rest < 0:
                return option
        return self._shortest[nonterminal]  # all weights that fit are zero


@dataclass(frozen=True, slots=True)
class _Option:
    """A production as one of the choices of its nonterminal.

    Attributes:
        production: it.
        extra: by how many nodes its smallest term is larger than the nonterminal's.
        holes: the numbers of the nonterminals in it.
        renames: whether it is a bare nonterminal.
    """

    production: Production
    extra: int
    holes: tuple[int, ...]
    renames: bool


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


class Draws:
    """Random terms of a space: safe, finite on the probes, and none that behaves like an earlier one.

    But for smaller spellings of earlier ones: they share the score, and may be the better answer.

    Args:
        space: where they are drawn.
        patience: how many draws in a row may give nothing new before there are no more.

    Attributes:
        weights: see :class:`Sampler`; a learner may change them.
    """

    def __init__(self, space: Space, patience: int = PATIENCE) -> None:
        self.space = space
        self.patience = patience
        self._sampler = Sampler(space.grammar, space.size)
        self.weights = self._sampler.weights
        self._generator = np.random.Generator(np.random.PCG64(space.seed))
        self._numbers = {p: i for i, p in enumerate((p for p in self.weights if not p.is_chain), 1)}
        self._derivations: set[int] = set()
        self._smallest_of: dict[int | str, int] = {}
        self._counts = dict.fromkeys(("drawn", "drawn before", "alike", "unsafe divisions", "not finite"), 0)
        self._idle = 0
        statistics, start = self._sampler.statistics, space.grammar.start
        self._smallest = statistics.smallest[start]
        self._all = sum(statistics.count(start, size) for size in range(1, space.size + 1))

    def take(self, count: int) -> list[Proposal]:
        """At most so many; fewer, or none, where there are no more."""
        found: list[Proposal] = []
        while len(found) < count and self._idle < self.patience and len(self._derivations) < self._all:
            self._idle += 1
            proposal = self._draw()
            if proposal is not None:
                self._idle = 0
                found.append(proposal)
        return found

    def _draw(self) -> Proposal | None:
        """The next term, None where it is of no use."""
        productions = self._sampler.draw(self._generator)
        self._counts["drawn"] += 1
        key = 0
        for production in productions:
            if not production.is_chain:
                key = key * (len(self._numbers) + 1) + self._numbers[production]
        if key in self._derivations:
            self._counts["drawn before"] += 1
            return None
        self._derivations.add(key)
        return self._judged(built(productions))

    def _judged(self, term: Term) -> Proposal | None:
        """The proposal of a term, None where it is not to be evaluated or no smaller than an earlier one like it."""
        if not self.space.safety.check(term).safe:
            self._counts["unsafe divisions"] += 1
            return None
        signature = self.space.probes.signature(term)
        if signature is None:
            self._counts["not finite"] += 1
            return None
        behaviour = self._behaviour(term, signature)
        if self._smallest_of.get(behaviour, self.space.size + 1) <= term.size:
            self._counts["alike"] += 1
            return None
        self._smallest_of[behaviour] = term.size
        return Proposal(term, signature)

    def _behaviour(self, term: Term, signature: int) -> int | str:
        """What terms that count as alike share."""
        match self.space.equivalence:
            case Equivalence.NONE:
                return term_text(term)
            case Equivalence.SYMPY:
                return symbolic_key(term)
            case _:
                return signature

    def status(self) -> Mapping[str, int]:
        """What became of the draws."""
        return self._counts | {"distinct": len(self._smallest_of)}

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
            f"{self._idle:,} draws in a row gave nothing new: {share}, {len(self._smallest_of):,} of them distinct by "
            f"{equivalence}; nothing is known of the others"
        )

    def state_dict(self) -> dict[str, Any]:
        """What was drawn, the weights and the random state."""
        return {
            "generator": self._generator.bit_generator.state,
            "weights": list(self.weights.values()),
            "derivations": sorted(self._derivations),
            "behaviours": [list(pair) for pair in self._smallest_of.items()],
            "counts": dict(self._counts),
            "idle": self._idle,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        self._generator.bit_generator.state = state["generator"]
        self.weights.update(zip(self.weights, state["weights"], strict=True))
        self._derivations = set(state["derivations"])
        self._smallest_of = dict(state["behaviours"])
        self._counts = dict(state["counts"])
        self._idle = state["idle"]
