"""What one search may spend."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


class OutOfTimeError(Exception):
    """The time of a search is over; caught where the search was begun."""


@dataclass(eq=False)
class Limits:
    """Limits of a search. A part of a search has limits of its own, which end with those of the whole.

    Attributes:
        seconds: wall time from the start.
        size: the largest answer, in nodes; None where there is no limit.
        depth: the deepest answer, a constant being 1 deep; None where there is no limit.
        memory: bytes of values that one enumeration may keep.
        whole: the limits that these are a part of.
        started: when the time began to run.
    """

    seconds: float
    size: int | None = None
    depth: int | None = None
    memory: int = 1 << 30
    whole: Limits | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds left, 0 where none are."""
        own = max(0.0, self.seconds - self.spent)
        return own if self.whole is None else min(own, self.whole.left)

    @property
    def largest(self) -> int | None:
        """The size that an answer may have, by these limits and by those of the whole."""
        sizes = [size for size in (self.size, self.whole.largest if self.whole else None) if size is not None]
        return min(sizes, default=None)

    @property
    def milliseconds(self) -> int:
        """Milliseconds left, at least 1, as Z3 wants them: in 31 bits."""
        return max(1, int(min(1000 * self.left, (1 << 31) - 1)))

    def check(self) -> None:
        """Raise :class:`OutOfTimeError` where no time is left."""
        if not self.left:
            raise OutOfTimeError

    def part(self, seconds: float) -> Limits:
        """Limits of a part of the search that may take so many seconds from now."""
        return Limits(seconds, None, self.depth, self.memory, self)

    def shorten(self, seconds: float) -> None:
        """End after at most so many seconds from now."""
        self.seconds = min(self.seconds, self.spent + seconds)
