"""How values of each sort are held in tensors, and as Z3's.

| sort | value in Python | in a tensor |
|---|---|---|
| Bool | bool | bool |
| Int | int | int64, modulo 2⁶⁴ |
| (_ BitVec n) | the pattern, an int in [0, 2ⁿ) | int64, see :mod:`sygus.language.theories.bitvector_kernels` |
| Real, and Weight and Map at one pixel | Fraction | float64 |
| String | str | int64, a number of :data:`sygus.language.theories.interned.STRINGS` |
| RegLan | regex.Language | int64, a number of :data:`sygus.language.theories.interned.LANGUAGES` |
| Array | structured.ArrayValue | int64, a number of :data:`sygus.language.theories.interned.VALUES` |
| a datatype | structured.Constructed | int64, a number of :data:`sygus.language.theories.interned.VALUES` |
| a declared sort | int, which of its values | int64 |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import inf, isfinite
from typing import Any

import z3

from sygus.errors import SycamError, TooLargeError
from sygus.language.terms import BOOL, INT, REGLAN, STRING, Sort
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.interned import LANGUAGES, STRINGS, VALUES, int64
from sygus.language.theories.libraries import torch
from sygus.language.theories.strings import escape, unescape
from sygus.language.theories.structured import (
    ArrayValue,
    Constructed,
    Datatype,
    Uninterpreted,
    constructors_of,
    datatypes_within,
    elements,
)


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


def _read_real(value: Any) -> Fraction:
    """A rational number; of an algebraic one an approximation to twenty digits."""
    number = value.approx(20) if z3.is_algebraic_value(value) else value
    found: Fraction = number.as_fraction()
    return found


def _nearest(value: Fraction) -> float:
    """The float of a number; infinite where there is none: Z3 alone knows such numbers."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _exact(value: float) -> Fraction:
    """The number that a float is.

    Raises:
        TooLargeError: it is none.
    """
    if not isfinite(value):
        raise TooLargeError("a number came up that is too large to be computed with", "let the numbers be smaller")
    return Fraction(value)


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
    encode=_nearest,
    decode=_exact,
    z3_sort=z3.RealSort,
    z3_value=lambda value: z3.RealVal(str(value)),
    read_z3=_read_real,
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


def _structured(
    z3_sort: Callable[[], z3.SortRef], z3_value: Callable[[Any], z3.ExprRef], read_z3: Callable[[Any], Any]
) -> Representation:
    return Representation(
        number="int64",
        encode=VALUES.number,
        decode=VALUES.value,
        z3_sort=z3_sort,
        z3_value=z3_value,
        read_z3=read_z3,
    )


def _uninterpreted(sort: Sort) -> Representation:
    """Z3 calls the values of a model ``S!val!0``, …; as constants, nothing says that they differ."""

    def read(value: z3.ExprRef) -> int:
        name, _, number = value.decl().name().replace("|'", "!val!").rpartition("!val!")
        return int(number) if name and number.isdecimal() else _unreadable(value)

    return Representation(
        number="int64",
        encode=_same,
        decode=_same,
        z3_sort=lambda: z3.DeclareSort(str(sort)),
        z3_value=lambda value: z3.Const(f"{sort}|'{value}", z3.DeclareSort(str(sort))),
        read_z3=read,
    )


def z3_of_held(number: Any, sort: Sort) -> z3.ExprRef:
    """Z3's constant of a value as tensors hold it."""
    one = representation(sort)
    return one.z3_value(one.decode(number))


def _array(sort: Sort) -> Representation:
    key, value = sort.arguments

    def z3_value(array: ArrayValue) -> z3.ExprRef:
        found = z3.K(representation(key).z3_sort(), z3_of_held(array.default, value))
        for k, v in array.entries:
            found = z3.Store(found, z3_of_held(k, key), z3_of_held(v, value))
        return found

    def read(form: z3.ExprRef) -> ArrayValue:
        keys, values = representation(key), representation(value)
        stored = []
        while z3.is_store(form):
            stored.append((form.arg(1), form.arg(2)))
            form = form.arg(0)
        if not z3.is_const_array(form):
            raise SycamError(f"Z3 gave an array that cannot be read: {form}", "leave the array out of the constraints")
        found = ArrayValue(values.encode(values.read_z3(form.arg(0))))
        for k, v in reversed(stored):
            found = found.store(keys.encode(keys.read_z3(k)), values.encode(values.read_z3(v)), elements(key))
        return found

    return _structured(
        lambda: z3.ArraySort(representation(key).z3_sort(), representation(value).z3_sort()), z3_value, read
    )


def _datatype(sort: Sort) -> Representation:
    def z3_value(value: Constructed) -> z3.ExprRef:
        made = z3_datatype(sort)
        for index, constructor in enumerate(constructors_of(sort)):
            if constructor.name == value.constructor:
                parts = zip(value.arguments, constructor.selectors, strict=True)
                return made.constructor(index)(*(z3_of_held(part, one) for part, (_, one) in parts))
        raise ValueError(f"{value} is no value of {sort}")

    def read(form: z3.ExprRef) -> Constructed:
        made = z3_datatype(sort)
        for index, constructor in enumerate(constructors_of(sort)):
            if form.decl().eq(made.constructor(index)):
                parts = [representation(one) for _, one in constructor.selectors]
                held = (part.encode(part.read_z3(form.arg(i))) for i, part in enumerate(parts))
                return Constructed(constructor.name, tuple(held))
        raise SycamError(f"Z3 gave a value that cannot be read: {form}", f"a value of {sort} is made by a constructor")

    return _structured(lambda: z3_datatype(sort), z3_value, read)


_Z3_DATATYPES: dict[Sort, z3.DatatypeSortRef] = {}


def z3_datatype(sort: Sort) -> z3.DatatypeSortRef:
    """Z3's sort of a datatype, made with all that its values are made of."""
    if sort not in _Z3_DATATYPES:
        group = [one for one in datatypes_within(sort) if one not in _Z3_DATATYPES]
        builders = {one: z3.Datatype(f"{one}!{getattr(one.declaration, 'serial', '')}") for one in group}
        for one, builder in builders.items():
            for constructor in constructors_of(one):
                parts = [
                    (name, builders[part] if part in builders else representation(part).z3_sort())
                    for name, part in constructor.selectors
                ]
                builder.declare(constructor.name, *parts)
        _Z3_DATATYPES.update(zip(group, z3.CreateDatatypes(*builders.values()), strict=True))
    return _Z3_DATATYPES[sort]


@cache
def representation(sort: Sort) -> Representation:
    """How values of a sort are held; every sort that is none of the table's is a real at one pixel.

    Raises:
        SycamError: the values of function sorts are not held.
    """
    if sort.is_function:
        raise SycamError(f"values of the sort {sort} are not computed", "only oracles take functions")
    if isinstance(sort.declaration, Uninterpreted):
        return _uninterpreted(sort)
    if isinstance(sort.declaration, Datatype):
        return _datatype(sort)
    if sort.name == "Array":
        return _array(sort)
    if sort.name == "BitVec":
        return _bit_vector(width_of(sort))
    return {BOOL: _BOOL, INT: _INT, STRING: _STRING, REGLAN: _REGLAN}.get(sort, _REAL)


def z3_constant(name: str, sort: Sort) -> z3.ExprRef:
    """An uninterpreted constant of Z3."""
    return z3.Const(name, representation(sort).z3_sort())
