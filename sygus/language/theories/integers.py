"""The theory of integers: SMT-LIB's Ints."""

from __future__ import annotations

import operator
from typing import Any

import z3

from sygus.language.terms import INT
from sygus.language.theories.arithmetic import COMPARISON, division, ring
from sygus.language.theories.function import PRODUCT, Function, Latex, Theory, fixed, infix, opaque
from sygus.language.theories.libraries import array_library, truncated_quotient
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


INTEGERS = Theory.of(
    "Ints",
    (INT,),
    *ring(INT),
    division(
        "div",
        INT,
        "Euclidean quotient, from the left: remainders are not negative. Legal only where divisors are proved nonzero.",
        kernel=euclidean_quotient,
        z3=operator.truediv,
        sympy=opaque("div"),
        latex=infix(r" \mathbin{\mathrm{div}} ", PRODUCT),
    ),
    Function(
        name="mod",
        signature=fixed(INT, INT, result=INT),
        sorts="Int Int → Int",
        doc="Euclidean remainder, never negative. Legal only where the divisor is proved nonzero.",
        kernel=euclidean_remainder,
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
        kernel=abs,
        z3=lambda _, a: z3.If(a >= 0, a, -a),
        sympy=abs,
        latex=lambda a: Latex(rf"\left|{a.text}\right|"),
    ),
    includes=(COMPARISON,),
)
