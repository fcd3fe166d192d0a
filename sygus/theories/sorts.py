"""How values of each sort are held in tensors, and as Z3's.

| sort | value in Python | in a tensor |
|---|---|---|
| Bool | bool | bool |
| Int | int | int64, modulo 2⁶⁴ |
| (_ BitVec n) | the pattern, an int in [0, 2ⁿ) | int64, see :mod:`sygus.theories.bits` |
| Real, and Weight and Map at one pixel | Fraction | float64 |
| String | str | int64, a number of :data:`sygus.theories.interned.STRINGS` |
| RegLan | regex.Language | int64, a number of :data:`sygus.theories.interned.LANGUAGES` |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import z3

from sygus.terms import BOOL, INT, REGLAN, STRING, Sort
from sygus.theories.bitvectors import width_of
from sygus.theories.interned import LANGUAGES, STRINGS, int64
from sygus.theories.libraries import torch
from sygus.theories.strings import escape, unescape


@dataclass(frozen=True, kw_only=True)
class Representation:
    """The faces of the values of one sort.

    Attributes:
        number: the type of the numbers in tensors and arrays, as torch and NumPy name it.
        encode: from a value to the number in a tensor.
        decode: back; of an Int beyond 64 bits and of a Real, what the tensor still holds of it.
        z3_sort: Z3's sort.
        z3_value: from a value to Z3's constant.
        read_z3: back, from a constant of a model.
    """

    number: str
    encode: Callable[[Any], bool | int | float]
    decode: Callable[[Any], Any]
    z3_sort: Callable[[], z3.SortRef]
    z3_value: Callable[[Any], z3.ExprRef]
    read_z3: Callable[[Any], Any]

    @property
    def dtype(self) -> torch.dtype:
        """Of tensors."""
        found: torch.dtype = getattr(torch, self.number)
        return found


def _same(value: Any) -> Any:
    return value


def _unreadable(value: Any) -> Any:
    raise ValueError(f"{value} is no value of a constant")


_BOOL = Representation(
    number="bool", encode=_same, decode=_same, z3_sort=z3.BoolSort, z3_value=z3.BoolVal, read_z3=z3.is_true
)
_INT = Representation(
    number="int64",
    encode=int64,
    decode=_same,
    z3_sort=z3.IntSort,
    z3_value=z3.IntVal,
    read_z3=lambda value: value.as_long(),
)
_REAL = Representation(
    number="float64",
    encode=float,
    decode=Fraction,
    z3_sort=z3.RealSort,
    z3_value=lambda value: z3.RealVal(str(value)),
    read_z3=lambda value: value.as_fraction(),
)
_STRING = Representation(
    number="int64",
    encode=STRINGS.number,
    decode=STRINGS.value,
    z3_sort=z3.StringSort,
    z3_value=lambda value: z3.StringVal(escape(value)),
    read_z3=lambda value: unescape(value.as_string()),
)
_REGLAN = Representation(
    number="int64",
    encode=LANGUAGES.number,
    decode=LANGUAGES.value,
    z3_sort=lambda: z3.ReSort(z3.StringSort()),
    z3_value=_unreadable,
    read_z3=_unreadable,
)


def _bit_vector(width: int) -> Representation:
    return Representation(
        number="int64",
        encode=int64,
        decode=lambda number: number % (1 << width),
        z3_sort=lambda: z3.BitVecSort(width),
        z3_value=lambda value: z3.BitVecVal(value, width),
        read_z3=lambda value: value.as_long(),
    )


@cache
def representation(sort: Sort) -> Representation:
    """How values of a sort are held; every sort that is none of the table's is a real at one pixel."""
    if sort.name == "BitVec":
        return _bit_vector(width_of(sort))
    return {BOOL: _BOOL, INT: _INT, STRING: _STRING, REGLAN: _REGLAN}.get(sort, _REAL)


def z3_constant(name: str, sort: Sort) -> z3.ExprRef:
    """An uninterpreted constant of Z3."""
    return z3.Const(name, representation(sort).z3_sort())
