"""The theory of integers: SMT-LIB's Ints."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import z3

from sygus.language.terms import BOOL, INT, Sort
from sygus.language.theories.arithmetic import COMPARISON, division, ring
from sygus.language.theories.function import (
    PRODUCT,
    RELATION,
    SUM,
    Family,
    Function,
    Index,
    Latex,
    Theory,
    fixed,
    infix,
    no_shapes,
    opaque,
)
from sygus.language.theories.large import SMALL, compared, on_integers, opened
from sygus.language.theories.libraries import array_library, by_numpy, each, truncated_quotient
from sygus.language.theories.undefined import left_open

Array = Any
"""A tensor or an array of NumPy's."""


def euclidean_quotient(a: Array, b: Array) -> Array:
    """The q with a = b q + r and 0 ≤ r < |b|; 0, or else 5, where b is 0.

    The standard leaves division by zero to the interpretation, and so does the Z3 form; the safety oracle sees to it
    that no such value is looked at.
    """
    library = array_library(a, b)
    nonzero = library.where(b == 0, 1, b)
    quotient = truncated_quotient(a, nonzero)
    below = (a - quotient * nonzero) < 0
    quotient = library.where(below, quotient - library.sign(nonzero), quotient)
    return library.where(b == 0, left_open(0, 5), quotient)


def euclidean_remainder(a: Array, b: Array) -> Array:
    """A minus b times the quotient: in [0, |b|), and a, or else a + 3, where b is 0."""
    remainder = a - b * euclidean_quotient(a, b)
    return array_library(a, b).where(b == 0, a + left_open(0, 3, 1), remainder)


def _divisible(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
    divisor = indices[0] if len(indices) == 1 else None
    if arguments != (INT,) or not isinstance(divisor, int) or divisor < 1:
        return None
    return Function(
        name=f"(_ divisible {divisor})",
        signature=fixed(INT, result=BOOL),
        sorts=_DIVISIBLE,
        doc="Whether the index divides the argument.",
        kernel=_divides(divisor),
        z3=lambda _, a: a % divisor == 0,
        sympy=opaque(f"divisible{divisor}"),
        latex=lambda a: Latex(rf"{divisor} \mid {a.within(SUM)}", RELATION),
    )


def _divides(divisor: int) -> Callable[[Array], Array]:
    """The kernel of ``(_ divisible n)``; small numbers are compared as they are where the divisor is one of them."""
    if divisor < SMALL:
        return compared(lambda a: a % divisor == 0)
    return by_numpy(lambda a: each(lambda value: value % divisor == 0, opened(a), bool))


_DIVISIBLE = "(_ divisible n), n ≥ 1 : Int → Bool"

INTEGERS = Theory.of(
    "Ints",
    (INT,),
    *ring(INT, on_integers),
    division(
        "div",
        INT,
        "Euclidean quotient, from the left: remainders are not negative. Legal only where divisors are proved nonzero.",
        kernel=on_integers(euclidean_quotient),
        z3=operator.truediv,
        sympy=opaque("div"),
        latex=infix(r" \mathbin{\mathrm{div}} ", PRODUCT),
    ),
    Function(
        name="mod",
        signature=fixed(INT, INT, result=INT),
        sorts="Int Int → Int",
        doc="Euclidean remainder, never negative. Legal only where the divisor is proved nonzero.",
        kernel=on_integers(euclidean_remainder),
        z3=lambda _, a, b: a % b,
        sympy=opaque("mod"),
        latex=infix(r" \bmod ", PRODUCT),
        nonzero=(1,),
    ),
    Function(
        name="abs",
        signature=fixed(INT, result=INT),
        sorts="Int → Int",
        doc="The magnitude.",
        kernel=on_integers(abs),
        z3=lambda _, a: z3.If(a >= 0, a, -a),
        sympy=abs,
        latex=lambda a: Latex(rf"\left|{a.text}\right|"),
    ),
    Family(
        name="divisible",
        sorts=_DIVISIBLE,
        doc="Whether the index divides the argument.",
        build=_divisible,
        shapes=no_shapes,
    ),
    includes=(COMPARISON,),
)
