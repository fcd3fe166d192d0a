"""How values of each sort are held in tensors, and as Z3's.

| sort | value in Python | in a tensor |
|---|---|---|
| Bool | bool | bool |
| Int | int | int64, see :mod:`sygus.language.theories.large` |
| (_ BitVec n) | the pattern, an int in [0, 2ⁿ) | int64; beyond 64 bits as an Int |
| Real, and Weight and Map at one pixel | Fraction | float64 |
| String | str | int64, a number of :data:`sygus.language.theories.interned.STRINGS` |
| RegLan | regex.Language | int64, a number of :data:`sygus.language.theories.interned.LANGUAGES` |
| Array | structured.ArrayValue | int64, a number of :data:`sygus.language.theories.interned.VALUES` |
| a datatype | structured.Constructed | int64, a number of :data:`sygus.language.theories.interned.VALUES` |
| a declared sort | int, which of its values | int64 |
| functions | as of arrays of arrays, see :func:`sygus.language.theories.structured.curried` | |

An array's or datatype's value in Python holds Reals exactly and of other parts what tensors do; the one that a tensor
refers to holds of Reals what tensors do, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from math import inf, isfinite
from typing import Any

import z3

from sygus.deferred import torch
from sygus.errors import SycamError, TooLargeError
from sygus.language.terms import BOOL, INT, REGLAN, STRING, Sort
from sygus.language.theories import bitvector_kernels as kernels
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.interned import LANGUAGES, STRINGS, VALUES
from sygus.language.theories.large import held, meant
from sygus.language.theories.strings import escape, unescape
from sygus.language.theories.structured import (
    ArrayValue,
    Constructed,
    Datatype,
    Held,
    Uninterpreted,
    constructor_named,
    constructors_of,
    curried,
    datatype_of,
    datatypes_within,
    elements,
    folded,
    is_array,
)
from sygus.records import record


@record(frozen=True, kw_only=True)
class Representation:
    """The faces of the values of one sort.

    Attributes:
        number: the type of the numbers in tensors and arrays, as torch and NumPy name it.
        encode: from a value to the number in a tensor.
        decode: back; of a Real what the tensor still holds of it.
        z3_sort: Z3's sort.
        z3_value: from a value to Z3's constant.
        read_z3: back, from a constant of a model.
        exact: whether values made of others hold these as they are, in place of the numbers in tensors.
    """

    number: str
    encode: Callable[[Any], bool | int | float]
    decode: Callable[[Any], Any]
    z3_sort: Callable[[], z3.SortRef]
    z3_value: Callable[[Any], z3.ExprRef]
    read_z3: Callable[[Any], Any]
    exact: bool = False

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


def _exact(value: float | Fraction) -> Fraction:
    """The number that a float is, or that a structured value holds.

    Raises:
        TooLargeError: it is none.
    """
    if isinstance(value, float) and not isfinite(value):
        raise TooLargeError("a number came up that is too large to be computed with", "let the numbers be smaller")
    return Fraction(value)


_BOOL = Representation(
    number="bool", encode=_same, decode=_same, z3_sort=z3.BoolSort, z3_value=z3.BoolVal, read_z3=z3.is_true
)
_INT = Representation(
    number="int64",
    encode=held,
    decode=meant,
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
    exact=True,
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
        encode=partial(kernels.held, width),
        decode=partial(kernels.meant, width),
        z3_sort=lambda: z3.BitVecSort(width),
        z3_value=lambda value: z3.BitVecVal(value, width),
        read_z3=lambda value: value.as_long(),
    )


def _structured(sort: Sort, z3_sort: Callable[[], z3.SortRef]) -> Representation:
    return Representation(
        number="int64",
        encode=lambda value: VALUES.number(folded((value, sort), _parts, _rounded, {})),
        decode=VALUES.value,
        z3_sort=z3_sort,
        z3_value=lambda value: folded((value, sort), _parts, _z3_form, {}),
        read_z3=lambda form: _read(form, sort),
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


# Values made of values


Sorted = tuple[Any, Sort]
"""A value, or a form of Z3, with its sort."""


def _parts(whole: Sorted) -> list[Sorted]:
    return parts_of(*whole)


def parts_of(value: Any, sort: Sort) -> list[Sorted]:
    """The values that a value is made of: an array's default, then its keys and values in turn."""
    held: list[tuple[Held, Sort]] = []
    if isinstance(value, ArrayValue):
        key, part = sort.arguments
        held = [(value.default, part), *(one for k, v in value.entries for one in ((k, key), (v, part)))]
    elif isinstance(value, Constructed):
        constructor = constructor_named(sort, value.constructor)
        if constructor is None:
            raise ValueError(f"{value} is no value of {sort}")
        held = [(one, part) for one, (_, part) in zip(value.arguments, constructor.selectors, strict=True)]
    return [(_part(one, representation(part)), part) for one, part in held]


