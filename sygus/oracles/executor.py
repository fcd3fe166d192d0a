"""Where masked pictures are scored: in this process, or in others; the numbers are the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sygus.language.terms import Term
from sygus.saliency.metrics import Metric

Scores = NDArray[np.float32]

ROWS = 1024
"""Masked pictures that this process scores at a time: bounds the memory."""


@dataclass(frozen=True, eq=False)
class Unit:
    """A piece of work: maps of some pictures, each of one candidate, to be scored by some metrics.

    Its rows fill whole passes, and every executor cuts the same rows into units at the same bounds or at some of them,
    so that a row has the same place in the same pass wherever it is scored.

    Attributes:
        subject: the fingerprint of what is explained.
        metrics: what to score.
        maps: L (n, h, w), or S (n, H, W) where they are drawn.
        drawn: whether the maps are S.
        index: (n,) which picture each map is of.
        owners: (n,) which candidate each map is of.
        term: what drew them, where one term did and a metric explains again.
    """

    subject: str
    metrics: tuple[Metric, ...]
    maps: Tensor
    drawn: bool
    index: Tensor
    owners: NDArray[np.int64]
    term: Term | None = None

    @property
    def candidates(self) -> list[int]:
        """The candidates, in their order."""
        return [int(one) for one in np.unique(self.owners)]

    def only(self, candidate: int) -> Unit:
        """The unit with a map of one candidate in the places of all others: its own rows stay where they are."""
        mine = self.owners == candidate
        first = int(mine.argmax())
        rows = np.where(mine, np.arange(len(mine)), first)
        return replace(self, maps=self.maps[rows], index=self.index[rows], owners=self.owners[rows])


Judge = Callable[[Unit], Scores]
"""From a unit to its scores, (metrics, n)."""


class Executor(ABC):
    """Scores units of work somewhere.

    A result depends on the unit alone, never on where, when or beside what it is scored. Results come in the order of
    the units, each once, whatever was tried how often.
    """

    @abstractmethod
    def rows(self, size: int) -> int:
        """How many rows a unit holds at most, a multiple of ``size``, which a pass holds."""

    @abstractmethod
    def map(self, units: Sequence[Unit], judge: Judge) -> Iterable[Scores]:
        """The scores of each unit, (metrics, n), in the order of the units; NaN for candidates that cannot be scored.

        Args:
            units: what to score.
            judge: scores a unit in this process.

        Raises:
            SycamError: a metric fails, or scoring is no longer possible.
        """

    @property
    def stated(self) -> Mapping[str, int]:
        """What a record says of it beside the machine."""
        return {}

    @property
    def elsewhere(self) -> bool:
        """Whether units are scored outside this process, several at a time."""
        return False


class InProcess(Executor):
    """Scores one unit after the other, here."""

    def rows(self, size: int) -> int:
        """As many as fit into :data:`ROWS`."""
        return max(1, ROWS // size) * size

    def map(self, units: Sequence[Unit], judge: Judge) -> Iterable[Scores]:
        """See the class."""
        return map(judge, units)
