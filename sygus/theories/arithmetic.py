"""Comparison of numbers: what objectives and constraints over scores need."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import sympy
import torch
import z3

from sygus.terms import BOOL, INT, REAL, Sort
from sygus.theories.function import Function, Theory, infix


def _comparable(given: tuple[Sort, ...]) -> Sort | None:
    """Numbers of either sort may be compared: a numeral such as 0 counts as a Real where a Real is asked for."""
    return BOOL if len(given) >= 2 and set(given) <= {INT, REAL} else None


def _comparison(name: str, latex: str, doc: str, compare: Callable[[Any, Any], Any]) -> Function:
    return Function(
        name=name,
        signature=_comparable,
        sorts="Real Real… → Bool",
        doc=doc,
        kernel=lambda *xs: reduce(torch.logical_and, [compare(a, b) for a, b in pairwise(xs)]),
        z3=lambda _, *xs: z3.And(*[compare(a, b) for a, b in pairwise(xs)]),
        sympy=lambda *xs: sympy.And(*[compare(a, b) for a, b in pairwise(xs)]),
        latex=infix(f" {latex} ", 0),
    )


COMPARISON = Theory.of(
    "Comparison",
    (INT, REAL),
    _comparison("<=", r"\le", "At most, in a chain.", operator.le),
    _comparison("<", "<", "Less than, in a chain.", operator.lt),
    _comparison(">=", r"\ge", "At least, in a chain.", operator.ge),
    _comparison(">", ">", "Greater than, in a chain.", operator.gt),
)
