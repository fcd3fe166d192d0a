"""What one search may spend."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field

from sygus.records import record


class OutOfTimeError(Exception):
    """The time of a search is over; caught where the search was begun."""


@record(eq=False)
class Limits:
    """Limits of a search. A part of a search has limits of its own, which end with those of the whole.

    Attributes:
        seconds: from the start; wall time, but for efforts.
        size: the largest answer, in nodes; None where there is no limit.
        depth: the deepest answer, a constant being 1 deep; None where there is no limit.
        memory: bytes of values that one enumeration may keep.
        whole: the limits that these are a part of.
        started: when the time began to run.
        clock: that the time runs by.
        sharing: how many searches go on side by side, each in a part of these limits.
    """

    seconds: float
    size: int | None = None
    depth: int | None = None
    memory: int = 1 << 30
    whole: Limits | None = None
    started: float = field(default_factory=time.monotonic)
    sharing: int = 1
    clock: Callable[[], float] = time.monotonic

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.started

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
    def room(self) -> int:
        """Bytes of values that may be kept: of a part, its share of the whole's."""
        return self.memory if self.whole is None else min(self.memory, self.whole.room // self.whole.sharing)

    @property
    def alone(self) -> bool:
        """Whether no other search goes on beside this one."""
        return self.whole is None or (self.whole.sharing == 1 and self.whole.alone)

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

    def effort(self, seconds: float) -> Limits:
        """Limits of a part without pauses that may take so many seconds of the processor, as many on a busy machine."""
        clock = time.thread_time
        return Limits(seconds, None, self.depth, self.memory, self, clock(), clock=clock)

    def renew(self, seconds: float) -> None:
        """End after so many seconds from now, or with the whole."""
        self.seconds = self.spent + seconds

    def shorten(self, seconds: float) -> None:
        """End after at most so many seconds from now."""
        self.seconds = min(self.seconds, self.spent + seconds)
