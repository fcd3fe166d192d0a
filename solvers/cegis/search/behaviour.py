"""What ordinary terms do: NumPy's arrays on samples, told apart by 64-bit keys or by themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.bank import Allowance, Bank
from solvers.behaviour import Behaviour, Combined, Parts
from solvers.cegis.limits import Limits
from solvers.cegis.search.evaluation import Program, Values
from solvers.cegis.search.samples import Samples
from solvers.levels import Booleans, Ints
from sygus.language.problem import Grammar, Production
from sygus.language.terms import STRING, Hole, Nonterminal, Sort
from sygus.language.theories.sorts import representation

BLOCK, SMALL_BLOCK = 1 << 18, 1 << 14
"""Numbers computed at a time; those of functions computed one by one are fewer, so that time is kept."""

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
        self._codes: dict[bytes, int] | None = {} if exact else None
        self._relevant = relevant
        self._programs: dict[Production, tuple[Program, tuple[Hole, ...]]] = {}

    def room(self, production: Production) -> int:  # noqa: ARG002 - values of all sorts take the same room
        """So many that the values of a block have the size given."""
        return self._room

    def combine(self, production: Production, parts: Parts[Values]) -> Combined[Values]:
        """Values on the samples; usable are those that are finite."""
        if production not in self._programs:
            holes = tuple(Hole(i, nonterminal) for i, nonterminal in enumerate(production.holes))
            self._programs[production] = Program(production.template), holes
        program, holes = self._programs[production]
        environment: dict[Any, Values] = {**self.samples.inputs, **dict(zip(holes, parts.spread(), strict=True))}
        values = self.samples.run(program, environment)
        values = np.broadcast_to(values, (*parts.counts, self._points)).reshape(-1, self._points)
        keys, usable = signatures(values)
        if self._codes is not None:
            codes = self._codes
            keys = np.array([codes.setdefault(row.tobytes(), len(codes)) for row in values], np.int64)
        return Combined(values, keys, usable)

    def gather(self, sort: Sort, batches: list[Values], rows: Ints) -> Values:
        """One array, of the numbers that hold values of the sort."""
        held = representation(sort).number
        if len(batches) == 1:
            (values,) = batches
        else:
            values = np.concatenate([np.empty((0, self._points), held), *batches])
        return np.ascontiguousarray(values if len(rows) == len(values) else values[rows], held)

    def worth_keeping(self, production: Production, values: Values, rows: Ints) -> Ints:
        """Those that are relevant."""
        return rows if self._relevant is None else rows[self._relevant(production, values[rows])]


class Spending(Allowance):
    """The clock, and the memory that values take.

    Args:
        limits: of both.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = 0

    def before_block(self) -> None:
        """Ask the clock.

        Raises:
            OutOfTimeError: from the limits.
        """
        self._limits.check()

    def after_block(self, nbytes: int) -> None:
        """Add up."""
        self._bytes += nbytes
        self.full = self._bytes > self._limits.memory


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
    slow = any(nonterminal.sort == STRING for nonterminal in grammar.productions)
    behaviour = OnSamples(samples, block=SMALL_BLOCK if slow else BLOCK, exact=exact, relevant=relevant)
    return Bank(grammar, behaviour, all_of=all_of, allowance=Spending(limits))


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
    """Two rows of fixed odd numbers."""
    generator = np.random.default_rng(count)
    first, second = (generator.integers(1 << 62, size=count, dtype=np.uint64) * 2 + 1 for _ in range(2))
    return first, second
