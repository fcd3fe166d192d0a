"""The theory of reals: SMT-LIB's Reals, and what its Reals_Ints adds to it and to Ints."""

from __future__ import annotations

import operator
from typing import Any

import z3

from sygus.deferred import sympy
from sygus.language.terms import BOOL, INT, REAL
from sygus.language.theories.arithmetic import COMPARISON, division, ring
from sygus.language.theories.function import PRODUCT, Function, Latex, Theory, fixed, named
from sygus.language.theories.large import to_float, to_integer
from sygus.language.theories.libraries import array_library, exact, same
from sygus.language.theories.undefined import left_open


def _floor(a: Any) -> Any:
    """The largest integer that is at most a number, up to rounding where it is rounded."""
    library = array_library(a)
    if exact(a):
        return library.floor(a)
    nearest = library.round(a)
    return library.where(same(a, nearest), nearest, library.floor(a))


def _quotient(a: Any, b: Any) -> Any:
    """The quotient; 0, or else 5, where b is 0."""
    library = array_library(a, b)
    return library.where(b == 0, left_open(0.0, 5.0), a / library.where(b == 0, 1, b))


def _fraction(a: Latex, b: Latex) -> Latex:
    return Latex(rf"\frac{{{a.text}}}{{{b.text}}}", PRODUCT)


REALS = Theory.of(
    "Reals",
    (REAL,),
    *ring(REAL),
    division(
        "/",
        REAL,
        "Quotient, from the left. Legal only where the divisors are proved nonzero.",
        kernel=_quotient,
        z3=operator.truediv,
        sympy=operator.truediv,
        latex=_fraction,
    ),
    includes=(COMPARISON,),
)

MIXED = Theory.of(
    "Reals_Ints",
    (),
    Function(
        name="to_real",
        signature=fixed(INT, result=REAL),
        sorts="Int → Real",
        doc="The integer as a real.",
        kernel=to_float,
        z3=lambda _, a: z3.ToReal(a),
        sympy=lambda a: a,
        latex=lambda a: a,
    ),
    Function(
        name="to_int",
        signature=fixed(REAL, result=INT),
        sorts="Real → Int",
        doc="The largest integer that is at most the argument.",
        kernel=lambda a: to_integer(_floor(a)),
        z3=lambda _, a: z3.ToInt(a),
        sympy=lambda a: sympy.floor(a),
        latex=lambda a: Latex(rf"\left\lfloor {a.text} \right\rfloor"),
    ),
    Function(
        name="is_int",
        signature=fixed(REAL, result=BOOL),
        sorts="Real → Bool",
        doc="Whether the argument is an integer.",
        kernel=lambda a: same(a, _floor(a)),
        z3=lambda _, a: z3.IsInt(a),
        sympy=lambda a: sympy.Eq(a, sympy.floor(a)),
        latex=named(r"\operatorname{isint}"),
    ),
)