def _part(held: Held, its: Representation) -> Any:
    """A part as a value; 0, 0.0 and false are equal, so that a value may come with the parts of one of another sort."""
    if its.number == "bool":
        return its.decode(bool(held))
    return its.decode(int(held) if its.number == "int64" else held)


def _assembled(sort: Sort, constructor: str, parts: Sequence[Sorted], *, exactly: bool) -> Any:
    """A value of its parts in the order of :func:`parts_of`; "" stands for the constructor of arrays."""
    held = [_held(one, part, exactly=exactly) for one, part in parts]
    if constructor:
        return Constructed(constructor, tuple(held))
    found, domain = ArrayValue(held[0]), elements(sort.arguments[0])
    for k, v in zip(held[1::2], held[2::2], strict=True):
        found = found.store(k, v, domain)
    return found


def _held(value: Any, sort: Sort, *, exactly: bool) -> Held:
    """What a value holds of a part; that part is itself held likewise."""
    if isinstance(value, ArrayValue | Constructed):
        return VALUES.number(value)
    held = representation(sort)
    found: Held = value if exactly and held.exact else held.encode(value)
    return found


def _rounded(whole: Sorted, parts: list[Any]) -> Any:
    """The value with what tensors hold of its Reals."""
    value, sort = whole
    if not isinstance(value, ArrayValue | Constructed):
        return value
    sorts = (part for _, part in parts_of(value, sort))
    constructor = value.constructor if isinstance(value, Constructed) else ""
    return _assembled(sort, constructor, list(zip(parts, sorts, strict=True)), exactly=False)


def _z3_form(whole: Sorted, parts: list[z3.ExprRef]) -> z3.ExprRef:
    value, sort = whole
    if isinstance(value, Constructed):
        return z3_datatype(sort).constructor(datatype_of(sort).positions[value.constructor])(*parts)
    if not isinstance(value, ArrayValue):
        return representation(sort).z3_value(value)
    found = z3.K(representation(sort.arguments[0]).z3_sort(), parts[0])
    for k, v in zip(parts[1::2], parts[2::2], strict=True):
        found = z3.Store(found, k, v)
    return found


def _read(form: z3.ExprRef, sort: Sort) -> Any:
    """The value of a constant of Z3 that is made of others, which Z3 tells apart by numbers."""
    forms: dict[int, tuple[z3.ExprRef, Sort]] = {}
    inside: dict[int, list[int]] = {}

    def number(one: z3.ExprRef, its: Sort) -> int:
        found: int = one.get_id()
        forms[found] = one, its
        return found

    def parts(one: int) -> list[int]:
        if one not in inside:
            inside[one] = [number(*part) for part in _forms_inside(*forms[one])]
        return inside[one]

    def made(one: int, values: list[Any]) -> Any:
        this, its = forms[one]
        if not (constructors_of(its) or is_array(its)):
            return representation(its).read_z3(this)
        constructor = "" if is_array(its) else this.decl().name()
        sorts = (forms[part][1] for part in inside[one])
        return _assembled(its, constructor, list(zip(values, sorts, strict=True)), exactly=True)

    return folded(number(form, sort), parts, made, {})


