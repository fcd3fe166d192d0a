"""Terms as arrays: which production made them, and from which rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Terms as arrays; row r of all of them is one term.

    Attributes:
        production: index of the production, (n,).
        children: rows of what fills the holes, (n, width); unused columns are 0.
        child_sizes: their sizes, (n, width).
        keys: what equivalent terms share, (n,); value signatures unless pruning is by something else.
    """

    production: Ints
    children: Ints
    child_sizes: Ints
    keys: Ints

    def __len__(self) -> int:
        return len(self.production)

    def __getitem__(self, rows: Ints) -> Rows:
        return Rows(*(array[rows] for array in vars(self).values()))

    def same(self, other: Rows) -> bool:
        """Whether these are the same terms in the same order, whatever their keys."""
        mine, theirs = list(vars(self).values())[:3], list(vars(other).values())[:3]
        return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))

    @classmethod
    def join(cls, parts: list[Rows], width: int) -> Rows:
        """One after the other."""
        empty = cls(*(np.empty((0, *shape), np.int64) for shape in ((), (width,), (width,), ())))
        return cls(
            *(np.concatenate(arrays) for arrays in zip(*(vars(p).values() for p in [empty, *parts]), strict=True))
        )


def firsts(rows: Rows) -> Rows:
    """The first row of each key, in their order."""
    _, first = np.unique(rows.keys, return_index=True)
    return rows[np.sort(first)]


def contains(ordered: Ints, keys: Ints) -> NDArray[np.bool_]:
    """Which keys occur in an ascending array."""
    if len(ordered) == 0:
        return np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[at] == keys
    return found
