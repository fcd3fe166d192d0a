"""The contract between a bank and what terms do: combinations in, values, keys and what is usable out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from solvers.levels import Booleans, Ints
from sygus.language.problem import Production
from sygus.language.terms import Nonterminal, Sort, Term
from sygus.records import record


class Batch(Protocol):
    """Values of many terms, one after the other along the first dimension: a tensor, an array."""

    @property
    def nbytes(self) -> int:
        """The memory that they take."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


V = TypeVar("V", bound=Batch)


@record(frozen=True, eq=False, slots=True)
class Parts(Generic[V]):
    """What fills the holes of a production in the combinations of one block.

    The combinations are all tuples of the holes' rows, that of the last hole varying fastest.

    Attributes:
        holes: their nonterminals.
        sizes: of the terms that fill them.
        ranges: which rows of each such level.
        values: of those levels, whole.
        wanted: which combinations are not the mirror image of another; None where all.
        term: builds the term of a nonterminal, size and row.
    """

    holes: tuple[Nonterminal, ...]
    sizes: tuple[int, ...]
    ranges: tuple[range, ...]
    values: tuple[V, ...]
    wanted: Booleans | None
    term: Callable[[Nonterminal, int, int], Term]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many rows each hole has."""
        return tuple(map(len, self.ranges))

    def spread(self) -> list[V]:
        """The values of each hole's rows, along a dimension of its own, so that they broadcast to all combinations."""
        after = len(self.ranges) - 1
        return [
            values[(*(None,) * i, slice(rows.start, rows.stop), *(None,) * (after - i))]
            for i, (values, rows) in enumerate(zip(self.values, self.ranges, strict=True))
        ]

    def rows(self, places: Ints) -> Ints:
        """The row of each hole in these combinations, (n, holes)."""
        if not self.ranges:
            return np.zeros((len(places), 0), np.int64)
        starts = np.array([rows.start for rows in self.ranges], np.int64)
        return np.stack(np.unravel_index(places, self.counts), axis=1) + starts

    def child(self, hole: int, row: int) -> Term:
        """The term of one row of a hole."""
        return self.term(self.holes[hole], self.sizes[hole], row)


@record(frozen=True, eq=False, slots=True)
class Combined(Generic[V]):
    """What the combinations of a block do.

    Attributes:
        values: of each.
        keys: equal for combinations that are alike, (n,).
        usable: which may be built upon, (n,).
        not_finite, unsafe: how many are not, and why.
    """

    values: V
    keys: Ints
    usable: Booleans
    not_finite: int = 0
    unsafe: int = 0


class Behaviour(Protocol[V]):
    """What terms do, as far as a bank has to know it: values, which of them are alike, and which are usable."""

    def room(self, production: Production) -> int:
        """How many combinations of a production to compute at a time."""
        ...

    def combine(self, production: Production, parts: Parts[V]) -> Combined[V]:
        """What a production, that does not only rename, makes of these parts."""
        ...

    def gather(self, sort: Sort, batches: list[V], rows: Ints) -> V:
        """The values, of a sort, of some rows of batches laid end to end.

        Args:
            sort: says what no values look like.
            batches: are let go one by one where that spares memory, so the list may be empty afterwards.
            rows: ascending.
        """
        ...

    def worth_keeping(self, production: Production, values: V, rows: Ints) -> Ints:  # noqa: ARG002
        """Those of the rows, which are new, that are kept; all of them unless a behaviour chooses."""
        return rows
