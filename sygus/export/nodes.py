"""The JSON of a run as untrusted input: every value is asked for by name and by what it should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sygus.errors import SycamError
from sygus.statistics import Mean

LARGEST_WHOLE = (1 << 63) - 1
LARGEST_NUMBER = 1e100
"""What numbers may be; of larger ones not even the squares are known."""

Value = TypeVar("Value")


class RecordError(SycamError):
    """A record cannot be read."""


@dataclass(frozen=True)
class Node:
    """A value of the JSON and where it stands."""

    value: Any
    where: str

    def wrong(self, expected: str) -> RecordError:
        """The error that it is not what it should be."""
        return RecordError(f"{self.where} is no {expected}", "the record is damaged or of another version; run again")

    def at(self, name: str) -> Node:
        """The value of a key."""
        if not isinstance(self.value, dict):
            raise self.wrong("mapping")
        if name not in self.value:
            raise RecordError(f"{self.where}: '{name}' is missing", "the record is of another version; run again")
        return Node(self.value[name], f"{self.where}: {name}")

    def text(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        return self.value

    def boolean(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def integer(self) -> int:
        """A whole number of at most 63 bits."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or abs(self.value) > LARGEST_WHOLE:
            raise self.wrong("whole number of at most 63 bits")
        return self.value

    def number(self) -> float:
        """A finite number."""
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not number or not abs(self.value) <= LARGEST_NUMBER:  # of what is no number no comparison holds
            raise self.wrong(f"finite number of at most {LARGEST_NUMBER:.0e}")
        found: float = self.value
        return found

    def plain(self) -> str | float | bool | None:
        """A text, a number, true, false or nothing."""
        if isinstance(self.value, str | bool | None):
            return self.value
        return self.number()

    def among(self, choices: Sequence[str]) -> str:
        """One of these texts."""
        found = self.text()
        if found not in choices:
            raise self.wrong(f"one of {', '.join(choices)}")
        return found

    def items(self, read: Callable[[Node], Value]) -> tuple[Value, ...]:
        """A list, each item read."""
        if not isinstance(self.value, list):
            raise self.wrong("list")
        return tuple(read(Node(item, f"{self.where}[{index}]")) for index, item in enumerate(self.value))

    def mapping(self, read: Callable[[Node], Value]) -> dict[str, Value]:
        """A mapping, each value read."""
        if not isinstance(self.value, dict):
            raise self.wrong("mapping")
        return {name: read(self.at(name)) for name in self.value}


def mean_of(node: Node) -> Mean:
    """A mean with its interval and the score of each picture."""
    value, low, high = (node.at(name).number() for name in ("value", "low", "high"))
    return Mean(value, low, high, node.at("images").integer(), node.at("scores").items(Node.number))
