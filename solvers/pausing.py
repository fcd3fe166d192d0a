"""Work that can be left where it stands and gone on with later: generators that yield None where that may happen."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

Pausing: TypeAlias = Generator[None, None, R]
"""Work that pauses, and returns what it came to."""


def finished(work: Pausing[R]) -> R:
    """What work comes to, without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: R = end.value
            return found


def step(work: Generator[T, A, Any], answer: A | None) -> T:
    """What work yields next.

    Args:
        work: that asks by what it yields.
        answer: to what it yielded last; None to what is not answered, and at first.

    Raises:
        StopIteration: it is over.
    """
    return next(work) if answer is None else work.send(answer)
