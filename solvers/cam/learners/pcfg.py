"""The learner ``pcfg``: every term, most probable first, by probabilities that are learnt on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from solvers.cam.best_first import BestFirst, Values
from solvers.cam.drawing import probabilities
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.rewards import Rewards, Standing, standing_of
from solvers.cam.screening import Screen
from sygus.language.problem import Production

PERIOD = 32
"""Outcomes that are learnt from, at least, before the search begins anew."""

GROWTH = 0.25
"""And at least so many as a part of the terms proposed, so that beginning anew takes a bounded share of the work."""

MOVED = 0.1
"""By how much the fit of a production must have changed."""

BITS = 4.0
"""By so much the cost of a production falls when its fit rises from 0 to 1."""

MEMORY = 4 << 30
"""Bytes that terms and their values may take, about."""


@learner("pcfg")
class JustInTime(Learner):
    """Most probable terms first, from a grammar learnt on the way; complete, and in the order of probability.

    S. Barke, H. Peleg and N. Polikarpova, Just-in-time learning for bottom-up enumeration, OOPSLA 2020, arXiv
    2010.08663, with scores for solved examples. The fit of a production is how far the best term with it has come from
    the median to the best: Fit in [0, 1]. Its probability is in proportion to p 2^(4 Fit), where p is what it had at
    first: alike for all of a nonterminal, or as ``--prior`` says. (The paper's p^(1 - Fit) is p 2^(-log2 p Fit): it
    gains little where few productions compete.) When fits have moved, the enumeration begins anew, with the costs
    -log2 p; what was proposed is not proposed again.

    Guarantees: between two beginnings terms come in the order of their probability, exactly; no production loses all
    of its own, so the search ends with every term within the size, up to equivalence. Without objectives, and until two
    scores differ, nothing is learnt.
    """

    uses_prior = True
    fits: dict[Production, float]
    """Of each production, as the enumeration under way began with them."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.rewards = Rewards(space)
        self.first = probabilities(space.grammar, space.prior)
        self._screen = Screen(space)
        self._values = Values(space)
        self._best: dict[Production, Standing] = {}
        self.fits = dict.fromkeys(self.first, 0.0)
        self._search = BestFirst(space, costs(self.probabilities), self._values)
        self._told = self._beginnings = 0

    @property
    def probabilities(self) -> dict[Production, float]:
        """Of each production, among those of its nonterminal, in the enumeration that is under way."""
        raised = {production: p * 2 ** (BITS * self.fits[production]) for production, p in self.first.items()}
        return probabilities(self.space.grammar, raised)

    @property
    def _full(self) -> bool:
        return self._values.held > MEMORY

    def ask(self, count: int) -> list[Proposal]:
        """The most probable terms that were not proposed."""
        self._learn()
        found: list[Proposal] = []
        while len(found) < count and not self._search.exhausted and not self._full:
            made = self._search.step()
            proposal = self._screen.weigh(made.term, made.signature).proposal if made is not None else None
            if proposal is not None:
                found.append(proposal)
        return found

    def _learn(self) -> None:
        """Begin anew where what was told has changed the fits."""
        enough = max(PERIOD, GROWTH * self._screen.distinct)
        if self._search.exhausted or self._told < enough:
            return
        fits = {p: self.rewards.fit(self._best[p]) if p in self._best else 0.0 for p in self.first}
        if max(abs(fits[p] - self.fits[p]) for p in fits) < MOVED:
            return
        self.fits, self._told = fits, 0
        self._beginnings += 1
        self._search = BestFirst(self.space, costs(self.probabilities), self._values)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Note for each of its productions the best that was made with it."""
        self._told += 1
        standing = self.rewards.stand(outcome)
        for production in set(self.space.productions(proposal.term)):
            self._best[production] = self.rewards.better(standing, self._best.get(production))

    def status(self) -> Mapping[str, int]:
        """How far the enumeration is, how often it began anew, and how many behaviours were proposed."""
        return {"combined": self._search.steps, "begun anew": self._beginnings, "distinct": self._screen.distinct}

    def conclusion(self) -> str:
        """The certificate."""
        size, anew = self.space.size, self._beginnings
        if self._full and not self._search.exhausted:
            return f"stopped after {self._screen.distinct:,} distinct terms: the memory of {MEMORY >> 30} GiB is full"
        claim = f"best of all terms up to size {size}, up to equivalence by {self.space.equivalence}"
        return f"{claim}: each was made, the most probable first; the probabilities were learnt {anew} times"

    def state_dict(self) -> dict[str, Any]:
        """What it has learnt and how far it is; the enumeration is repeated from that."""
        return {
            "rewards": self.rewards.state_dict(),
            "screen": self._screen.state_dict(),
            "best": [self._best.get(production) for production in self.first],
            "fits": list(self.fits.values()),
            "steps": self._search.steps,
            "told": self._told,
            "beginnings": self._beginnings,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        self.rewards.load_state_dict(state["rewards"])
        self._screen.load_state_dict(state["screen"])
        best = zip(self.first, state["best"], strict=True)
        self._best = {production: standing_of(read) for production, read in best if read is not None}
        self.fits = dict(zip(self.first, state["fits"], strict=True))
        self._told, self._beginnings = state["told"], state["beginnings"]
        self._search = BestFirst(self.space, costs(self.probabilities), self._values)
        while self._search.steps < state["steps"]:
            self._search.step()


def costs(probability: Mapping[Production, float]) -> dict[Production, float]:
    """-log2 of each probability."""
    return {production: -math.log2(p) + 0.0 for production, p in probability.items()}
