"""Terms as arrays: which production made them, from which rows, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from sygus.language.problem import Production
from sygus.records import record

Ints = NDArray[np.int64]
Booleans = NDArray[np.bool_]
V = TypeVar("V")


@record(frozen=True, eq=False)
class Rows:
    """Terms as arrays; row r of all of them is one term.

    Attributes:
        production: index of the production, (n,).
        children: rows of what fills the holes, (n, width); unused columns are 0.
        child_sizes: their sizes, (n, width); a chain has its own size there.
        keys: what equivalent terms share, (n,).
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
    def join(cls, parts: Iterable[Rows]) -> Rows:
        """One after the other; at least one."""
        return cls(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))

    @classmethod
    def renamed(cls, production: int, rows: Ints, size: int, keys: Ints, width: int) -> Rows:
        """What a chain production makes of these rows of its nonterminal."""
        children = np.zeros((len(rows), width), np.int64)
        child_sizes = np.zeros_like(children)
        children[:, 0], child_sizes[:, 0] = rows, size
        return cls(np.full(len(rows), production, np.int64), children, child_sizes, keys)


@record(frozen=True, eq=False, slots=True)
class Chosen:
    """Combinations of one block that are kept.

    Attributes:
        production: its index.
        sizes, ranges: of what fills each hole, and which rows.
        places: of the combinations among all of the block, that of the last hole varying fastest.
        keys: theirs.
    """

    production: int
    sizes: tuple[int, ...]
    ranges: tuple[range, ...]
    places: Ints
    keys: Ints


def rows_of(blocks: Sequence[Chosen], wanted: Ints, width: int) -> Rows:
    """The wanted ones, ascending, of the combinations of blocks, one block after the other."""
    block = np.repeat(np.arange(len(blocks)), [len(one.places) for one in blocks])[wanted]
    places = _joined([one.places for one in blocks])[wanted]
    starts, lengths, sizes = (np.empty((len(blocks), width), np.int64) for _ in range(3))
    for i, one in enumerate(blocks):
        unused = [0] * (width - len(one.sizes))
        sizes[i] = [*one.sizes, *unused]
        starts[i] = [*(r.start for r in one.ranges), *unused]
        lengths[i] = [*(len(r) for r in one.ranges), *(1 for _ in unused)]
    children = np.empty((len(block), width), np.int64)
    for hole in reversed(range(width)):
        places, children[:, hole] = np.divmod(places, lengths[block, hole])
        children[:, hole] += starts[block, hole]
    production = np.array([one.production for one in blocks], np.int64)[block]
    return Rows(production, children, sizes[block], _joined([one.keys for one in blocks])[wanted])


def _joined(arrays: Sequence[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *arrays])


@record(frozen=True, eq=False)
class Level(Generic[V]):
    """The terms of one nonterminal and size; row r of all arrays is one term.

    Attributes:
        rows: how they are made.
        values: what they do, as the behaviour of the bank holds it; empty where nothing will be built of them.
    """

    rows: Rows
    values: V

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def keys(self) -> Ints:
        """What equivalent terms share."""
        return self.rows.keys


def dealt(batches: list[Any], rows: Ints) -> Iterator[tuple[Any, slice, Ints]]:
    """Each of some batches laid end to end, which is let go then, with the rows that are taken of it.

    Args:
        batches: it is empty afterwards.
        rows: ascending, of all batches together.

    Yields:
        The batch, the place of its rows among all that are taken, and which of its own they are.
    """
    batches.reverse()
    start, total = 0, 0
    while batches:
        batch = batches.pop()
        end = int(np.searchsorted(rows, total + len(batch)))
        yield batch, slice(start, end), rows[start:end] - total
        start, total = end, total + len(batch)


def distinct(keys: Ints) -> tuple[Ints, NDArray[np.intp]]:
    """The different keys, ascending, and where each comes first."""
    order = keys.argsort()  # vectorised, as a stable sort is not; the first of equal keys is found below
    ordered = keys[order]
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if len(starts) + 1 >= len(keys):
        return ordered, order
    starts = np.concatenate([[0], starts])
    return ordered[starts], np.minimum.reduceat(order, starts)


def contains(ordered: Ints, keys: Ints) -> Booleans:
    """Which keys occur in an ascending array."""
    if len(ordered) == 0:
        return np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    found: Booleans = ordered[at] == keys
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
