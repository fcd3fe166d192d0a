"""Bottom-up enumeration with observational equivalence, a whole level of the bank at a time.

The bank holds, for each nonterminal and size, the terms of that size whose values on the probes are new: which
production made them, from which rows, and the values themselves. Larger terms are combined from those values by
batched torch operations; terms are built only when asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from solvers.levels import Ints, Rows, blocks, contains, firsts, splits
from sygus.errors import SycamError
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Hole, Nonterminal, Term, fill, subterms
from sygus.language.theories import Function
from sygus.language.theories.evaluate import evaluate
from sygus.oracles.equivalence import SMALLEST, Probes, signatures
from sygus.oracles.safety import SafetyOracle

BLOCK = 1 << 17
"""Numbers computed at a time: small enough for the cache, large enough to hide the cost of a call."""


class MemoryLimitError(SycamError):
    """The next level does not fit into the memory that the bank may take."""


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
    def denominators(self) -> tuple[tuple[Term, tuple[int, ...]], ...]:
        """The sub-templates that must be nonzero, each with the holes in it."""
        found = (
            node.arguments[position]
            for node in subterms(self.production.template)
            if isinstance(node.head, Function)
            for position in node.head.nonzero
        )
        return tuple(
            (template, tuple(sorted({n.head.index for n in subterms(template) if isinstance(n.head, Hole)})))
            for template in found
        )


@dataclass(frozen=True, eq=False)
class _Block:
    """Combinations of one production that were evaluated together: those that may be kept, with their keys."""

    rule: _Rule
    sizes: tuple[int, ...]
    grid: Ints
    keys: Ints
    keep: NDArray[np.bool_]


class Bank:
    """All terms of a grammar up to a size, one representative (the first, a smallest) per behaviour on the probes.

    Args:
        grammar: what to enumerate.
        probes: where terms are told apart.
        safety: decides strict divisions.
        deepest: the largest size that will be asked for; of it there are only the terms of the start symbol, since
            nothing is built of that level, and their values are not kept.
        memory: bytes that values and pending combinations may take.
        term_key: prune by this key of a term in place of its values: one term at a time, for comparison.
        mirrored: also combine the mirror images of commutative productions.
    """

    def __init__(
        self,
        grammar: Grammar,
        probes: Probes,
        safety: SafetyOracle,
        *,
        deepest: int,
        memory: int = 4 << 30,
        term_key: Callable[[Term], int] | None = None,
        mirrored: bool = False,
    ) -> None:
        self.grammar = grammar
        self.probes = probes
        self.safety = safety
        self.deepest = deepest
        self.memory = memory
        self.term_key = term_key
        self.mirrored = mirrored
        self.counts = Counts()
        self.size = 0
        self._rules = {n: tuple(_Rule(i, p) for i, p in enumerate(ps)) for n, ps in grammar.productions.items()}
        self._width = max((len(p.holes) for ps in grammar.productions.values() for p in ps), default=0)
        self._levels: dict[tuple[Nonterminal, int], Rows] = {}
        self._values: dict[tuple[Nonterminal, int], Tensor] = {}
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
        wanted = self._wanted(size)
        for nonterminal, rules in self._rules.items():
            if nonterminal not in wanted:
                self._store(nonterminal, size, Rows.join([], self._width))
                continue
            parts = [
                self._fresh(nonterminal, block)
                for rule in rules
                for block in self._blocks(nonterminal, rule, size, counts)
            ]
            self._store(nonterminal, size, firsts(Rows.join(parts, self._width)))
        self._close_chains(size, counts)
        self.size = size
        counts.kept = sum(len(self._levels[nonterminal, size]) for nonterminal in self._rules)
        counts.duplicate = counts.combined - counts.kept - counts.unsafe - counts.not_finite
        self.counts.add(counts)
        return counts

    def _wanted(self, size: int) -> frozenset[Nonterminal]:
        """The nonterminals whose terms of a size are used."""
        return self._renamed_to_start if size == self.deepest else frozenset(self._rules)

    @cached_property
    def _renamed_to_start(self) -> frozenset[Nonterminal]:
        """The start symbol, and what becomes it by chains of productions that only rename."""
        found = {self.grammar.start}
        while True:
            sources = {rule.production.holes[0] for n in found for rule in self._rules[n] if rule.production.is_chain}
            if sources <= found:
                return frozenset(found)
            found |= sources

    def level(self, nonterminal: Nonterminal, size: int) -> Rows:
        """The terms of a size that :meth:`grow` has reached; of the deepest, those of the start symbol."""
        return self._levels[nonterminal, size]

    def term(self, nonterminal: Nonterminal, size: int, row: int) -> Term:
        """Build the term of one row."""
        key = (nonterminal, size, row)
        if key not in self._terms:
            level = self._levels[nonterminal, size]
            self._terms[key] = self._build(
                nonterminal, level.production[row], level.child_sizes[row], level.children[row]
            )
        return self._terms[key]

    def aliases(self, nonterminal: Nonterminal, key: int, limit: int = 1000) -> Iterator[Term]:
        """The terms of the sizes reached that were pruned because of a row with this key, and the row itself.

        They are built from representatives, so this is one term for each class of arguments.
        """
        found = 0
        for size, rule in product(range(1, self.size + 1), self._rules[nonterminal]):
            for block in self._blocks(nonterminal, rule, size, Counts()):
                for row in np.flatnonzero(block.keep & (block.keys == key)):
                    yield self._build(nonterminal, rule.index, np.array(block.sizes), block.grid[row])
                    found += 1
                    if found == limit:
                        return

    def discard(self, nonterminal: Nonterminal, size: int, rows: Ints) -> None:
        """Forget terms, so that nothing is built of them; later rows of the level move up."""
        level = self._levels[nonterminal, size]
        kept = np.delete(np.arange(len(level)), rows)
        self._levels[nonterminal, size] = level[kept]
        if (nonterminal, size) in self._values:
            self._values[nonterminal, size] = self._values[nonterminal, size][torch.from_numpy(kept)]
        for row in range(len(level)):
            self._terms.pop((nonterminal, size, row), None)

    def differences(self, other: Bank) -> list[tuple[Nonterminal, int]]:
        """The levels in which another bank of the same grammar keeps other terms."""
        return [
            key for key, level in self._levels.items() if key in other._levels and not level.same(other._levels[key])
        ]

    def _build(self, nonterminal: Nonterminal, production: int, sizes: Ints, rows: Ints) -> Term:
        rule = self.grammar.productions[nonterminal][production]
        children = (self.term(hole, int(sizes[i]), int(rows[i])) for i, hole in enumerate(rule.holes))
        return rule.instantiate(tuple(children))

    def _blocks(self, nonterminal: Nonterminal, rule: _Rule, size: int, counts: Counts) -> Iterator[_Block]:
        """Every combination of one production, but for chains, a block at a time."""
        if rule.production.is_chain:
            return
        holes = rule.production.holes
        shapes = [self.probes.shapes[sort] for sort in (nonterminal.sort, *(hole.sort for hole in holes))]
        room = max(1, BLOCK // max(int(np.prod(shape)) for shape in shapes))
        for sizes, terms in self._shares(rule.production, size):
            for ranges in blocks(terms, room):
                yield self._evaluate(nonterminal, rule, sizes, ranges, counts)

    def _shares(self, production: Production, size: int) -> Iterator[tuple[tuple[int, ...], list[int]]]:
        """The sizes that the holes of a production may have in a term of this size, and how many terms have them."""
        for sizes in splits(production, size, halved=self._halved(production)):
            yield sizes, [len(self._levels.get(key, ())) for key in zip(production.holes, sizes, strict=True)]

    def _halved(self, production: Production) -> bool:
        """Whether one order of the two operands is enough."""
        return production.is_commutative and not self.mirrored

    def _evaluate(
        self,
        nonterminal: Nonterminal,
        rule: _Rule,
        sizes: tuple[int, ...],
        ranges: tuple[range, ...],
        counts: Counts,
    ) -> _Block:
        """Evaluate every combination of these rows: each hole varies along a dimension of its own."""
        production, holes = rule.production, len(ranges)
        environment = {}
        for i, hole in enumerate(production.holes):
            part = self._values[hole, sizes[i]][ranges[i].start : ranges[i].stop]
            environment[Hole(i, hole)] = part[(None,) * i + (slice(None),) + (None,) * (holes - 1 - i)]
        shape = self.probes.shapes[nonterminal.sort]
        values = evaluate(production.template, {**self.probes.values, **environment})
        values = values.expand(*(len(r) for r in ranges), *shape).reshape(-1, *shape)
        keys, finite = signatures(values)
        grid = _grid(ranges)
        keep = finite.cpu().numpy()
        counts.combined += len(keep)
        counts.not_finite += int((~keep).sum())
        if self._halved(production) and sizes[0] == sizes[1]:
            keep = keep & (grid[:, 0] <= grid[:, 1])
        if rule.denominators:
            safe = self._safe(rule, sizes, grid, keep)
            counts.unsafe += int((keep & ~safe).sum())
            keep = keep & safe
        chosen = keys.cpu().numpy()
        if self.term_key is not None:
            built = (self._build(nonterminal, rule.index, np.array(sizes), row) for row in grid)
            chosen = np.fromiter((self.term_key(term) for term in built), np.int64, len(grid))
        return _Block(rule, sizes, grid, chosen, keep)

    def _fresh(self, nonterminal: Nonterminal, block: _Block) -> Rows:
        """The rows of a block whose key is new to the bank, the first of each."""
        holes = block.grid.shape[1]
        chosen = np.flatnonzero(block.keep & ~contains(self._seen[nonterminal], block.keys))
        children = np.zeros((len(chosen), self._width), np.int64)
        children[:, :holes] = block.grid[chosen]
        sizes = np.zeros_like(children)
        sizes[:, :holes] = block.sizes
        return firsts(Rows(np.full(len(chosen), block.rule.index), children, sizes, block.keys[chosen]))

    def _safe(self, rule: _Rule, sizes: tuple[int, ...], grid: Ints, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which combinations have only denominators that are proved nonzero; Z3 is asked once per denominator."""
        safe = np.ones(len(grid), bool)
        for denominator, used in rule.denominators:
            tuples, inverse = np.unique(grid[:, used], axis=0, return_inverse=True)
            wanted = np.unique(inverse.reshape(-1)[keep])
            proved = np.zeros(len(tuples), bool)
            for index in wanted:
                pairs = zip(used, tuples[index], strict=True)
                children = {i: self.term(rule.production.holes[i], sizes[i], int(row)) for i, row in pairs}
                filled = fill(denominator, children)
                if bool((self.probes.evaluate(filled).abs() >= SMALLEST).all()):
                    proved[index] = self.safety.nonzero(filled).safe
            safe &= proved[inverse.reshape(-1)]
        return safe

    def _store(self, nonterminal: Nonterminal, size: int, rows: Rows) -> None:
        """Make these rows a level."""
        self._levels[nonterminal, size] = rows
        self._seen[nonterminal] = np.sort(np.concatenate([self._seen[nonterminal], rows.keys]), kind="stable")
        if size < self.deepest:
            self._values[nonterminal, size] = self._recompute(nonterminal, rows)

    def _recompute(self, nonterminal: Nonterminal, rows: Rows) -> Tensor:
        """The values of the rows that are kept, gathered by production and sizes."""
        shape, variables = self.probes.shapes[nonterminal.sort], self.probes.values
        values: Tensor | None = None
        groups, inverse = np.unique(np.column_stack([rows.production, rows.child_sizes]), axis=0, return_inverse=True)
        step = max(1, BLOCK // int(np.prod(shape)))
        for index, (production, *sizes) in enumerate(groups):
            rule = self.grammar.productions[nonterminal][production]
            members = np.flatnonzero(inverse.reshape(-1) == index)
            for start in range(0, len(members), step):
                chosen = members[start : start + step]
                environment = {
                    Hole(i, hole): self._values[hole, int(sizes[i])][torch.from_numpy(rows.children[chosen, i])]
                    for i, hole in enumerate(rule.holes)
                }
                computed = evaluate(rule.template, {**variables, **environment})
                if values is None:
                    values = torch.empty(len(rows), *shape, dtype=computed.dtype, device=computed.device)
                values[torch.from_numpy(chosen)] = computed
        return torch.empty(0, *shape) if values is None else values

    def _close_chains(self, size: int, counts: Counts) -> None:
        """Add what productions that only rename bring in from the same size, until nothing is new."""
        chains = [(n, r) for n, rules in self._rules.items() for r in rules if r.production.is_chain]
        changed = True
        while changed:
            changed = False
            for nonterminal, rule in chains:
                source = rule.production.holes[0]
                keys = self._levels[source, size].keys
                if nonterminal not in self._wanted(size):
                    continue
                new = np.flatnonzero(~contains(self._seen[nonterminal], keys))
                if len(new):
                    changed = True
                    counts.combined += len(new)
                    self._append_chain(nonterminal, rule, size, new)

    def _append_chain(self, nonterminal: Nonterminal, rule: _Rule, size: int, new: Ints) -> None:
        source = (rule.production.holes[0], size)
        children = np.zeros((len(new), self._width), np.int64)
        children[:, 0] = new
        sizes = np.zeros_like(children)
        sizes[:, 0] = size
        added = Rows(np.full(len(new), rule.index), children, sizes, self._levels[source].keys[new])
        self._levels[nonterminal, size] = Rows.join([self._levels[nonterminal, size], added], self._width)
        self._seen[nonterminal] = np.union1d(self._seen[nonterminal], added.keys)
        if size < self.deepest:
            values = [self._values[nonterminal, size], self._values[source][torch.from_numpy(new)]]
            self._values[nonterminal, size] = torch.cat([v for v in values if len(v)])

    def _check_memory(self, size: int) -> None:
        """Refuse a level whose combinations cannot be held."""
        held = sum(values.nbytes for values in self._values.values())
        combinations = 0
        wanted = self._wanted(size)
        for rules in (self._rules[nonterminal] for nonterminal in wanted):
            for rule in rules:
                combinations += sum(math.prod(counts) for _, counts in self._shares(rule.production, size))
        row = 8 * (2 + 2 * self._width)
        if held + combinations * row > self.memory:
            raise MemoryLimitError(
                f"size {size} needs {combinations:,} combinations, more than {self.memory >> 30} GiB of memory hold",
                "lower the size in --budget",
            )


def _grid(ranges: tuple[range, ...]) -> Ints:
    """The rows of every combination, (combinations, holes), the last hole varying fastest."""
    if not ranges:
        return np.zeros((1, 0), np.int64)
    starts = np.array([r.start for r in ranges], np.int64)
    return np.indices([len(r) for r in ranges], np.int64).reshape(len(ranges), -1).T + starts
