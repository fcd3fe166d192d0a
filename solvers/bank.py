"""Bottom-up enumeration with observational equivalence, a whole level of the bank at a time.

The bank holds, for each nonterminal and size, the terms of that size whose values on the probes are new: which
production made them, from which rows, and the values themselves. Larger terms are combined from those values by
batched torch operations; terms are built only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sygus.errors import SycamError
from sygus.oracles.equivalence import SMALLEST, Probes, signatures
from sygus.oracles.safety import SafetyOracle
from sygus.problem import Grammar, Production
from sygus.terms import Hole, Nonterminal, Term, fill, subterms
from sygus.theories import Function
from sygus.theories.evaluate import evaluate

BLOCK = 1 << 21
"""Numbers computed at a time: small enough for the cache, large enough to hide the cost of a call."""

Ints = NDArray[np.int64]


class MemoryLimitError(SycamError):
    """The next level does not fit into the memory that the bank may take."""


@dataclass(frozen=True, eq=False)
class Level:
    """The terms of one nonterminal and one size; row r of all arrays is one term.

    Attributes:
        production: index of the production, (n,).
        children: rows of what fills the holes, (n, holes); unused columns are 0.
        child_sizes: their sizes, (n, holes).
        keys: value signatures, (n,).
        values: on the probes, float64 (n, …); None where nothing will be built of them.
    """

    production: Ints
    children: Ints
    child_sizes: Ints
    keys: Ints
    values: Tensor | None

    def __len__(self) -> int:
        return len(self.production)


@dataclass
class Counts:
    """What enumeration did with what it combined."""

    combined: int = 0
    kept: int = 0
    duplicate: int = 0
    unsafe: int = 0
    not_finite: int = 0

    def add(self, other: Counts) -> None:
        """Add up."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, eq=False)
class _Rule:
    """A production with what enumeration needs to know of it."""

    index: int
    production: Production

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """The sub-templates that must be nonzero."""
        return tuple(
            node.arguments[position]
            for node in subterms(self.production.template)
            if isinstance(node.head, Function)
            for position in node.head.nonzero
        )


@dataclass
class _Pending:
    """Combinations of one nonterminal and size whose signature is new to the bank, before they are compared."""

    production: list[Ints] = field(default_factory=list)
    children: list[Ints] = field(default_factory=list)
    child_sizes: list[Ints] = field(default_factory=list)
    keys: list[Ints] = field(default_factory=list)


