"""The learner ``mcmc``: chains of terms, each an edit of the one before."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import numpy as np

from solvers.cam.derivations import Edit, Edits, Growth, Productions, proper
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.novelty import Novelty
from solvers.cam.screening import Behaviour
from solvers.cam.state import resume

LADDER = (1.0, 3.0, 9.0, 27.0)
"""The inverse temperatures of the chains that exchange places."""

LADDERS = 2
"""How many chains there are of each temperature."""

AHEAD = 4
"""So many proposals a chain makes before it knows whether the first of them is accepted."""

STEPS = 20
"""So many moves a chain makes at most before it is another's turn."""

TRIES = 1000
"""So many draws are made for the first terms of all chains."""

INFEASIBLE = 2.0
"""The energy of breaking a constraint."""

LOST = 3.0
"""The energy of losing a race by what cannot be estimated."""

SHARES = {"subtree": 0.4, "point": 0.3, "insert": 0.15, "hoist": 0.15}
"""How often each edit is tried."""


@learner("mcmc")
class MCMC(Learner):
    """Chains of small edits that keep to good terms, at several temperatures; guarantees nothing on large spaces.

    Metropolis-Hastings, as in STOKE (E. Schkufza, R. Sharma, A. Aiken, Stochastic Superoptimization, ASPLOS 2013), over
    derivations, with parallel tempering (C. J. Geyer, Markov chain Monte Carlo maximum likelihood, Interface 1991).
    Energies are the first objective, or where none outranks the others a weighted sum that differs between ladders, in
    standard deviations of the chains' first terms. With these fixed and all scores known, a chain at the inverse
    temperature β is in equilibrium where derivations come in proportion to their probability in the grammar, weighted
    by ``--prior``, times exp(-β · energy): :mod:`solvers.cam.derivations` corrects for its edits. Chains go on from
    what they know, and several moves ahead as if none was accepted (A. E. Brockwell, Parallel Markov chain Monte Carlo
    simulation by pre-fetching, Journal of Computational and Graphical Statistics 15(1), 2006). The formulas that
    the run begins with are the first terms, for they cost nothing. What behaves like an earlier term is proposed only
    where it is smaller.
    """

    uses_prior = True

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self._chance = Random(space.seed)  # noqa: S311 - nothing that is drawn is secret
        self._novelty = Novelty(space, self._chance)
        self._growth = Growth(space.grammar, space.prior)
        self._edits = Edits(self._growth, space.grammar.start, space.size)
        self._weights = _weights(space, self._chance)
        self._first = [proper(d.productions) for d in map(space.grammar.derive, space.starts) if d is not None]
        self._filling = bool(self._growth.sizes(space.grammar.start, space.size))
        self._chains: list[tuple[Productions, Behaviour]] = []
        self._turn = 0
        self._scale: list[tuple[float, float]] = []
        self._counts = dict.fromkeys(("moves", "accepted", "exchanged"), 0)
        self._ahead: dict[int, list[tuple[Edit, Behaviour]]] = {}
        self._untold: list[Behaviour] = []

    def ask(self, count: int) -> list[Proposal]:
        """What the chains must know to go on; where they need nothing, any other terms."""
        if self._novelty.ended:
            return []
        found = self._begin(count) if self._filling else []
        if not found and self._chains:
            self._scale = self._scale or self._standard()
            self._exchange()
            for _ in range(len(self._chains)):
                found += self._moved(self._turn, count - len(found))
                self._turn = (self._turn + 1) % len(self._chains)
        if not found:
            while len(found) < count and (more := self._novelty.next()) is not None:
                found.append(self._noted(*more))
        return found

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:  # noqa: ARG002 - told in the order of asking
        """Once all is told, the chains move to what they accept."""
        self._novelty.tell(self._untold.pop(0), outcome)
        if not self._untold:
            for chain, ahead in self._ahead.items():
                any(self._accepts(chain, edit, behaviour) for edit, behaviour in ahead)
            self._ahead = {}

    def _begin(self, count: int) -> list[Proposal]:
        """First terms for the chains that have none."""
        found: list[Proposal] = []
        for _ in range(TRIES):
            if len(self._chains) == LADDERS * len(LADDER) or len(found) == count:
                break
            start, size = self.space.grammar.start, self.space.size
            derivation = self._first.pop(0) if self._first else self._growth.draw(self._chance, start, size)
            _, behaviour = self._novelty.known(derivation)
            if behaviour is not None:
                self._chains.append((derivation, behaviour))
                proposal = self._novelty.proposal(derivation)
                found += [self._noted(derivation, proposal)] if proposal is not None else []
        self._filling = len(self._chains) < LADDERS * len(LADDER) and bool(found)
        return found

    def _moved(self, chain: int, count: int) -> list[Proposal]:
        """Move a chain until it has asked for so many scores, or has made its moves; what it asks for."""
        found: list[Proposal] = []
        ahead = self._ahead.setdefault(chain, [])
        for _ in range(STEPS):
            if len(found) >= min(AHEAD, count):
                break
            self._counts["moves"] += 1
            edit = self._edit(self._chains[chain][0])
            if edit is None:
                continue
            _, behaviour = self._novelty.known(edit.derivation)
            if behaviour is None:
                continue
            proposal = self._novelty.proposal(edit.derivation)
            if proposal is not None:
                found.append(self._noted(edit.derivation, proposal))
            if ahead or (behaviour in self._untold and self._novelty.worth(behaviour) is None):
                ahead.append((edit, behaviour))
            else:
                self._accepts(chain, edit, behaviour)
        return found

    def _noted(self, derivation: Productions, proposal: Proposal) -> Proposal:
        """A proposal whose outcome will be told."""
        _, behaviour = self._novelty.known(derivation)
        assert behaviour is not None
        self._untold.append(behaviour)
        return proposal

    def _edit(self, derivation: Productions) -> Edit | None:
        (name,) = self._chance.choices([*SHARES], [*SHARES.values()])
        edit: Callable[[Productions, Random], Edit | None] = getattr(self._edits, name)
        return edit(derivation, self._chance)

    def _accepts(self, chain: int, edit: Edit, behaviour: Behaviour) -> bool:
        """Whether a chain moves to what an edit has made; if so, it does."""
        ladder, level = divmod(chain, len(LADDER))
        here, there = self._energy(self._chains[chain][1], ladder), self._energy(behaviour, ladder)
        accepted = there < math.inf and self._happens(edit.odds + LADDER[level] * (here - there))
        if accepted:
            self._chains[chain] = edit.derivation, behaviour
            self._counts["accepted"] += 1
        return accepted

    def _exchange(self) -> None:
        """Let chains of neighbouring temperatures exchange their terms."""
        for hot in range(len(self._chains) - 1):
            ladder, level = divmod(hot, len(LADDER))
            if level + 1 == len(LADDER):
                continue
            here, there = (self._energy(behaviour, ladder) for _, behaviour in self._chains[hot : hot + 2])
            if max(here, there) < math.inf and self._happens((LADDER[level + 1] - LADDER[level]) * (there - here)):
                self._chains[hot : hot + 2] = reversed(self._chains[hot : hot + 2])
                self._counts["exchanged"] += 1

    def _happens(self, odds: float) -> bool:
        return odds >= 0 or self._chance.random() < math.exp(odds)

    def _energy(self, behaviour: Behaviour, ladder: int) -> float:
        """How bad terms are that behave so; infinite where they have no score."""
        worth = self._novelty.worth(behaviour)
        if worth is None:
            return math.inf
        if worth.tier == 2:
            return LOST
        parts = zip(self._weights[ladder], worth.rank, self._scale, strict=False)
        return INFEASIBLE * worth.tier + sum(
            weight * (rank - middle) / scale for weight, rank, (middle, scale) in parts
        )

    def _standard(self) -> list[tuple[float, float]]:
        """The middle of each objective over the chains' terms, and its standard deviation."""
        worths = [self._novelty.worth(behaviour) for _, behaviour in self._chains]
        known = [worth.rank for worth in worths if worth is not None and worth.tier < 2]
        columns = [np.array([rank[place] for rank in known]) for place in range(len(self._weights[0]))] if known else []
        return [(float(np.median(column)), float(column.std()) or 1.0) for column in columns]

    def status(self) -> Mapping[str, int]:
        """What the chains did, and how many terms are told apart."""
        return {**self._counts, **self._novelty.status()}

    def conclusion(self) -> str:
        """How much of the space is known."""
        return self._novelty.conclusion()

    def state_dict(self) -> dict[str, Any]:
        """Where the chains are, what is known, and the random state."""
        return {
            "chance": self._chance.getstate(),
            "novelty": self._novelty.state_dict(),
            "first": [self._growth.numbers(one) for one in self._first],
            "filling": self._filling,
            "chains": [[self._growth.numbers(derivation), behaviour] for derivation, behaviour in self._chains],
            "turn": self._turn,
            "scale": [list(one) for one in self._scale],
            "counts": dict(self._counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        resume(self._chance, state["chance"])
        self._novelty.load_state_dict(state["novelty"])
        self._first = [self._growth.read(numbers) for numbers in state["first"]]
        self._filling, self._turn, self._counts = state["filling"], state["turn"], dict(state["counts"])
        self._chains = [(self._growth.read(numbers), behaviour) for numbers, behaviour in state["chains"]]
        self._scale = [(middle, scale) for middle, scale in state["scale"]]


def _weights(space: Space, chance: Random) -> list[list[float]]:
    """What each objective counts in the energies of each ladder."""
    if space.ordered:
        return [[1.0] * len(space.goals[:1])] * LADDERS
    drawn = [[chance.expovariate(1.0) for _ in space.goals] for _ in range(LADDERS)]
    return [[part / sum(parts) for part in parts] for parts in drawn]
