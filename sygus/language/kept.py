"""Results by their arguments, one object each for as long as anything uses it, in a table that has a bound."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

V = TypeVar("V")

MOST = 1 << 12
"""Results that a table keeps whether anything uses them or not."""


class Kept(Generic[V]):
    """A function whose results are remembered.

    What is compared by identity, as the functions that terms apply, must be made once: a result that is in use is
    always found again. Of those that nothing uses any more some are kept, so that they are not made anew at once.

    Args:
        make: the function; None is a result too.
    """

    def __init__(self, make: Callable[..., V]) -> None:
        self._make = make
        self._latest: dict[tuple[Hashable, ...], V] = {}
        self._alive: weakref.WeakValueDictionary[tuple[Hashable, ...], Any] = weakref.WeakValueDictionary()

    def __len__(self) -> int:
        """How many results it knows of."""
        return len(self._alive.keys() | self._latest.keys())

    def __call__(self, *arguments: Hashable) -> V:
        """The result for these arguments."""
        kept: Any = self._latest.get(arguments, _ABSENT)
        if kept is not _ABSENT:
            return kept  # type: ignore[no-any-return]
        known: Any = self._alive.get(arguments)
        if known is None:
            known = self._make(*arguments)
            if known is not None:
                known = self._alive.setdefault(arguments, known)
        found: V = known
        if len(self._latest) >= MOST:
            self._latest.clear()
        self._latest[arguments] = found
        return found


_ABSENT = object()
