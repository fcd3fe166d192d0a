"""Bottom-up enumeration, a whole size at a time: of each behaviour the first, and smallest, term.

A bank holds, for each nonterminal and size, the terms of that size whose behaviour is new: which production made them,
from which rows, and what the behaviour holds of them. Larger terms are combined from that, all combinations of a block
at once; terms are built only when asked for. What terms do is the affair of a :class:`solvers.behaviour.Behaviour`, so
one bank serves tensors on probes, arrays on samples, and terms that are told apart as they are written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Any, Generic

import numpy as np

from solvers.behaviour import Behaviour, Combined, Parts, V
from solvers.levels import Booleans, Chosen, Ints, Level, Rows, blocks, contains, distinct, rows_of, splits
from solvers.pausing import Pausing, finished
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Nonterminal, Term
from sygus.records import record


class Allowance:
    """What a bank may spend; this one sets no limit.

    Attributes:
        full: nothing more is to be made; what there is stays.
    """

    full = False

    def before_level(self, bank: Bank[Any], size: int) -> None:
        """Raise what refuses a size; the bank stays as it is."""

    def before_block(self) -> None:
        """Raise what breaks off between two blocks of combinations."""

    def after_block(self, nbytes: int) -> None:
        """Note the memory that the values kept of a block take."""


@record
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


@record(frozen=True, eq=False, slots=True)
class _Rule:
    """A production with what enumeration needs to know of it."""

    index: int
    production: Production
    holes: tuple[Nonterminal, ...]
    is_chain: bool
    halved: bool
    """Whether one order of the two operands is enough."""


@record(frozen=True, eq=False, slots=True)
class _Block(Generic[V]):
    """Combinations of one production that were computed together, and which of them may be kept."""

    parts: Parts[V]
    combined: Combined[V]
    keep: Booleans


class Bank(Generic[V]):
    """All terms of a grammar up to a size, one representative (the first, a smallest) per behaviour.

    Args:
        grammar: what to enumerate, without ``(Constant σ)``.
        behaviour: what terms do.
        deepest: the largest size that will be asked for, where that is known; of it there are only the terms of the
            start symbol, since nothing is built of that level, and their values are not kept.
        mirrored: also combine the mirror images of commutative productions.
        all_of: a nonterminal, used in no production, of which terms that behave alike are all kept.
        most: combinations that are made of each nonterminal and size, the first ones; None for all.
        allowance: of time and memory.
        buffer: bytes of values that a level in the making gathers before it is rid of duplicates; None to do so at
            its end.
    """

    def __init__(
        self,
        grammar: Grammar,
        behaviour: Behaviour[V],
        *,
        deepest: int | None = None,
        mirrored: bool = False,
        all_of: Nonterminal | None = None,
        most: int | None = None,
        allowance: Allowance | None = None,
        buffer: int | None = None,
    ) -> None:
        self.grammar = grammar
        self.behaviour = behaviour
        self.deepest = deepest
        self.allowance = allowance or Allowance()
        self.counts = Counts()
        self.size = 0
        self._all_of = all_of
        self._most = most
        self._buffer = buffer
        self._rules = {
            nonterminal: tuple(
                _Rule(i, p, p.holes, p.is_chain, p.is_commutative and not mirrored) for i, p in enumerate(productions)
            )
            for nonterminal, productions in grammar.productions.items()
        }
        self.width = max((len(rule.holes) for rules in self._rules.values() for rule in rules), default=0)
        self._levels: dict[tuple[Nonterminal, int], Level[V]] = {}
        self._seen: dict[Nonterminal, Ints] = {n: np.empty(0, np.int64) for n in grammar.productions}
        self._terms: dict[tuple[Nonterminal, int, int], Term] = {}

    # Growing

    def grow(self) -> Counts | None:
        """Combine the next size for every nonterminal; what happened, None where the allowance is used up.

        Raises:
            Exception: from the allowance; if it refused the size, the bank is left as it was.
        """
        return finished(self.growing())

    def growing(self) -> Pausing[Counts | None]:
        """The same, with a pause after each block."""
        if self.allowance.full:
            return None
        size = self.size + 1
        self.allowance.before_level(self, size)
        counts = Counts()
        wanted = self._wanted(size)
        for nonterminal in self._rules:
            used = nonterminal in wanted
            level = (yield from self._made(nonterminal, size, counts)) if used else self._firsts(nonterminal, [], [])
            self._levels[nonterminal, size] = level
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
            sources = {rule.holes[0] for n in found for rule in self._rules[n] if rule.is_chain}
            if sources <= found:
                return frozenset(found)
            found |= sources

    def _made(self, nonterminal: Nonterminal, size: int, counts: Counts) -> Pausing[Level[V]]:
        """The level that productions make of smaller terms, without what chains bring in."""
        pieces: list[Level[V]] = []
        chosen: list[Chosen] = []
        batches: list[V] = []
        held = 0
        for one, values in self._found(nonterminal, size, counts):
            if not len(one.places):
                yield
                continue
            chosen.append(one)
            if size != self.deepest:
                batches.append(self.behaviour.gather(nonterminal.sort, [values], one.places))
                held += batches[-1].nbytes
                self.allowance.after_block(batches[-1].nbytes)
            if self._buffer is not None and held > self._buffer:
                pieces.append(self._firsts(nonterminal, chosen, batches))
                chosen, batches, held = [], [], 0
            yield
        pieces.append(self._firsts(nonterminal, chosen, batches))
        return pieces[0] if len(pieces) == 1 else self._joined(nonterminal, pieces)

    def _firsts(self, nonterminal: Nonterminal, chosen: list[Chosen], batches: list[V]) -> Level[V]:
        """The first of each key, which the bank then knows, with their values where there are any."""
        if len(chosen) <= 1 or nonterminal == self._all_of:
            first = np.arange(sum(len(one.places) for one in chosen))
        else:
            first = np.sort(distinct(np.concatenate([one.keys for one in chosen]))[1])
        rows = rows_of(chosen, first, self.width)
        if nonterminal != self._all_of:
            self._see(nonterminal, rows.keys)
        return Level(rows, self.behaviour.gather(nonterminal.sort, batches, first if batches else first[:0]))

    def _joined(self, nonterminal: Nonterminal, pieces: list[Level[V]]) -> Level[V]:
        """One level; the list is emptied, so that each piece can go when it is copied."""
        rows, values = Rows.join([piece.rows for piece in pieces]), [piece.values for piece in pieces]
        pieces.clear()
        return Level(rows, self.behaviour.gather(nonterminal.sort, values, np.arange(len(rows))))

    def _found(self, nonterminal: Nonterminal, size: int, counts: Counts) -> Iterator[tuple[Chosen, V]]:
        """The combinations of each block that are new to the bank, with the values of the whole block."""
        made = 0
        for rule in self._rules[nonterminal]:
            for block in self._blocks(rule, size):
                count = len(block.keep)
                if self._most is not None and made + count > self._most:
                    count = self._most - made
                    block.keep[count:] = False
                made += count
                counts.combined += count
                counts.not_finite += block.combined.not_finite
                counts.unsafe += block.combined.unsafe
                yield self._chosen(nonterminal, rule, block), block.combined.values
                if self.allowance.full:
                    return
                if made == self._most:
                    return
            if self.allowance.full:
                return

    def _blocks(self, rule: _Rule, size: int) -> Iterator[_Block[V]]:
        """Every combination of one production, but for chains, a block at a time."""
        if rule.is_chain:
            return
        room = self.behaviour.room(rule.production)
        for sizes in splits(rule.production, size, halved=rule.halved):
            levels = [self._levels[key] for key in zip(rule.holes, sizes, strict=True)]
            values = tuple(level.values for level in levels)
            for ranges in blocks([len(level) for level in levels], room):
                self.allowance.before_block()
                wanted = _ascending(ranges) if rule.halved and sizes[0] == sizes[1] else None
                parts = Parts(rule.holes, sizes, ranges, values, wanted, self.term)
                combined = self.behaviour.combine(rule.production, parts)
                yield _Block(parts, combined, combined.usable if wanted is None else combined.usable & wanted)

    def _chosen(self, nonterminal: Nonterminal, rule: _Rule, block: _Block[V]) -> Chosen:
        """The combinations of a block whose key is new to the bank, the first of each."""
        places = np.flatnonzero(block.keep)
        if nonterminal != self._all_of:
            keys, first = distinct(block.combined.keys[places])
            places = places[np.sort(first[~contains(self._seen[nonterminal], keys)])]
        places = self.behaviour.worth_keeping(rule.production, block.combined.values, places)
        return Chosen(rule.index, block.parts.sizes, block.parts.ranges, places, block.combined.keys[places])

    def _see(self, nonterminal: Nonterminal, keys: Ints) -> None:
        """Remember new keys; a stable sort merges the two ascending runs in one pass."""
        if len(keys):
            joined = np.concatenate([self._seen[nonterminal], np.sort(keys)])
            joined.sort(kind="stable")
            self._seen[nonterminal] = joined

    def _close_chains(self, size: int, counts: Counts) -> None:
        """Take over the terms of this size along productions that only rename, until nothing is new."""
        wanted = self._wanted(size)
        chains = [(n, rule) for n, rules in self._rules.items() if n in wanted for rule in rules if rule.is_chain]
        taken = [0] * len(chains)
        changed = True
        while changed:
            changed = False
            for i, (nonterminal, rule) in enumerate(chains):
                source = self._levels[rule.holes[0], size]
                start, taken[i] = taken[i], len(source)
                new = start + np.flatnonzero(~contains(self._seen[nonterminal], source.keys[start:]))
                if len(new):
                    changed = True
                    counts.combined += len(new)
                    self._take_over(nonterminal, rule, size, new)

    def _take_over(self, nonterminal: Nonterminal, rule: _Rule, size: int, new: Ints) -> None:
        own, source = self._levels[nonterminal, size], self._levels[rule.holes[0], size]
        rows = Rows.join([own.rows, Rows.renamed(rule.index, new, size, source.keys[new], self.width)])
        both = np.concatenate([np.arange(len(own)), len(own) + new])
        if size == self.deepest:
            self._levels[nonterminal, size] = Level(rows, own.values)
        else:
            values = self.behaviour.gather(nonterminal.sort, [own.values, source.values], both)
            self._levels[nonterminal, size] = Level(rows, values)
        self._see(nonterminal, source.keys[new])

    # What there is

    def level(self, nonterminal: Nonterminal, size: int) -> Level[V]:
        """The terms of a size that :meth:`grow` has reached; of the deepest, those of the start symbol."""
        return self._levels[nonterminal, size]

    def term(self, nonterminal: Nonterminal, size: int, row: int) -> Term:
        """Build the term of one row; without recursion, for there may be thousands of levels."""
        root = (nonterminal, size, row)
        stack = [] if root in self._terms else [root]
        while stack:
            owner, level, place = stack[-1]
            rows = self._levels[owner, level].rows
            rule = self._rules[owner][rows.production[place]]
            children = _children(rule, rows.child_sizes[place], rows.children[place])
            missing = [child for child in children if child not in self._terms]
            if missing:
                stack.extend(missing)
                continue
            terms = tuple(self._terms[child] for child in children)
            self._terms[stack.pop()] = rule.production.instantiate(terms)
        return self._terms[root]

    def _build(self, rule: _Rule, sizes: tuple[int, ...], rows: Ints) -> Term:
        return rule.production.instantiate(tuple(self.term(*child) for child in _children(rule, sizes, rows)))

    def aliases(self, nonterminal: Nonterminal, key: int, limit: int = 1000) -> Iterator[Term]:
        """The terms of the sizes reached that were pruned because of a row with this key, and the row itself.

        They are built from representatives, so this is one term for each class of arguments.
        """
        found = 0
        for size, rule in product(range(1, self.size + 1), self._rules[nonterminal]):
            for block in self._blocks(rule, size):
                alike = np.flatnonzero(block.keep & (block.combined.keys == key))
                for rows in block.parts.rows(alike):
                    yield self._build(rule, block.parts.sizes, rows)
                    found += 1
                    if found == limit:
                        return

    def differences(self, other: Bank[V]) -> list[tuple[Nonterminal, int]]:
        """The levels in which another bank of the same grammar keeps other terms."""
        return [
            key
            for key, level in self._levels.items()
            if key in other._levels and not level.rows.same(other._levels[key].rows)
        ]

    def discard(self, nonterminal: Nonterminal, size: int, rows: Ints) -> None:
        """Forget terms, so that nothing is built of them; later rows of the level move up."""
        level = self._levels[nonterminal, size]
        kept = np.delete(np.arange(len(level)), rows)
        values = level.values
        if size != self.deepest:
            values = self.behaviour.gather(nonterminal.sort, [values], kept)
        self._levels[nonterminal, size] = Level(level.rows[kept], values)
        for row in range(len(level)):
            self._terms.pop((nonterminal, size, row), None)

    # What it takes

    @property
    def full(self) -> bool:
        """Whether the allowance is used up."""
        return self.allowance.full

    @property
    def held(self) -> int:
        """Bytes of the values that are held."""
        return sum(level.values.nbytes for level in self._levels.values())

    def combinations(self, size: int) -> int:
        """How many combinations the next size needs."""
        return sum(
            math.prod(len(self._levels[key]) for key in zip(rule.holes, sizes, strict=True))
            for nonterminal in self._wanted(size)
            for rule in self._rules[nonterminal]
            if not rule.is_chain
            for sizes in splits(rule.production, size, halved=rule.halved)
        )

    @property
    def exhausted(self) -> bool:
        """Whether no larger term behaves in a new way: some sizes in a row brought nothing."""
        makers = [rule for rules in self._rules.values() for rule in rules if not rule.is_chain]
        productive = (s for (n, s), level in self._levels.items() if len(level) and n != self._all_of)
        most_holes = max((len(rule.holes) for rule in makers), default=1)
        largest_gap = max((rule.production.size for rule in makers), default=1)
        return self.size > most_holes * max(productive, default=0) + largest_gap


def _children(rule: _Rule, sizes: Ints | tuple[int, ...], rows: Ints) -> list[tuple[Nonterminal, int, int]]:
    """What fills the holes of a row: nonterminals with sizes and rows."""
    return [(hole, int(size), int(row)) for hole, size, row in zip(rule.holes, sizes, rows, strict=False)]


def _ascending(ranges: tuple[range, ...]) -> Booleans:
    """Which combinations of two holes' rows have the first no later than the second."""
    first, second = (np.arange(rows.start, rows.stop) for rows in ranges)
    found: Booleans = np.less_equal.outer(first, second).ravel()
    return found
