"""Units on their way: which rows are wanted of each, and how often it was tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sygus.oracles.executor import Scores, Unit

TRIES = 2
"""So often a candidate is scored in vain, each time by another worker, before it counts as failed."""


@dataclass(frozen=True, eq=False)
class Task:
    """A unit to be scored, or one candidate of it.

    Attributes:
        place: of the unit among those that are mapped.
        unit: what is sent.
        mine: (n,) the rows whose scores are wanted; None for all.
        tries: how often it was scored in vain.
    """

    place: int
    unit: Unit
    mine: NDArray[np.bool_] | None = None
    tries: int = 0

    def note(self, found: list[Scores | None], scores: Scores) -> None:
        """Enter the scores; to enter them again changes nothing."""
        before = found[self.place]
        found[self.place] = scores if self.mine is None or before is None else np.where(self.mine, scores, before)

    def again(self, found: list[Scores | None]) -> list[Task]:
        """What is to be tried once more; what is not, has NaN."""
        tries = self.tries + 1
        if self.mine is not None:
            return [Task(self.place, self.unit, self.mine, tries)] if tries < TRIES else []
        unit = self.unit
        found[self.place] = np.full((len(unit.metrics), len(unit.owners)), np.nan, np.float32)
        return [Task(self.place, unit.only(one), unit.owners == one, tries) for one in unit.candidates]