def _forms_inside(form: z3.ExprRef, sort: Sort) -> list[tuple[z3.ExprRef, Sort]]:
    """What a constant of Z3 is made of, in the order of :func:`parts_of`."""
    if is_array(sort):
        key, part = sort.arguments
        default, entries = _table(form)
        return [(default, part), *(one for k, v in entries for one in ((k, key), (v, part)))]
    if not constructors_of(sort):
        return []
    constructor = constructor_named(sort, form.decl().name())
    if constructor is None:
        raise SycamError(f"Z3 gave a value that cannot be read: {form}", f"a value of {sort} is made by a constructor")
    return [(form.arg(place), part) for place, (_, part) in enumerate(constructor.selectors)]


LARGEST_TABLE = 64
"""Keys that are looked at of an array that Z3 gives as a function."""

Entries = list[tuple[z3.ExprRef, z3.ExprRef]]


def _table(form: z3.ExprRef) -> tuple[z3.ExprRef, Entries]:
    """The default of an array of Z3, and what is stored in it, the first first.

    Raises:
        TooLargeError: infinitely many keys have other values than infinitely many others.
    """
    stored: Entries = []
    while z3.is_store(form):
        stored.append((form.arg(1), form.arg(2)))
        form = form.arg(0)
    stored.reverse()
    if z3.is_const_array(form):
        return form.arg(0), stored
    default, entries = _tabulated(form)
    return default, [*entries, *stored]


def _tabulated(function: z3.ExprRef) -> tuple[z3.ExprRef, Entries]:
    """The table of an array that Z3 gives as a function: what most keys have, and those where it is not so."""
    key = z3.Const("|key", function.sort().domain())
    solver = z3.Solver()
    differs, entries = z3.BoolVal(True), Entries()
    while len(entries) <= LARGEST_TABLE and solver.check(differs) == z3.sat:
        other = solver.model().eval(key, model_completion=True)
        entries.append((other, z3.simplify(z3.Select(function, other))))
        values = {value.get_id(): value for _, value in entries}
        default = values[Counter(value.get_id() for _, value in entries).most_common(1)[0][0]]
        table = z3.K(function.sort().domain(), default)
        for one, value in entries:
            table = z3.Store(table, one, value)
        differs = function[key] != table[key]
        if solver.check(differs) == z3.unsat:
            return default, entries
    raise TooLargeError(f"Z3 gave an array that no table holds: {function}", "ask less of the array")


def z3_datatype(sort: Sort) -> z3.DatatypeSortRef:
    """Z3's sort of a datatype, made with all that its values are made of."""
    if sort.arguments not in _in_z3(sort):
        group = [one for one in datatypes_within(sort) if one.arguments not in _in_z3(one)]
        builders = {one: z3.Datatype(f"{one}!{getattr(one.declaration, 'serial', '')}") for one in group}
        for one, builder in builders.items():
            for constructor in constructors_of(one):
                parts = [
                    (name, builders[part] if part in builders else representation(part).z3_sort())
                    for name, part in constructor.selectors
                ]
                builder.declare(constructor.name, *parts)
        for one, made in zip(group, z3.CreateDatatypes(*builders.values()), strict=True):
            _in_z3(one)[one.arguments] = made
    return _in_z3(sort)[sort.arguments]


def _in_z3(sort: Sort) -> dict[tuple[Sort, ...], z3.DatatypeSortRef]:
    declaration = sort.declaration
    assert isinstance(declaration, Datatype)
    return declaration.in_z3


@lru_cache(maxsize=1 << 12)
def representation(sort: Sort) -> Representation:
    """How values of a sort are held; every sort that is none of the table's is a real at one pixel."""
    if sort.is_function:
        return representation(curried(sort))
    if isinstance(sort.declaration, Uninterpreted):
        return _uninterpreted(sort)
    if isinstance(sort.declaration, Datatype):
        return _structured(sort, lambda: z3_datatype(sort))
    if is_array(sort):
        return _structured(sort, lambda: z3.ArraySort(*(representation(part).z3_sort() for part in sort.arguments)))
    if sort.name == "BitVec":
        return _bit_vector(width_of(sort))
    return {BOOL: _BOOL, INT: _INT, STRING: _STRING, REGLAN: _REGLAN}.get(sort, _REAL)


def z3_constant(name: str, sort: Sort) -> z3.ExprRef:
    """An uninterpreted constant of Z3."""
    return z3.Const(name, representation(sort).z3_sort())
