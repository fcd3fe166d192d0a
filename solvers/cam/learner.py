"""The contract between a search and the run that judges what it proposes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sygus.language.terms import Term


class Fate(StrEnum):
    """What became of a proposal."""

    SCORED = "scored"
    DUPLICATE = "duplicate"
    """Behaves like an earlier one, whose outcome it shares."""
    UNSAFE = "unsafe"
    """A denominator is not proved nonzero."""
    FAILED = "failed"
    """Its heat maps are not finite."""
    PRUNED = "pruned"
    """Lost a race: its mean is over the images seen and must not be compared with a full one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A term to judge.

    Attributes:
        term: derivable from the grammar.
        signature: its value signature, where the strategy knows it.
    """

    term: Term
    signature: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run learnt of a term.

    Attributes:
        fate: what became of it.
        objectives: one number per objective of the problem, in its direction; empty unless scored.
        images: how many pictures the numbers stand on.
        feasible: whether the constraints hold; None where that was not settled.
    """

    fate: Fate
    objectives: tuple[float, ...] = ()
    images: int = 0
    feasible: bool | None = None

    @property
    def complete(self) -> bool:
        """Whether objectives and constraints stand on every picture."""
        return self.feasible is not None


class Strategy(ABC):
    """Proposes terms and learns from outcomes.

    The run calls :meth:`ask`, then :meth:`tell` once for each proposal, in the order of the proposals, from one thread.
    A strategy owns no budget and scores nothing. With the same seed and the same outcomes it proposes the same terms.
    """

    name: str

    @abstractmethod
    def ask(self, count: int) -> list[Proposal]:
        """At most ``count`` terms; none means that the space is exhausted."""

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:  # noqa: B027 - learning nothing is allowed
        """Learn from an outcome."""

    def status(self) -> Mapping[str, int]:
        """What to report of the search: counts by name, such as ``size`` or ``combined``."""
        return {}

    def conclusion(self) -> str:
        """What the search guarantees once :meth:`ask` has returned nothing, or why it ended, for the report."""
        return ""
