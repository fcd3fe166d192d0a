"""How solving ended, and what the shell is told of it."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Self


class Status(StrEnum):
    """How solving a problem ended."""

    SOLVED = "solved"
    """There is an answer."""

    INFEASIBLE = "infeasible"
    """It is proved that there is none."""

    FAIL = "fail"
    """Nothing was found, and there was nothing left to try."""

    SPENT = "spent"
    """Nothing was found before the time, the memory or the budget was spent."""

    INTERRUPTED = "interrupted"
    """It was interrupted; the answer is the best so far, where there is one."""


class ExitStatus(IntEnum):
    """What a command returns to the shell; 1 is also what Python returns of an error that nobody foresaw.

    Attributes:
        meaning: in words.
    """

    meaning: str

    DONE = 0, "done; of a search: it came to its end, fail and infeasible included"
    NOT_VERIFIED = 1, "verify: the answer is wrong, or not decided"
    BAD_INPUT = 2, "bad input, or the memory does not suffice; stderr says what would be right"
    SPENT = 3, "the time, the memory or the budget was spent with nothing found"
    HUNG_UP = 129, "the terminal was closed (SIGHUP); else as 130"
    INTERRUPTED = 130, "interrupted (SIGINT); the best so far was printed, or what is done, where there is any"
    CLOSED = 141, "who read the output has closed it, as head does"
    TERMINATED = 143, "ended by SIGTERM; else as 130"

    def __new__(cls, value: int, meaning: str) -> Self:
        """A number with its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    @classmethod
    def of(cls, status: Status) -> ExitStatus:
        """What a search that ended so returns.

        Args:
            status: how it ended.

        Returns:
            The exit status.
        """
        return _OF_SEARCHES.get(status, cls.DONE)


_OF_SEARCHES = {Status.SPENT: ExitStatus.SPENT, Status.INTERRUPTED: ExitStatus.INTERRUPTED}
