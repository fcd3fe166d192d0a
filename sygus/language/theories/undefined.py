"""Values that the standard leaves open: quotients by zero, parts of datatypes' values made otherwise.

Z3 proves an answer for whatever they are. Kernels take one of two values, each function in some ways the first and in
others the second, so that a search which looks at all ways does not take a term that relies on one for a right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_WAY = ContextVar("way", default=0)

WAYS = 4
"""Every two functions of different kinds take every two values together in one of them."""

V = TypeVar("V")


@contextmanager
def way(number: int) -> Iterator[None]:
    """Kernels choose in this way meanwhile; 0, the usual one, takes the first values."""
    token = _WAY.set(number)
    try:
        yield
    finally:
        _WAY.reset(token)


def chosen_way() -> int:
    """The way in which kernels choose."""
    return _WAY.get()


def left_open(first: V, second: V, kind: int = 0) -> V:
    """The value to take, by a function of an even or an odd kind."""
    return second if _WAY.get() >> kind % 2 & 1 else first
