"""What is known of a space by behaviour, and which terms of it are still worth proposing.

For learners that come to the same terms again and again: what became of one is known of all that behave like it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from solvers.cam.derivations import Productions
from solvers.cam.drawing import PATIENCE, built
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Outcome, Proposal, Space
from solvers.cam.screening import Behaviour, behaviour_of
from sygus.language.terms import Term
from sygus.oracles.cam import Scores

REMEMBERED = 1 << 17
"""Derivations whose terms are kept at hand."""


@dataclass(frozen=True, order=True)
class Worth:
    """What an outcome is worth; smaller is better.

    Attributes:
        tier: 0 feasible, or estimated; 1 infeasible; 2 without any estimate.
        rank: the objectives such that smaller is better; of tier 2 minus the number of pictures seen.
    """

    tier: int
    rank: tuple[float, ...]


class Novelty:
    """Which terms are still worth proposing: safe, finite, and no larger than others that behave like them.

    *Lost races.* A mean over some pictures is not compared with one over all. Where the first objective is that of a
    metric, what a term that lost is by it, is estimated from the best feasible term that is known on every picture: its
    objective, and the mean difference to it on the pictures that both saw. Others that lost come after all that are
    estimated, the more pictures they saw the better; a race that is lost to a constraint makes a term infeasible.

    Args:
        space: whose terms.
        chance: in which order :meth:`next` comes to them.
    """

    def __init__(self, space: Space, chance: Random) -> None:
        self.space = space
        self._walk = Walk(space, chance)
        self._known: dict[Productions, tuple[Term, Behaviour | None]] = {}
        self._sizes: dict[Behaviour, int] = {}
        self._worth: dict[Behaviour, Worth] = {}
        self._anchor: tuple[Worth, list[float]] | None = None
        self._stopped = False

    def known(self, derivation: Productions) -> tuple[Term, Behaviour | None]:
        """The term of a derivation, and what terms alike share; None of one not to be evaluated, or not finite."""
        found = self._known.get(derivation)
        if found is None:
            if len(self._known) == REMEMBERED:
                self._known.clear()
            term = built(derivation)
            found = self._known[derivation] = term, self.behaviour(term)
        return found

    def behaviour(self, term: Term) -> Behaviour | None:
        """What terms alike share; None of one that is not to be evaluated, or not finite."""
        if not self.space.safety.check(term).safe:
            return None
        signature = self.space.probes.signature(term)
        return None if signature is None else behaviour_of(term, signature, self.space.equivalence)

    def proposal(self, derivation: Productions) -> Proposal | None:
        """The term of a derivation as a proposal, which is noted; None where it is not worth proposing."""
        term, behaviour = self.known(derivation)
        if behaviour is None or self._sizes.get(behaviour, self.space.size + 1) <= term.size:
            return None
        self._sizes[behaviour] = term.size
        return Proposal(term, behaviour if self.space.equivalence.is_by_value and isinstance(behaviour, int) else None)

    def next(self) -> tuple[Productions, Proposal] | None:
        """Some term that is worth proposing, with its derivation; None, for good, where there seem to be no more.

        Every derivation is come to once, in an order by chance, until very many in a row are of no use.
        """
        idle = 0
        while not self.ended and (derivation := self._walk.step()) is not None:
            proposal = self.proposal(derivation)
            if proposal is not None:
                return derivation, proposal
            idle += 1
            self._stopped = idle == PATIENCE
        return None

    def tell(self, behaviour: Behaviour, outcome: Outcome) -> None:
        """Learn what became of a proposal that behaves so."""
        worth = self._judged(outcome)
        if worth is None:
            return
        known = self._worth.get(behaviour)
        if known is None or worth < known:
            self._worth[behaviour] = worth
        if outcome.feasible and (self._anchor is None or worth < self._anchor[0]):
            scores = self._raced(outcome)
            if scores is not None:
                self._anchor = worth, scores.tolist()

    def worth(self, behaviour: Behaviour) -> Worth | None:
        """What is known of terms that behave so; None where that is nothing."""
        return self._worth.get(behaviour)

    def _judged(self, outcome: Outcome) -> Worth | None:
        if outcome.complete:
            rank = self.space.rank(outcome)
            return Worth(0 if outcome.feasible else 1, rank) if all(map(math.isfinite, rank)) else None
        return (self._estimate(outcome) or Worth(2, (-outcome.images,))) if outcome.images else None

    def _raced(self, outcome: Outcome) -> Scores | None:
        """The scores by which the first objective races."""
        metric = self.space.goals[0].metric if self.space.goals and self.space.ordered else None
        return outcome.scores.get(metric) if metric is not None else None

    def _estimate(self, outcome: Outcome) -> Worth | None:
        """What one that lost a race is worth, by its difference to the best on the pictures that both saw."""
        scores = self._raced(outcome)
        if scores is None or self._anchor is None:
            return None
        best, theirs = self._anchor
        seen = ~np.isnan(scores)
        behind = float(np.mean(scores[seen].astype(float) - np.array(theirs)[seen]))
        first = best.rank[0] + self.space.goals[0].rank(behind)
        return Worth(int(seen.all()), (first,))

    @property
    def ended(self) -> bool:
        """Whether :meth:`next` has come to its end; then there is nothing more to propose."""
        return self._stopped or self._walk.left == 0

    def status(self) -> Mapping[str, int]:
        """How many behaviours are known."""
        return {"distinct": len(self._sizes)}

    def conclusion(self) -> str:
        """How much of the space is known, once there is nothing more."""
        size, equivalence, walk = self.space.size, self.space.equivalence, self._walk
        if walk.all == 0:
            return f"nothing to propose: no term has at most {size} nodes"
        if self._walk.left == 0:
            claim = f"best of all terms up to size {size}, up to equivalence by {equivalence}"
            return f"{claim}: each of their {walk.all:,} derivations was tried"
        return (
            f"{PATIENCE:,} derivations in a row gave nothing new: {len(self._sizes):,} terms distinct by {equivalence} "
            f"were proposed, of {walk.all:,} derivations up to size {size}; nothing is known of the others"
        )

    def state_dict(self) -> dict[str, Any]:
        """What is known."""
        worth = {behaviour: (one.tier, list(one.rank)) for behaviour, one in self._worth.items()}
        best, scores = self._anchor or (None, [])
        return {
            "walk": self._walk.state_dict(),
            "known": [[behaviour, size, worth.get(behaviour)] for behaviour, size in self._sizes.items()],
            "anchor": None if best is None else [best.tier, list(best.rank), scores],
            "stopped": self._stopped,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        self._walk.load_state_dict(state["walk"])
        self._sizes = {behaviour: size for behaviour, size, _ in state["known"]}
        self._worth = {b: Worth(worth[0], tuple(worth[1])) for b, _, worth in state["known"] if worth is not None}
        anchor = state["anchor"]
        self._anchor = None if anchor is None else (Worth(anchor[0], tuple(anchor[1])), anchor[2])
        self._stopped = state["stopped"]


class Walk:
    """Every derivation of a space once, in an order by chance.

    Args:
        space: whose derivations.
        chance: draws the order.

    Attributes:
        all: how many there are.
        left: how many are still to come.
    """

    def __init__(self, space: Space, chance: Random) -> None:
        self._statistics = GrammarStatistics(space.grammar)
        self._start = space.grammar.start
        self._counts = [self._statistics.count(self._start, size) for size in range(space.size + 1)]
        self.all = self.left = sum(self._counts)
        self._stride, self._number = 1, 0
        if self.all > 1:
            self._number = chance.randrange(self.all)
            self._stride = next(s for s in iter(lambda: chance.randrange(1, self.all), 0) if math.gcd(s, self.all) == 1)

    def step(self) -> Productions | None:
        """The next; None where there are no more."""
        if not self.left:
            return None
        self.left -= 1
        number = self._number = (self._number + self._stride) % self.all
        size = 0
        while number >= self._counts[size]:
            number -= self._counts[size]
            size += 1
        return self._statistics.derivations((self._start,), size, number)

    def state_dict(self) -> dict[str, Any]:
        """How far it has come."""
        return {"left": self.left, "stride": self._stride, "number": self._number}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.left, self._stride, self._number = state["left"], state["stride"], state["number"]
