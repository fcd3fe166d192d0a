"""Values of any kind by number, so that tensors can hold them."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V", bound=Hashable)


class Table(Generic[V]):
    """Values by their number and numbers by their value; equal values have one number, for the life of the process.

    Safe to use from several threads. Nothing is ever removed: a number in a tensor stays valid.
    """

    def __init__(self) -> None:
        self._values: list[V] = []
        self._numbers: dict[V, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def number(self, value: V) -> int:
        """The number of a value, a new one where it was not seen before."""
        found = self._numbers.get(value)
        if found is None:
            with self._lock:
                found = self._numbers.setdefault(value, len(self._values))
                if found == len(self._values):
                    self._values.append(value)
        return found

    def value(self, number: int) -> V:
        """The value with this number."""
        return self._values[number]
