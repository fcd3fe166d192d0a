"""What the peers have in common: duplicates are answered at once, and a search that finds nothing new ends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from random import Random
from typing import Any, ClassVar, Generic, TypeVar

from solvers.cam.derivations import Growth, Productions
from solvers.cam.drawing import PATIENCE
from solvers.cam.learner import Learner, Outcome, Proposal, Space
from solvers.cam.novelty import Novelty, Worth
from solvers.cam.screening import Behaviour

T = TypeVar("T")


class Peer(Learner, Generic[T]):
    """An optimiser that is asked for derivations, and told what each is worth.

    Args:
        space: what is searched.

    Attributes:
        patience: so many derivations in a row may be of no use (unsafe, not finite, or behaving like one that was
            scored) before it ends.
    """

    patience: ClassVar[int] = PATIENCE

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.growth = Growth(space.grammar, {})
        self.sizes = self.growth.sizes(space.grammar.start, space.size)
        self._novelty = Novelty(space, Random(space.seed))  # noqa: S311 - nothing that is drawn is secret
        self._open: list[tuple[T, Behaviour]] = []
        self._told: list[Behaviour] = []
        self._made = self._idle = 0

    @abstractmethod
    def make(self) -> tuple[T, Productions] | None:
        """The next derivation, with what it is known by; None where outcomes must be known first."""

    @abstractmethod
    def learn(self, made: T, worth: Worth | None) -> None:
        """What a derivation is worth; None where it cannot be evaluated, or nothing is known of it."""

    def begin(self) -> None:
        """Called before the derivations of a batch, when everything before is known."""

    def ask(self, count: int) -> list[Proposal]:
        """Those of its derivations that are worth a score."""
        self._settle()
        if not self.sizes or self._idle >= self.patience:
            return []
        self.begin()
        found: list[Proposal] = []
        while len(found) < count and self._idle < self.patience:
            made = self.make()
            if made is None:
                if found:
                    break
                self._settle()
                self.begin()
                continue
            proposal = self._proposal(*made)
            if proposal is not None:
                found.append(proposal)
        return found

    def _proposal(self, made: T, derivation: Productions) -> Proposal | None:
        self._made += 1
        self._idle += 1
        _, behaviour = self._novelty.known(derivation)
        if behaviour is None:
            self.learn(made, None)
            return None
        proposal = self._novelty.proposal(derivation)
        if proposal is None and self._novelty.worth(behaviour) is not None:
            self.learn(made, self._novelty.worth(behaviour))
            return None
        self._open.append((made, behaviour))
        if proposal is not None:
            self._idle = 0
            self._told.append(behaviour)
        return proposal

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:  # noqa: ARG002 - they are told in their order
        """Note what became of a proposal."""
        self._novelty.tell(self._told.pop(0), outcome)

    def _settle(self) -> None:
        """Tell it what was open when its derivations were made."""
        for made, behaviour in self._open:
            self.learn(made, self._novelty.worth(behaviour))
        self._open = []

    def status(self) -> Mapping[str, int]:
        """How many derivations it made, and how many are told apart."""
        return {"made": self._made, **self._novelty.status()}

    def conclusion(self) -> str:
        """Why it ended."""
        return f"{self.patience:,} derivations in a row were of no use; nothing is known of what it did not propose"

    def state_dict(self) -> dict[str, Any]:
        """What is known, and what it has learnt."""
        self._settle()
        return {"novelty": self._novelty.state_dict(), "counts": [self._made, self._idle], "own": self.own_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._novelty.load_state_dict(state["novelty"])
        self._made, self._idle = state["counts"]
        self.own_state_from(state["own"])

    @abstractmethod
    def own_state(self) -> Any:
        """What it has learnt, as JSON holds it."""

    @abstractmethod
    def own_state_from(self, state: Any) -> None:
        """Go on from there."""
