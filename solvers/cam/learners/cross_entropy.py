"""The learner ``cross-entropy``: random terms, and the weights follow the best of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from solvers.cam.drawing import Draws, probabilities
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.rewards import Rewards, Standing, standing_of
from sygus.language.problem import Grammar, Production

GENERATION = 32
"""Outcomes between two updates."""

REMEMBERED = 128
"""Outcomes, the latest, among which the elite is."""

ELITE = 0.05
"""The part of them that is followed."""

SMOOTHING = 0.5
"""α: how far an update goes from the weights that there are to the elite's."""

FLOOR = 0.05
"""ε: the part of the weights at first that every update mixes in."""

BACKING = 2.0
"""How many uses below a production those anywhere count for."""

LEAST_YIELD = 0.05
"""Proposals per draw below which the weights begin anew."""

Pair: TypeAlias = tuple[Production | None, Production]
"""A production and the one above it; None above the root."""

Table: TypeAlias = Mapping[Production | None, Mapping[Production, float]]
"""The probabilities of productions below each production, among those of their nonterminal."""


@learner("cross-entropy")
class CrossEntropy(Learner):
    """Random terms, by weights that follow the best ones; every term keeps a chance, and nothing more is certain.

    The cross-entropy method (R. Y. Rubinstein, Methodology and Computing in Applied Probability 1, 1999) over a
    probabilistic grammar (ProGED: J. Brence, L. Todorovski and S. Džeroski, Knowledge-Based Systems 224, 2021, arXiv
    2012.00428). The probability of a production is conditioned on the one above it. After each generation

    p ← (1 - ε) ((1 - α) p + α f) + ε p₀,   f(R | P) = (n(P, R) + κ f(R)) / (n(P) + κ),

    where n counts uses in the elite, f(R) is the part of R there among the productions of its nonterminal, and p₀ is
    what there was at first: alike for all, or as ``--prior`` says. Terms are drawn within the size, none that behaves
    like an earlier one. So the elite is of the latest generations, since what is best cannot be drawn twice; and when
    few draws bring anything new, the weights begin anew.

    Guarantees: since ε > 0, no term within the size ever has probability 0. It ends when every derivation was drawn,
    or when many draws in a row gave nothing new.
    """

    uses_prior = True

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.draws = Draws(space)
        self.rewards = Rewards(space)
        self.first = probabilities(space.grammar, space.prior)
        self.draws.weights.update(self.first)
        self._numbers: dict[Production | None, int] = {p: i for i, p in enumerate([None, *self.first])}
        self._latest: list[tuple[Standing, list[Pair]]] = []
        self._told = self._drawn = self._updates = self._beginnings = 0

    def ask(self, count: int) -> list[Proposal]:
        """The next terms drawn; where the learnt weights bring nothing new, by those that there were at first."""
        found = self.draws.take(count, patience=math.ceil(count / LEAST_YIELD))
        if len(found) < count:
            self._begin_anew()
            found += self.draws.take(count - len(found))
        return found

    def _begin_anew(self) -> None:
        if self.draws.given:
            self.draws.given.clear()
            self._latest.clear()
            self._beginnings += 1

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Note the productions of a term; at the end of a generation the weights follow the elite."""
        self._latest.append((self.rewards.stand(outcome), pairs(self.space.productions(proposal.term))))
        self._told += 1
        if self._told % GENERATION == 0:
            self._follow()

    def _follow(self) -> None:
        drawn = self.draws.status()["drawn"]
        share, self._drawn = GENERATION / max(1, drawn - self._drawn), drawn
        if share < LEAST_YIELD:
            self._begin_anew()
            return
        self._latest = self._latest[-REMEMBERED:]
        best = sorted(self._latest, key=lambda one: -self.rewards.reward(one[0]))
        elite = [of_term for _, of_term in best[: math.ceil(ELITE * len(best))]]
        self.draws.given.update(followed(self.space.grammar, self.draws.given, self.first, elite))
        self._updates += 1

    def status(self) -> Mapping[str, int]:
        """What became of the draws, and how often the weights were changed."""
        return {**self.draws.status(), "updates": self._updates, "begun anew": self._beginnings}

    def conclusion(self) -> str:
        """How much of the space was drawn."""
        return self.draws.conclusion()

    def state_dict(self) -> dict[str, Any]:
        """The draws with their weights, and the latest outcomes."""
        return {
            "draws": self.draws.state_dict(),
            "rewards": self.rewards.state_dict(),
            "latest": [
                [standing, [[self._numbers[parent], self._numbers[child]] for parent, child in of_term]]
                for standing, of_term in self._latest
            ],
            "counts": [self._told, self._drawn, self._updates, self._beginnings],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        productions = list(self.first)
        self.draws.load_state_dict(state["draws"])
        self.rewards.load_state_dict(state["rewards"])
        self._latest = [
            (
                standing_of(standing),
                [(productions[parent - 1] if parent else None, productions[child - 1]) for parent, child in of_term],
            )
            for standing, of_term in state["latest"]
        ]
        self._told, self._drawn, self._updates, self._beginnings = state["counts"]


def pairs(productions: Iterable[Production]) -> list[Pair]:
    """Each production of a derivation, given from the root, with the one above it."""
    above: list[Production | None] = [None]
    found: list[Pair] = []
    for production in productions:
        found.append((above.pop(), production))
        above += [production] * len(production.holes)
    return found


def followed(grammar: Grammar, table: Table, first: Mapping[Production, float], elite: Iterable[list[Pair]]) -> Table:
    """The probabilities after an update; see :class:`CrossEntropy`.

    Args:
        grammar: of the productions.
        table: the probabilities before; what is missing is as at first.
        first: p₀.
        elite: the terms to follow.

    Returns:
        The probabilities below every production with holes, and at the root.
    """
    used = Counter(pair for of_term in elite for pair in of_term)
    anywhere = Counter[Production]()
    for (_, production), number in used.items():
        anywhere[production] += number
    found: dict[Production | None, dict[Production, float]] = {}
    places: dict[Production | None, Iterable[Any]] = {None: (grammar.start,)}
    places |= {
        p: dict.fromkeys(p.holes) for productions in grammar.productions.values() for p in productions if p.holes
    }
    for parent, nonterminals in places.items():
        before = table.get(parent, first)
        found[parent] = {}
        for nonterminal in nonterminals:
            options = grammar.productions[nonterminal]
            total, below = sum(anywhere[p] for p in options), sum(used[parent, p] for p in options)
            for p in options:
                aim = (used[parent, p] + BACKING * anywhere[p] / total) / (below + BACKING) if total else before[p]
                found[parent][p] = (1 - FLOOR) * ((1 - SMOOTHING) * before[p] + SMOOTHING * aim) + FLOOR * first[p]
    return found
