"""What one search may spend."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


class OutOfTimeError(Exception):
    """The time of a search is over; caught where the search was begun."""


@dataclass(frozen=True)
class Limits:
    """Limits of a search.

    Attributes:
        seconds: wall time.
        size: the largest answer, in nodes; None where there is no limit.
        depth: the deepest answer, a constant being 1 deep; None where there is no limit.
        memory: bytes of values that enumeration may keep.
        started: when the time began to run.
    """

    seconds: float
    size: int | None = None
    depth: int | None = None
    memory: int = 1 << 30
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left, 0 where none are."""
        return max(0.0, self.started + self.seconds - time.monotonic())

    @property
    def milliseconds(self) -> int:
        """Milliseconds left, at least 1, as Z3 wants them."""
        return max(1, int(1000 * self.left))

    def check(self) -> None:
        """Raise :class:`OutOfTimeError` where no time is left."""
        if not self.left:
            raise OutOfTimeError

    def within(self, seconds: float) -> Limits:
        """The same limits, ending after at most so many seconds from now."""
        spent = time.monotonic() - self.started
        return Limits(min(self.seconds, spent + seconds), self.size, self.depth, self.memory, self.started)
