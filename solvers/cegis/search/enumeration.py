"""Bottom-up enumeration on points: the smallest term of each behaviour, a whole size at a time.

The ordinary counterpart of :mod:`solvers.bank`, without probes, safety and torch: what two terms of a nonterminal have
to share to count as one is their values on the points of the search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits
from solvers.cegis.search.evaluation import Program, Values
from solvers.cegis.search.samples import Samples
from solvers.levels import Ints, Rows, blocks, contains, splits
from sygus.language.problem import Grammar, Production
from sygus.language.terms import STRING, Hole, Nonterminal, Term
from sygus.language.theories.sorts import representation

BLOCK, SMALL_BLOCK = 1 << 18, 1 << 14
"""Numbers computed at a time; those of functions computed one by one are fewer, so that time is kept."""


Relevance = Callable[[Production, Values], NDArray[np.bool_]]
"""Which rows of values, (n, points), that a production gives are worth keeping."""


@dataclass(frozen=True, eq=False)
class Level:
    """The terms of one nonterminal and size; row r of all arrays is one term.

    Attributes:
        rows: how they are made; a chain has the row that it renames as its child.
        values: on the points, (n, points).
    """

    rows: Rows
    values: Values

    def __len__(self) -> int:
        return len(self.rows)


class Enumerator:
    """The terms of a grammar by size, one for each behaviour on the points.

    Args:
        grammar: without ``(Constant σ)``.
        samples: where terms are told apart.
        limits: of time and memory.
        without: productions to leave out.
        relevant: which of the new values of a production may be kept.
        all_of: a nonterminal, used in no production, of which terms that behave alike are all kept.
        exact: tell values apart by themselves in place of 64-bit keys: slower, and a proof where all is enumerated.
    """

    def __init__(
        self,
        grammar: Grammar,
        samples: Samples,
        limits: Limits,
        without: Callable[[Production], bool] = lambda _: False,
        *,
        exact: bool = False,
        relevant: Relevance | None = None,
        all_of: Nonterminal | None = None,
    ) -> None:
        self._all_of = all_of
        self._relevant = relevant
        self._codes: dict[bytes, int] | None = {} if exact else None
        self.productions = {n: [p for p in ps if not without(p)] for n, ps in grammar.productions.items()}
        self.samples = samples
        self.limits = limits
        self.size = 0
        self.full = False
        self._width = max((len(p.holes) for ps in self.productions.values() for p in ps), default=0)
        self._programs = {p: Program(p.template) for ps in self.productions.values() for p in ps if not p.is_chain}
        self._levels: dict[tuple[Nonterminal, int], Level] = {}
        self._seen: dict[Nonterminal, Ints] = {n: np.empty(0, np.int64) for n in self.productions}
        self._terms: dict[tuple[Nonterminal, int, int], Term] = {}
        self._bytes = 0
        self._largest_gap = max((p.size for p in self._programs), default=1)

    @property
    def exhausted(self) -> bool:
        """Whether no larger term behaves in a new way: some sizes in a row brought nothing."""
        gap = max((len(p.holes) for p in self._programs), default=1) * self._last_productive + self._largest_gap
        return self.size > gap

    @property
    def _last_productive(self) -> int:
        made = ((n, size) for (n, size), level in self._levels.items() if len(level))
        return max((size for nonterminal, size in made if nonterminal is not self._all_of), default=0)

    def grow(self) -> bool:
        """Make the terms of the next size; False where memory does not suffice.

        Raises:
            OutOfTimeError: from the limits.
        """
        if self.full:
            return False
        size = self.size + 1
        for nonterminal, productions in self.productions.items():
            parts: list[Level] = []
            for index, production in enumerate(productions):
                if not production.is_chain:
                    for part in self._combinations(nonterminal, index, production, size):
                        parts.append(part)
                        self._bytes += part.values.nbytes
                        if self._bytes > self.limits.memory:
                            self.full = True
                            break
                if self.full:
                    break
            self._store(nonterminal, size, parts)
        self._close_chains(size)
        self.size = size
        return True

    def level(self, nonterminal: Nonterminal, size: int) -> Level:
        """The terms of a size that :meth:`grow` has reached."""
        return self._levels[nonterminal, size]

    def term(self, nonterminal: Nonterminal, size: int, row: int) -> Term:
        """Build the term of one row."""
        key = (nonterminal, size, row)
        if key not in self._terms:
            rows = self._levels[nonterminal, size].rows
            production = self.productions[nonterminal][rows.production[row]]
            children = [
                self.term(hole, int(rows.child_sizes[row, i]), int(rows.children[row, i]))
                for i, hole in enumerate(production.holes)
            ]
            self._terms[key] = production.instantiate(tuple(children))
        return self._terms[key]

    def _combinations(self, nonterminal: Nonterminal, index: int, production: Production, size: int) -> Iterator[Level]:
        """The new behaviours that one production makes of smaller terms, a block at a time."""
        slow = any(other.sort == STRING for other in self.productions)
        room = max(1, (SMALL_BLOCK if slow else BLOCK) // self.samples.points)
        for sizes in splits(production, size, halved=production.is_commutative):
            counts = [len(self._levels.get(key, ())) for key in zip(production.holes, sizes, strict=True)]
            for ranges in blocks(counts, room):
                self.limits.check()
                part = self._evaluate(nonterminal, index, production, sizes, ranges)
                if len(part):
                    yield part

    def _evaluate(
        self,
        nonterminal: Nonterminal,
        index: int,
        production: Production,
        sizes: tuple[int, ...],
        ranges: tuple[range, ...],
    ) -> Level:
        holes = len(ranges)
        environment: dict[Any, Values] = {**self.samples.inputs}
        for i, hole in enumerate(production.holes):
            part = self._levels[hole, sizes[i]].values[ranges[i].start : ranges[i].stop]
            environment[Hole(i, hole)] = part[(None,) * i + (slice(None),) + (None,) * (holes - 1 - i)]
        points = self.samples.points
        values = self.samples.run(self._programs[production], environment)
        counts = tuple(len(r) for r in ranges)
        values = np.broadcast_to(values, (*counts, points)).reshape(-1, points)
        keys, usable = signatures(values)
        if self._codes is not None:
            codes = self._codes
            keys = np.array([codes.setdefault(row.tobytes(), len(codes)) for row in values], np.int64)
        if nonterminal is self._all_of:
            chosen = np.flatnonzero(usable)
            if production.is_commutative and len(set(sizes)) == 1:
                chosen = chosen[np.subtract(*np.unravel_index(chosen, tuple(len(r) for r in ranges))) <= _gap(ranges)]
        else:
            places = np.flatnonzero(usable)
            distinct, first = np.unique(keys[places], return_index=True)  # ascending: quick to search for
            chosen = places[np.sort(first[~contains(self._seen[nonterminal], distinct)])]
        if self._relevant is not None:
            chosen = chosen[self._relevant(production, values[chosen])]
        children = np.zeros((len(chosen), self._width), np.int64)
        child_sizes = np.zeros_like(children)
        if holes:
            indices = np.unravel_index(chosen, counts)
            for i in range(holes):
                children[:, i] = indices[i] + ranges[i].start
            child_sizes[:, :holes] = sizes
        held = representation(nonterminal.sort).number
        rows = Rows(np.full(len(chosen), index, np.int64), children, child_sizes, keys[chosen])
        return Level(rows, values[chosen].astype(held, copy=False))

    def _store(self, nonterminal: Nonterminal, size: int, parts: list[Level]) -> None:
        rows = Rows.join([part.rows for part in parts], self._width)
        held = representation(nonterminal.sort).number
        empty = np.empty((0, self.samples.points), held)
        values = np.concatenate([empty, *(part.values for part in parts)])
        if nonterminal is self._all_of:
            self._levels[nonterminal, size] = Level(rows, values)
            return
        _, first = np.unique(rows.keys, return_index=True)
        order = np.sort(first)
        self._levels[nonterminal, size] = Level(rows[order], values[order])
        self._see(nonterminal, rows.keys[order])

    def _see(self, nonterminal: Nonterminal, keys: Ints) -> None:
        """Remember new keys; a stable sort merges the two ascending runs in one pass."""
        joined = np.concatenate([self._seen[nonterminal], np.sort(keys)])
        joined.sort(kind="stable")
        self._seen[nonterminal] = joined

    def _close_chains(self, size: int) -> None:
        """Take over the terms of this size along chain productions, until nothing is new."""
        chains = [
            (nonterminal, index, production.holes[0])
            for nonterminal, productions in self.productions.items()
            for index, production in enumerate(productions)
            if production.is_chain
        ]
        taken = dict.fromkeys(chains, 0)
        changed = True
        while changed:
            changed = False
            for chain in chains:
                nonterminal, index, source = chain
                level = self._levels[source, size]
                start, taken[chain] = taken[chain], len(level)
                new = start + np.flatnonzero(~contains(self._seen[nonterminal], level.rows.keys[start:]))
                if not len(new):
                    continue
                changed = True
                children = np.zeros((len(new), self._width), np.int64)
                child_sizes = np.zeros_like(children)
                children[:, 0], child_sizes[:, 0] = new, size
                rows = Rows(np.full(len(new), index, np.int64), children, child_sizes, level.rows.keys[new])
                own = self._levels[nonterminal, size]
                joined = Rows.join([own.rows, rows], self._width)
                self._levels[nonterminal, size] = Level(joined, np.concatenate([own.values, level.values[new]]))
                self._see(nonterminal, rows.keys)


def _gap(ranges: tuple[range, ...]) -> int:
    """How far the second range begins behind the first."""
    return ranges[1].start - ranges[0].start


def signatures(values: Values) -> tuple[Ints, NDArray[np.bool_]]:
    """A 64-bit key of each row, and whether its values are all finite; up to 63 Bools are their own key.

    Floats that differ by rounding alone mostly have one key.
    """
    count, points = values.shape
    if values.dtype == np.bool_ and points < 64:
        weights = np.left_shift(np.int64(1), np.arange(points, dtype=np.int64))
        return (values * weights).sum(1, dtype=np.int64), np.ones(count, bool)
    usable: NDArray[np.bool_] = np.ones(count, bool)
    if values.dtype.kind == "f":
        usable &= np.isfinite(values).all(1)
        values = np.round(values, 10) + 0.0  # of the two zeros one
    words = values.view(np.uint64) if values.dtype.itemsize == 8 else values.astype(np.uint64)
    if values.dtype.kind == "f":
        words = (words + np.uint64(1 << 11)) >> np.uint64(12)  # 40 bits of the mantissa
    generator = np.random.default_rng(points)
    offsets, factors = (generator.integers(1 << 62, size=points, dtype=np.uint64) * 2 + 1 for _ in range(2))
    mixed = (words + offsets) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= factors
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    keys = mixed.sum(1, dtype=np.uint64)
    found: Ints = keys.view(np.int64)
    return found, usable
