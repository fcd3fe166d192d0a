"""The ranks of the theory CAM: which axes a value has, and how they join.

========  =================  ====================
sort      a value per        shape
========  =================  ====================
Real      picture            (…, 1, 1, 1)
Weight    channel            (…, K, 1, 1)
Heatmap   pixel              (…, 1, h, w)
Map       channel and pixel  (…, K, h, w)
========  =================  ====================

What lacks an axis broadcasts along it, so ranks join like sets of axes: a Weight and a Heatmap make a Map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import z3

from sygus.language.terms import REAL, Sort
from sygus.language.theories.function import Facts, Signature

WEIGHT, HEATMAP, MAP = Sort("Weight"), Sort("Heatmap"), Sort("Map")

AXES: Mapping[Sort, tuple[bool, bool]] = {
    REAL: (False, False),
    WEIGHT: (True, False),
    HEATMAP: (False, True),
    MAP: (True, True),
}
"""By sort, whether a value has an axis of channels, and one of pixels."""

RANKS = tuple(AXES)
"""The sorts of a term that is explained with, or that a part of one may have."""


def joined(*sorts: Sort) -> Sort | None:
    """The smallest rank that holds all of these; None where one is no rank."""
    if not all(sort in AXES for sort in sorts):
        return None
    axes = tuple(any(AXES[sort][axis] for sort in sorts) for axis in (0, 1))
    return next(sort for sort, found in AXES.items() if found == axes)


def pointwise(arity: int) -> Signature:
    """So many arguments of any ranks; the result has the axes of all."""
    return lambda given: joined(*given) if len(given) == arity else None


def mapped(results: Mapping[Sort, Sort]) -> Signature:
    """One argument of one of these sorts; the result belonging to it."""
    return lambda given: results.get(given[0]) if len(given) == 1 else None


def bounded(name: str, *bounds: Callable[[Any], Any]) -> Callable[..., z3.ArithRef]:
    """A fresh value of which only bounds are known, whatever the arguments."""

    def encode(facts: Facts, *_: z3.ArithRef) -> z3.ArithRef:
        value = facts.fresh(name)
        for bound in bounds:
            facts.assume(bound(value))
        return value

    return encode


def between(name: str) -> Callable[..., z3.ArithRef]:
    """A mean, a maximum or a sum has the sign that all values have; further arguments say nothing."""

    def encode(facts: Facts, a: z3.ArithRef, *_: z3.ArithRef) -> z3.ArithRef:
        value = facts.fresh(name)
        for claim, fact in ((a > 0, value > 0), (a >= 0, value >= 0), (a < 0, value < 0), (a <= 0, value <= 0)):
            if facts.proves(claim):
                facts.assume(fact)
        return value

    return encode
