"""What ordinary terms do: NumPy's arrays on samples, told apart by 64-bit keys or by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.bank import Allowance, Bank
from solvers.behaviour import Behaviour, Combined, Parts
from solvers.cegis.limits import Limits
from solvers.cegis.search.evaluation import Program, Values, number_type
from solvers.cegis.search.samples import Samples
from solvers.levels import Booleans, Ints, dealt
from sygus.language.problem import Grammar, Production
from sygus.language.terms import STRING, Hole, Nonterminal, Sort
from sygus.language.theories.bitvector_kernels import WORD
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.large import large_count
from sygus.language.theories.recursion import is_recursive

BLOCK, SMALL_BLOCK = 1 << 18, 1 << 14
"""Numbers computed at a time; those of functions computed one by one are fewer, so that time is kept."""

LARGE_BYTES = 200
"""What an integer of some hundred bits takes beside the number that holds it."""

EXACT_BYTES = 24
"""Times the memory of a reference that an exact number takes with it, a fraction being an object of two integers."""

Relevance = Callable[[Production, Values], Booleans]
"""Which rows of values, (n, points), that a production gives are worth keeping."""


class OnSamples(Behaviour[Values]):
    """Terms by their values on samples, (n, points).

    Args:
        samples: where terms are told apart.
        block: numbers computed at a time.
        exact: tell values apart by themselves in place of 64-bit keys: slower, and a proof where all is enumerated.
        relevant: which of the new values of a production may be kept.
    """

    def __init__(
        self, samples: Samples, *, block: int = BLOCK, exact: bool = False, relevant: Relevance | None = None
    ) -> None:
        self.samples = samples
        self._points = samples.points
        self._room = max(1, block // self._points)
        self._codes: dict[Any, int] | None = {} if exact or samples.exact else None
        self._relevant = relevant
        self._programs: dict[Production, tuple[Program, tuple[Hole, ...]]] = {}

    def room(self, production: Production) -> int:  # noqa: ARG002 - values of all sorts take the same room
        """So many that the values of a block have the size given."""
        return self._room

    def combine(self, production: Production, parts: Parts[Values]) -> Combined[Values]:
        """Values on the samples; usable are those that are finite."""
        if production not in self._programs:
            holes = tuple(Hole(i, nonterminal) for i, nonterminal in enumerate(production.holes))
            self._programs[production] = Program(production.template, exact=self.samples.exact), holes
        program, holes = self._programs[production]
        environment: dict[Any, Values] = {**self.samples.inputs, **dict(zip(holes, parts.spread(), strict=True))}
        values = self.samples.run(program, environment)
        values = np.broadcast_to(values, (*parts.counts, self._points)).reshape(-1, self._points)
        if self._codes is None:
            return Combined(values, *signatures(values))
        codes, exact = self._codes, values.dtype == object
        usable = np.ones(len(values), bool) if exact else signatures(values)[1]
        rows: Iterable[Any] = map(tuple, values.tolist()) if exact else (row.tobytes() for row in values)
        keys = np.fromiter((codes.setdefault(row, len(codes)) for row in rows), np.int64, len(values))
        return Combined(values, keys, usable)

    def gather(self, sort: Sort, batches: list[Values], rows: Ints) -> Values:
        """One array, of the numbers that hold values of the sort; of several batches each is let go once copied."""
        held = number_type(sort, exact=self.samples.exact)
        if len(batches) == 1:
            (values,) = batches
            return np.ascontiguousarray(values if len(rows) == len(values) else values[rows], held)
        found = np.empty((len(rows), self._points), held)
        for batch, place, own in dealt(batches, rows):
            found[place] = batch[own]
        return found

    def worth_keeping(self, production: Production, values: Values, rows: Ints) -> Ints:
        """Those that are relevant."""
        return rows if self._relevant is None else rows[self._relevant(production, values[rows])]


class Spending(Allowance):
    """The clock, and the memory that values take.

    Args:
        limits: of both.
        exact: whether values are exact numbers.
    """

    def __init__(self, limits: Limits, *, exact: bool = False) -> None:
        self._limits = limits
        self._factor = EXACT_BYTES if exact else 1
        self._bytes = 0
        self._before = large_count()

    def before_block(self) -> None:
        """Ask the clock.

        Raises:
            OutOfTimeError: from the limits.
        """
        self._limits.check()

    def after_block(self, nbytes: int) -> None:
        """Add up."""
        self._bytes += self._factor * nbytes
        beside = LARGE_BYTES * (large_count() - self._before)
        self.full = self._bytes + beside > self._limits.room


def sample_bank(
    grammar: Grammar,
    samples: Samples,
    limits: Limits,
    *,
    exact: bool = False,
    relevant: Relevance | None = None,
    all_of: Nonterminal | None = None,
) -> Bank[Values]:
    """A bank of ordinary terms.

    Args:
        grammar: without ``(Constant σ)``.
        samples: where terms are told apart.
        limits: of time and memory.
        exact: tell values apart by themselves.
        relevant: which of the new values of a production may be kept.
        all_of: a nonterminal, used in no production, of which terms that behave alike are all kept.
    """
    called = (p.template for productions in grammar.productions.values() for p in productions)
    slow = any(n.sort == STRING or width_of(n.sort) > WORD for n in grammar.productions)
    slow = slow or samples.exact or any(map(is_recursive, called))
    behaviour = OnSamples(samples, block=SMALL_BLOCK if slow else BLOCK, exact=exact, relevant=relevant)
    return Bank(grammar, behaviour, all_of=all_of, allowance=Spending(limits, exact=samples.exact))


def signatures(values: Values) -> tuple[Ints, Booleans]:
    """A 64-bit key of each row, and whether its values are all finite; up to 63 Bools are their own key.

    Floats that differ by rounding alone mostly have one key.
    """
    count, points = values.shape
    if values.dtype == np.bool_ and points < 64:
        return (values * _powers(points)).sum(1, dtype=np.int64), np.ones(count, bool)
    usable: Booleans = np.ones(count, bool)
    if values.dtype.kind == "f":
        usable &= np.isfinite(values).all(1)
        values = np.round(values, 10) + 0.0  # of the two zeros one
    words = values.view(np.uint64) if values.dtype.itemsize == 8 else values.astype(np.uint64)
    if values.dtype.kind == "f":
        words = (words + np.uint64(1 << 11)) >> np.uint64(12)  # 40 bits of the mantissa
    offsets, factors = _random_odds(points)
    mixed = (words + offsets) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= factors
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    keys = mixed.sum(1, dtype=np.uint64)
    found: Ints = keys.view(np.int64)
    return found, usable


@lru_cache
def _powers(count: int) -> Ints:
    found: Ints = np.left_shift(np.int64(1), np.arange(count, dtype=np.int64))
    return found


@lru_cache
def _random_odds(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Two rows of fixed odd numbers, by SplitMix64 from 0, for which NumPy's generators need not be imported.

    Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (OOPSLA 2014).
    """
    mixed = np.arange(1, 2 * count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    first, second = (mixed | np.uint64(1)).reshape(2, count)
    return first, second
