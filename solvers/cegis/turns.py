"""Searches that take turns, so that what one of them finds does not wait for the others.

A search is a generator. It yields None where it may be left for a while, and holds what it has found out until it is
gone on with. Turns are measured in seconds of the processor, so that a busy machine changes little in who comes first;
of what waits, for another process say, the clock counts too. A single step, such as a question to Z3, may take longer
than a turn; the others go on then until they have had as much.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from typing import Generic, NamedTuple, TypeVar

from solvers.cegis.limits import Limits
from solvers.pausing import step

FIRST = 0.25
"""Seconds of the processor for the first turn of a search whose share is 1: in so many most are over."""

GROWTH = 1.25
"""How many times as much a search has had after a turn as after the one before.

Beside one other search with an equal share, one that takes t seconds alone so takes 1 + 1.25 times t at most, and the
first turn of the other, however much time is given.
"""

T = TypeVar("T")
A = TypeVar("A")

Search = Generator[T | None, A, None]
"""What it yields is answered; None, where it may be left, is not."""


class Moment(NamedTuple):
    """Seconds of the processor in this thread, and of the clock."""

    processor: float
    clock: float


WAITING = 0.25
"""Of the seconds of the clock, what a search is charged at least."""


def now() -> Moment:
    """This moment."""
    return Moment(time.thread_time(), time.monotonic())


def since(moment: Moment) -> float:
    """Seconds that are charged since then."""
    later = now()
    return max(later.processor - moment.processor, WAITING * (later.clock - moment.clock))


class Turn(Generic[T, A]):
    """One of several searches.

    Args:
        start: the search, given its limits.
        share: of the time, beside the others.
    """

    def __init__(self, start: Callable[[Limits], Search[T, A]], share: float = 1.0) -> None:
        self.share = share
        self._start = start
        self._spent = 0.0
        self._since: Moment | None = None
        self._answer: A | None = None

    @property
    def spent(self) -> float:
        """What the search has taken so far, in seconds of the processor."""
        return self._spent if self._since is None else self._spent + since(self._since)

    def begin(self, limits: Limits) -> None:
        """Make the search; its first step is yet to come."""
        self._search = self._start(limits)

    def step(self) -> T | None:
        """Go on with the search until it yields.

        Raises:
            StopIteration: it is over.
        """
        answer, self._answer = self._answer, None
        self._since = now()
        try:
            return step(self._search, answer)
        finally:
            self._spent, self._since = self.spent, None

    def answer(self, answer: A) -> None:
        """Tell the search, in its next step, what it asked for in its last one."""
        self._answer = answer

    def end(self) -> None:
        """Close the search where it stands."""
        self._search.close()


def in_turns(limits: Limits, turns: Sequence[Turn[T, A]]) -> Search[T, A]:
    """What several searches yield, each told the answers to its own; it may be left where any of them may be.

    Args:
        limits: of all together. Each search may keep an equal part of the memory, with those that have not ended.
        turns: in the order in which they begin.
    """
    going = list(turns)
    for turn in going:
        turn.begin(limits.part(math.inf))
    level = FIRST
    try:
        while going:
            for turn in tuple(going):
                limits.sharing = len(going)
                while turn.spent < level * turn.share:
                    try:
                        said = turn.step()
                    except StopIteration:
                        going.remove(turn)
                        break
                    answer = yield said
                    if said is not None:
                        turn.answer(answer)
            level *= GROWTH
    finally:
        for turn in going:
            turn.end()
