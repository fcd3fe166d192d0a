"""Values of Python for values of sorts, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from numbers import Integral, Rational, Real
from typing import Any

from sygus.deferred import numpy as np
from sygus.language.problem import is_constant
from sygus.language.terms import BOOL, INT, REAL, STRING, Sort, Term
from sygus.language.theories import Theory
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.exact import value_of
from sygus.language.theories.regex import LAST_CHARACTER
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import ArrayValue, elements, is_array, smallest_value
from sygus.language.theories.values import value_term


class Cells(dict[Any, Any]):
    """An array as a dict of some cells; all others have the same value. Equal ones have equal cells everywhere.

    Args:
        cells: as of a dict.
        default: the value of all others.
    """

    def __init__(self, cells: Any = (), default: Any = 0) -> None:
        super().__init__(cells)
        self.default = default

    def __missing__(self, key: object) -> Any:
        return self.default

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells):
            return super().__eq__(other)
        return bool(self.default == other.default) and self._others() == other._others()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        return f"Cells({super().__repr__()}, default={self.default!r})"

    def _others(self) -> dict[Any, Any]:
        return {key: value for key, value in self.items() if value != self.default}


def wanted(sort: Sort) -> str:
    """What stands for values of a sort in Python, in words."""
    width = width_of(sort)
    if width:
        return f"an int from 0 to {(1 << width) - 1}"
    if _has_cells(sort):
        key, value = map(wanted, sort.arguments)
        listed = f", or a list of the values from {sort.arguments[0]} 0 on" if _counts(sort.arguments[0]) else ""
        return f"a dict from {key} to {value}{listed}"
    return _READERS[sort][0] if sort in _READERS else f"a constant term of the sort {sort}"


def taken(value: object, sort: Sort) -> Any:
    """A value of Python as kernels hold it in Python, None where it is none of the sort."""
    if isinstance(value, Term):
        return value_of(value, {}) if value.sort == sort and is_constant(value) else None
    width = width_of(sort)
    if width:
        return _bits(value, width)
    if _has_cells(sort):
        return _cells(value, sort)
    return _READERS[sort][1](value) if sort in _READERS else None


def given_back(value: Any, sort: Sort, theory: Theory, *, floats: bool) -> Any:
    """What kernels hold in Python as a value of Python, as :func:`taken` takes it.

    Args:
        value: held.
        sort: its sort.
        theory: that writes it where Python has no value for it, and a term is given.
        floats: whether Reals are given as floats; else as Fractions.
    """
    if sort == REAL:
        return float(value) if floats else value
    if sort in _READERS or width_of(sort):
        return value
    if not _has_cells(sort):
        return value_term(value, sort, theory)

    def cell(held: Any, part: Sort) -> Any:
        return given_back(representation(part).decode(held), part, theory, floats=floats)

    key, part = sort.arguments
    return Cells({cell(k, key): cell(v, part) for k, v in value.entries}, cell(value.default, part))


def holds_float(value: object) -> bool:
    """Whether a value is a float or has one inside."""
    if isinstance(value, Mapping):
        return any(map(holds_float, (*value.keys(), *value.values(), getattr(value, "default", None))))
    if isinstance(value, list | tuple):
        return any(map(holds_float, value))
    return isinstance(value, float | np.floating)


def _has_cells(sort: Sort) -> bool:
    """Whether an array is a dict in Python, whose keys must not change."""
    return is_array(sort) and not is_array(sort.arguments[0])


def _counts(sort: Sort) -> bool:
    return sort == INT or width_of(sort) > 0


def _cells(value: object, sort: Sort) -> ArrayValue | None:
    key, part = sort.arguments
    if isinstance(value, list | tuple) and _counts(key):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping):
        return None
    match value:
        case Cells():
            default = _held(value.default, part)
        case defaultdict() if value.default_factory is not None:
            default = _held(value.default_factory(), part)
        case _:
            default = smallest_value(part)
    found = None if default is None else ArrayValue(default)
    for one, cell in value.items():
        k, v = _held(one, key), _held(cell, part)
        if found is None or k is None or v is None:
            return None
        found = found.store(k, v, elements(key))
    return found


def _held(value: object, sort: Sort) -> Any:
    """A value as cells hold it, None where there is none; Reals as the nearest floats."""
    exact = taken(value, sort)
    return None if exact is None else representation(sort).encode(exact)


def _truth(value: object) -> bool | None:
    return bool(value) if isinstance(value, bool | np.bool_) else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


def _bits(value: object, width: int) -> int | None:
    number = _whole(value)
    return number if number is not None and 0 <= number < 1 << width else None


def _real(value: object) -> Fraction | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, Decimal):
        return Fraction(value) if value.is_finite() else None
    return Fraction(repr(float(value))) if isinstance(value, Real) and isfinite(value) else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and all(character <= LAST_CHARACTER for character in value) else None


_READERS = {
    BOOL: ("True or False", _truth),
    INT: ("an int", _whole),
    REAL: ("a finite number", _real),
    STRING: ("a str of characters up to U+2FFFF", _string),
}
"""What a sort takes in words, and what reads it, giving None of everything else."""
