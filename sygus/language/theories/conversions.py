"""Between integers and bit-vectors: what SMT-LIB 2.7 adds to its bit-vectors, and the names that were usual before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import z3

from sygus.deferred import numpy as np
from sygus.language.terms import INT, Sort, bit_vector
from sygus.language.theories import bitvector_kernels as kernels
from sygus.language.theories import large
from sygus.language.theories.bitvectors import WIDEST, width_of
from sygus.language.theories.function import Family, Function, Index, Theory, fixed, named, no_shapes, opaque
from sygus.language.theories.libraries import by_numpy, each, exact

if TYPE_CHECKING:
    pass


def _to_integer(name: str, doc: str, *, signed: bool) -> Family:
    """The number that a bit-vector of any width means."""
    sorts = "(_ BitVec n) → Int"

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        width = width_of(arguments[0]) if len(arguments) == 1 else 0
        if indices or not width:
            return None
        return Function(
            name=name,
            signature=fixed(*arguments, result=INT),
            sorts=sorts,
            doc=doc,
            kernel=_number(width, signed=signed),
            z3=lambda _, a: z3.BV2Int(a, is_signed=signed),
            sympy=opaque(name),
            latex=named(rf"\operatorname{{{'s' if signed else 'u'}int}}"),
        )

    def shapes(sorts: Collection[Sort]) -> Iterable[tuple[Sort, ...]]:
        return ((sort,) for sort in sorts if width_of(sort))

    return Family(name=name, sorts=sorts, doc=doc, build=build, shapes=shapes)


def _number(width: int, *, signed: bool) -> Callable[[Any], Any]:
    """The kernel from patterns of a width to integers."""
    if 1 << width <= large.SMALL:
        return lambda a: kernels.signed(width, a) if signed else a

    def value(number: int) -> int:
        pattern = kernels.meant(width, number)
        return pattern - (pattern >> (width - 1) << width) if signed else pattern

    return by_numpy(lambda a: each(lambda number: large.held(value(number)), a, np.int64))


def _pattern(width: int) -> Callable[[Any], Any]:
    """The kernel from integers, which may be Python's own, to patterns of a width."""
    slowly = by_numpy(lambda a: each(lambda one: kernels.held(width, one % (1 << width)), large.opened(a), np.int64))

    def kernel(a: Any) -> Any:
        is_quick = width <= kernels.WORD and not large.large_count() and not exact(a)
        return kernels.wrap(width, a) if is_quick else slowly(a)

    return kernel


def _from_integer(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
    width = indices[0] if len(indices) == 1 else None
    if arguments != (INT,) or not isinstance(width, int) or not 1 <= width <= WIDEST:
        return None
    full = f"(_ int_to_bv {width})"
    return Function(
        name=full,
        signature=fixed(INT, result=bit_vector(width)),
        sorts=_FROM_INTEGER[0],
        doc=_FROM_INTEGER[1],
        kernel=_pattern(width),
        z3=lambda _, a: z3.Int2BV(a, width),
        sympy=opaque(full),
        latex=named(rf"\operatorname{{bits}}_{{{width}}}"),
    )


_FROM_INTEGER = (
    f"(_ int_to_bv n), n from 1 to {WIDEST} : Int → (_ BitVec n)",
    "The n bits of a number modulo 2ⁿ.",
)

CONVERSIONS = Theory.of(
    "FixedSizeBitVectors_Ints",
    (),
    _to_integer("ubv_to_int", "The number that the bits mean without a sign.", signed=False),
    _to_integer("sbv_to_int", "The number that the bits mean in two's complement.", signed=True),
    Family(
        name="int_to_bv",
        sorts=_FROM_INTEGER[0],
        doc=_FROM_INTEGER[1],
        build=_from_integer,
        shapes=no_shapes,
    ),
    aliases={"bv2nat": "ubv_to_int", "bv2int": "ubv_to_int", "int2bv": "int_to_bv", "nat2bv": "int_to_bv"},
)
