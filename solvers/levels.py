"""Terms as arrays: which production made them, and from which rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sygus.language.problem import Production

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


def splits(production: Production, size: int, *, halved: bool) -> Iterator[tuple[int, ...]]:
    """The sizes that the holes of a production may have in a term of a size; ``halved`` keeps the ascending ones."""
    rest, holes = size - production.size, len(production.holes)
    if holes == 0:
        if rest == 0:
            yield ()
        return
    for head in product(range(1, rest), repeat=holes - 1):
        sizes = (*head, rest - sum(head))
        if sizes[-1] >= 1 and not (halved and sizes[0] > sizes[1]):
            yield sizes


def blocks(counts: Sequence[int], room: int) -> Iterator[tuple[range, ...]]:
    """Cut so many rows for each hole into ranges of which a product holds at most ``room`` combinations."""
    cuts: list[list[range]] = []
    for count in reversed(counts):
        step = max(1, min(count, room))
        room = max(1, room // step)
        cuts.append([range(start, min(start + step, count)) for start in range(0, count, step)])
    yield from product(*reversed(cuts))