class Bank:
    """All terms of a grammar up to a size, one representative (the first, a smallest) per behaviour on the probes.

    Args:
        grammar: what to enumerate.
        probes: where terms are told apart.
        safety: decides strict divisions.
        deepest: the largest size that will be asked for; values of that level are not kept.
        memory: bytes that values and pending combinations may take.
    """

    def __init__(
        self, grammar: Grammar, probes: Probes, safety: SafetyOracle, *, deepest: int, memory: int = 4 << 30
    ) -> None:
        self.grammar = grammar
        self.probes = probes
        self.safety = safety
        self.deepest = deepest
        self.memory = memory
        self.counts = Counts()
        self.size = 0
        self._rules = {n: tuple(_Rule(i, p) for i, p in enumerate(ps)) for n, ps in grammar.productions.items()}
        self._width = max((len(p.holes) for ps in grammar.productions.values() for p in ps), default=0)
        self._levels: dict[tuple[Nonterminal, int], Level] = {}
        self._seen: dict[Nonterminal, Ints] = {n: np.empty(0, np.int64) for n in grammar.productions}
        self._terms: dict[tuple[Nonterminal, int, int], Term] = {}

    def grow(self) -> Counts:
        """Combine the next size for every nonterminal; what happened.

        Raises:
            MemoryLimitError: it would not fit; the bank is left as it was.
        """
        size = self.size + 1
        self._check_memory(size)
        counts = Counts()
        for nonterminal, rules in self._rules.items():
            pending = _Pending()
            for rule in rules:
                if not rule.production.is_chain:
                    self._combine(nonterminal, rule, size, pending, counts)
            self._levels[nonterminal, size] = self._settle(nonterminal, size, pending)
        self._close_chains(size, counts)
        self.size = size
        counts.kept = sum(len(self._levels[nonterminal, size]) for nonterminal in self._rules)
        counts.duplicate = counts.combined - counts.kept - counts.unsafe - counts.not_finite
        self.counts.add(counts)
        return counts

    def level(self, nonterminal: Nonterminal, size: int) -> Level:
        """The terms of a size that :meth:`grow` has reached."""
        return self._levels[nonterminal, size]

    def term(self, nonterminal: Nonterminal, size: int, row: int) -> Term:
        """Build the term of one row."""
        key = (nonterminal, size, row)
        if key not in self._terms:
            level = self._levels[nonterminal, size]
            production = self.grammar.productions[nonterminal][level.production[row]]
            children = tuple(
                self.term(hole, int(level.child_sizes[row, i]), int(level.children[row, i]))
                for i, hole in enumerate(production.holes)
            )
            self._terms[key] = production.instantiate(children)
        return self._terms[key]

    def _combine(self, nonterminal: Nonterminal, rule: _Rule, size: int, pending: _Pending, counts: Counts) -> None:
        """Append the new combinations of one production."""
        for sizes in self._splits(rule.production, size):
            for rows in self._blocks(rule.production, sizes, nonterminal):
                counts.combined += int(np.prod([len(r) for r in rows], dtype=np.int64)) if rows else 1
                self._evaluate_block(nonterminal, rule, sizes, rows, pending, counts)

    def _splits(self, production: Production, size: int) -> Iterator[tuple[int, ...]]:
        """The sizes of what fills the holes; of a commutative production only the ascending ones."""
        rest, holes = size - production.size, len(production.holes)
        if holes == 0:
            if rest == 0:
                yield ()
            return
        for head in product(range(1, rest), repeat=holes - 1):
            sizes = (*head, rest - sum(head))
            if sizes[-1] < 1 or (production.is_commutative and sizes[0] > sizes[1]):
                continue
            if all(
                (hole, s) in self._levels and len(self._levels[hole, s])
                for hole, s in zip(production.holes, sizes, strict=True)
            ):
                yield sizes

    def _blocks(
        self, production: Production, sizes: tuple[int, ...], nonterminal: Nonterminal
    ) -> Iterator[tuple[Ints, ...]]:
        """Ranges of rows for each hole, whose product is small enough to compute at once."""
        numbers = int(np.prod(self.probes.shapes[nonterminal.sort]))
        room = max(1, BLOCK // max(numbers, *(int(np.prod(self.probes.shapes[h.sort])) for h in production.holes), 1))
        cuts: list[list[Ints]] = []
        for hole, size in reversed(list(zip(production.holes, sizes, strict=True))):
            count = len(self._levels[hole, size])
            step = max(1, min(count, room))
            room = max(1, room // step)
            cuts.append([np.arange(start, min(start + step, count)) for start in range(0, count, step)])
        yield from product(*reversed(cuts))

    def _evaluate_block(
        self,
        nonterminal: Nonterminal,
        rule: _Rule,
        sizes: tuple[int, ...],
        rows: tuple[Ints, ...],
        pending: _Pending,
        counts: Counts,
    ) -> None:
        """Evaluate every combination of these rows and append those with a new signature."""
        production, holes = rule.production, len(rows)
        environment = {
            Hole(i, hole): self._values(hole, sizes[i], rows[i])[
                (None,) * i + (slice(None),) + (None,) * (holes - 1 - i)
            ]
            for i, hole in enumerate(production.holes)
        }
        shape = self.probes.shapes[nonterminal.sort]
        values = evaluate(production.template, {**self.probes.values, **environment})
        values = values.expand(*(len(r) for r in rows), *shape).reshape(-1, *shape)
        keys, finite = signatures(values)
        grid = (
            np.stack(np.meshgrid(*rows, indexing="ij"), -1).reshape(-1, holes) if holes else np.zeros((1, 0), np.int64)
        )
        keep = finite.numpy()
        counts.not_finite += int((~keep).sum())
        if production.is_commutative and sizes[0] == sizes[1]:
            keep = keep & (grid[:, 0] <= grid[:, 1])
        if rule.denominators:
            safe = self._safe(rule, sizes, grid, keep)
            counts.unsafe += int((keep & ~safe).sum())
            keep = keep & safe
        fresh = keys.numpy()
        keep = keep & ~_contains(self._seen[nonterminal], fresh)
        chosen = np.flatnonzero(keep)
        _, first = np.unique(fresh[chosen], return_index=True)
        chosen = chosen[np.sort(first)]
        padded = np.zeros((len(chosen), self._width), np.int64)
        padded[:, :holes] = grid[chosen]
        pending.production.append(np.full(len(chosen), rule.index, np.int64))
        pending.children.append(padded)
        pending.child_sizes.append(np.broadcast_to(np.array([*sizes, *[0] * (self._width - holes)]), padded.shape))
        pending.keys.append(fresh[chosen])

    def _safe(self, rule: _Rule, sizes: tuple[int, ...], grid: Ints, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which combinations have only denominators that are proved nonzero; Z3 is asked once per denominator."""
        safe = np.ones(len(grid), bool)
        for denominator in rule.denominators:
            used = sorted({node.head.index for node in subterms(denominator) if isinstance(node.head, Hole)})
            tuples, inverse = np.unique(grid[:, used], axis=0, return_inverse=True)
            wanted = np.zeros(len(tuples), bool)
            wanted[inverse.reshape(-1)[keep]] = True
            proved = np.zeros(len(tuples), bool)
            for index in np.flatnonzero(wanted):
                children = {
                    hole: self.term(rule.production.holes[hole], sizes[hole], int(row))
                    for hole, row in zip(used, tuples[index], strict=True)
                }
                filled = fill(denominator, children)
                if bool((self.probes.evaluate(filled).abs() >= SMALLEST).all()):
                    proved[index] = self.safety.nonzero(filled).safe
            safe &= proved[inverse.reshape(-1)]
        return safe

    def _values(self, nonterminal: Nonterminal, size: int, rows: Ints) -> Tensor:
        values = self._levels[nonterminal, size].values
        assert values is not None
        if len(rows) == len(values):
            return values
        if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
            return values[int(rows[0]) : int(rows[-1]) + 1]
        return values[torch.from_numpy(rows)]

    def _settle(self, nonterminal: Nonterminal, size: int, pending: _Pending) -> Level:
        """Compare what is pending with itself, and keep the first of each behaviour."""
        if not pending.keys:
            return self._level(
                nonterminal, size, *(np.empty((0, *s), np.int64) for s in ((), (self._width,), (self._width,), ()))
            )
        keys = np.concatenate(pending.keys)
        _, first = np.unique(keys, return_index=True)
        first.sort()
        level = self._level(
            nonterminal,
            size,
            np.concatenate(pending.production)[first],
            np.concatenate(pending.children)[first],
            np.concatenate(pending.child_sizes)[first],
            keys[first],
        )
        self._seen[nonterminal] = np.union1d(self._seen[nonterminal], level.keys)
        return level

    def _level(
        self, nonterminal: Nonterminal, size: int, production: Ints, children: Ints, child_sizes: Ints, keys: Ints
    ) -> Level:
        values = None
        if size < self.deepest:
            values = self._recompute(nonterminal, production, children, child_sizes)
        return Level(production, children, child_sizes, keys, values)

    def _recompute(self, nonterminal: Nonterminal, production: Ints, children: Ints, child_sizes: Ints) -> Tensor:
        """The values of the rows that are kept, gathered by production and sizes."""
        shape = self.probes.shapes[nonterminal.sort]
        values = torch.empty(len(production), *shape, dtype=torch.float64)
        signature = np.concatenate([production[:, None], child_sizes], 1)
        groups, inverse = np.unique(signature, axis=0, return_inverse=True)
        step = max(1, BLOCK // int(np.prod(shape)))
        for index, group in enumerate(groups):
            rule = self.grammar.productions[nonterminal][group[0]]
            members = np.flatnonzero(inverse.reshape(-1) == index)
            for start in range(0, len(members), step):
                rows = members[start : start + step]
                environment = {
                    Hole(i, hole): self._values(hole, int(group[1 + i]), children[rows, i])
                    for i, hole in enumerate(rule.holes)
                }
                computed = evaluate(rule.template, {**self.probes.values, **environment})
                values[torch.from_numpy(rows)] = computed.expand(len(rows), *shape)
        return values

    def _close_chains(self, size: int, counts: Counts) -> None:
        """Add what productions that only rename bring in from the same size, until nothing is new."""
        chains = [(n, r) for n, rules in self._rules.items() for r in rules if r.production.is_chain]
        changed = True
        while changed:
            changed = False
            for nonterminal, rule in chains:
                source = self._levels[rule.production.holes[0], size]
                new = np.flatnonzero(~_contains(self._seen[nonterminal], source.keys))
                if len(new):
                    changed = True
                    self._append_chain(nonterminal, rule, size, source, new)
                    counts.combined += len(new)

    def _append_chain(self, nonterminal: Nonterminal, rule: _Rule, size: int, source: Level, new: Ints) -> None:
        level = self._levels[nonterminal, size]
        children = np.zeros((len(new), self._width), np.int64)
        children[:, 0] = new
        sizes = np.zeros_like(children)
        sizes[:, 0] = size
        values = None
        if level.values is not None and source.values is not None:
            values = torch.cat([level.values, source.values[torch.from_numpy(new)]])
        self._levels[nonterminal, size] = Level(
            np.concatenate([level.production, np.full(len(new), rule.index, np.int64)]),
            np.concatenate([level.children, children]),
            np.concatenate([level.child_sizes, sizes]),
            np.concatenate([level.keys, source.keys[new]]),
            values,
        )
        self._seen[nonterminal] = np.union1d(self._seen[nonterminal], source.keys[new])

    def _check_memory(self, size: int) -> None:
        """Refuse a level whose combinations cannot be held."""
        held = sum(level.values.nbytes for level in self._levels.values() if level.values is not None)
        combinations = 0
        for rules in self._rules.values():
            for rule in rules:
                for sizes in self._splits(rule.production, size):
                    counts = [len(self._levels[h, s]) for h, s in zip(rule.production.holes, sizes, strict=True)]
                    combinations += int(np.prod(counts, dtype=np.float64))
        row = 8 * (2 + 2 * self._width)
        if held + combinations * row > self.memory:
            raise MemoryLimitError(
                f"size {size} needs {combinations:,} combinations, more than {self.memory >> 30} GiB of memory hold",
                "lower the size in --budget",
            )


def _contains(ordered: Ints, keys: Ints) -> NDArray[np.bool_]:
    """Which keys occur in an ascending array."""
    if len(ordered) == 0:
        return np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[at] == keys
    return found
