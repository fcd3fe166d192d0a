"""Options of metrics: what may be set, to what, and how a text becomes a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = float | int | str | None


@dataclass(frozen=True)
class Option:
    """An option of a metric.

    Attributes:
        default: the value where it is not given.
        expected: which values it takes, in words that follow "give".
        read: the value of a text; raises ValueError where the text is none.
        refers: whether the value names another expression or method.
    """

    default: Value
    expected: str
    read: Callable[[str], Value]
    refers: bool = False


Options = Mapping[str, Option]


def number(default: float | None, low: float, high: float, *words: str) -> Option:
    """A number from ``low`` to ``high``, or one of some words."""

    def read(text: str) -> Value:
        if text in words:
            return text
        value = float(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    bound = f"of at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
    return Option(default, " or ".join([f"a number {bound}", *words]), read)


def whole(default: int | None, low: int) -> Option:
    """A whole number of at least ``low``."""

    def read(text: str) -> Value:
        value = int(text)
        if value < low:
            raise ValueError(text)
        return value

    return Option(default, f"a whole number of at least {low}", read)


def choice(default: str, *others: str) -> Option:
    """One of some words, the first by default."""
    words = (default, *others)

    def read(text: str) -> Value:
        if text not in words:
            raise ValueError(text)
        return text

    return Option(default, " or ".join(words), read)


def reference(default: str) -> Option:
    """The name of another expression or method."""

    def read(text: str) -> Value:
        if not text:
            raise ValueError(text)
        return text

    return Option(default, "the name of a method or of a defined function", read, refers=True)


def value_text(value: Value) -> str:
    """The value as it stands in the name of a metric."""
    return f"{value:g}" if isinstance(value, float) else str(value)
