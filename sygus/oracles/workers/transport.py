"""How the driver reaches workers, wherever they are: each is sent messages, one at a time, and answers each.

A worker is sent ``("begin", needed, arithmetic)`` first, then ``("unit", ticket, unit, references)``, or
``("there",)`` to hear whether it is. It answers ``("ready",)``, or ``("unfit", message, remedy)``; and of each unit
``("scores", ticket, scores)``, ``("error", ticket, is_option, message, hint)`` or ``("broken", ticket, traceback)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

Message = tuple[Any, ...]

LOST_MEMORY = 77
"""The exit status of a worker that ends since the memory did not suffice."""


class LostError(Exception):
    """A worker has ended, or cannot be reached any more."""


class NoRoomError(Exception):
    """There is no room for what is to be shared; the message says why."""


@dataclass(frozen=True)
class Words:
    """How messages speak of a transport.

    Attributes:
        option: that asks for it.
        one, many: of its workers.
        unready: what to look at where one ends before it is ready.
        room: what to do where there is no room for what they need.
    """

    option: str
    one: str
    many: str
    unready: str
    room: str


class Channel(ABC):
    """The way to a worker."""

    @abstractmethod
    def say(self, message: Message) -> None:
        """Send a message; a worker that is gone is heard to be gone."""

    @abstractmethod
    def hear(self) -> Message:
        """Its answer.

        Raises:
            LostError: there will be none.
        """

    @abstractmethod
    def close(self) -> None:
        """Let it end by itself, for there is nothing more to do."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once."""

    @abstractmethod
    def end(self, *, waits: bool) -> str:
        """See that it ends; how it ended, in words.

        Args:
            waits: whether it has nothing to do, so that it may end by itself.
        """


class Transport(ABC):
    """Where workers are. It is entered before anything is asked of it, and left when all of them have ended."""

    words: Words

    @property
    @abstractmethod
    def count(self) -> int:
        """How many workers there are to be."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Reach the place.

        Raises:
            SycamError: it cannot be reached.
        """

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Leave it."""

    @abstractmethod
    def share(self, tensors: Mapping[str, Tensor]) -> Any:
        """Put tensors where all workers can read them; what to send a worker in their place.

        Raises:
            NoRoomError: there is no room for them.
        """

    @abstractmethod
    def forget(self) -> None:
        """Remove what was shared."""

    @abstractmethod
    def start(self) -> Channel:
        """A new worker, which has been told nothing yet."""

    @abstractmethod
    def wait(self, channels: Sequence[Channel]) -> Sequence[Channel]:
        """Those of these, one at least, that have an answer or are gone.

        Raises:
            SycamError: none of them can begin.
        """
