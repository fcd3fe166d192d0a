"""What integers and reals share: comparison, and the operations of a ring.

Integers are exact, see :mod:`sygus.language.theories.large`. Reals are float64, compared up to rounding.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import z3

from sygus.deferred import sympy
from sygus.language.terms import BOOL, INT, REAL, Sort
from sygus.language.theories.function import (
    PRODUCT,
    RELATION,
    SUM,
    Family,
    Function,
    Index,
    Latex,
    Theory,
    added,
    all_shapes,
    apart,
    fixed,
    infix,
    repeated,
    variadic,
)
from sygus.language.theories.large import compared
from sygus.language.theories.libraries import rounded, same


def _comparable(given: tuple[Sort, ...]) -> Sort | None:
    """Numbers of either sort may be compared: a numeral such as 0 counts as a Real where a Real is asked for."""
    return BOOL if len(given) >= 2 and set(given) <= {INT, REAL} else None


def _comparison(name: str, latex: str, doc: str, compare: Callable[[Any, Any], Any]) -> Function:
    return Function(
        name=name,
        signature=_comparable,
        shapes=lambda _: all_shapes((INT, REAL)),
        sorts="Number Number… → Bool",
        doc=doc,
        kernel=compared(lambda *xs: reduce(operator.and_, [_compared(compare, a, b) for a, b in pairwise(xs)])),
        z3=lambda _, *xs: z3.And(*[compare(a, b) for a, b in pairwise(xs)]),
        sympy=lambda *xs: sympy.And(*[compare(a, b) for a, b in pairwise(xs)]),
        latex=apart(f" {latex} ", RELATION),
        source=lambda *xs: " & ".join(f"({a} {name} {b})" for a, b in pairwise(xs)),
    )


def _compared(compare: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """A comparison of which numbers that are equal up to rounding are equal."""
    if not rounded(a, b):
        return compare(a, b)
    equal = same(a, b)
    return compare(a, b) | equal if compare(0, 0) else compare(a, b) & ~equal


COMPARISON = Theory.of(
    "Comparison",
    (),
    _comparison("<=", r"\le", "At most, in a chain.", operator.le),
    _comparison("<", "<", "Less than, in a chain.", operator.lt),
    _comparison(">=", r"\ge", "At least, in a chain.", operator.ge),
    _comparison(">", ">", "Greater than, in a chain.", operator.gt),
)


def _difference(first: Latex, *others: Latex) -> Latex:
    return Latex(" - ".join([first.within(SUM), *(other.within(PRODUCT) for other in others)]), SUM)


def ring(sort: Sort, kernel: Callable[..., Any] = lambda compute, **_: compute) -> tuple[Function, ...]:
    """Sum, difference, product and negation of numbers of one sort, as in SMT-LIB's Ints and Reals.

    Args:
        sort: of the numbers.
        kernel: makes kernels of what computes them, as :func:`sygus.language.theories.large.on_integers` does.
    """

    def operation(name: str, doc: str, *, compute: Any, latex: Any, commutative: bool) -> Function:
        return Function(
            name=name,
            signature=variadic((sort,)),
            sorts=f"{sort} {sort}… → {sort}",
            doc=doc,
            kernel=kernel(lambda *xs: reduce(compute, xs), product=compute is operator.mul),
            z3=lambda _, *xs: reduce(compute, xs),
            sympy=lambda *xs: reduce(compute, xs),
            latex=latex,
            commutative=commutative,
            associative=commutative,
        )

    return (
        operation("+", "Sum.", compute=operator.add, latex=added, commutative=True),
        operation("*", "Product.", compute=operator.mul, latex=infix(r" \, ", PRODUCT), commutative=True),
        operation("-", "Difference, from the left.", compute=operator.sub, latex=_difference, commutative=False),
        Function(
            name="-",
            signature=fixed(sort, result=sort),
            sorts=f"{sort} → {sort}",
            doc="Negation.",
            kernel=kernel(operator.neg),
            z3=lambda _, a: -a,
            sympy=lambda a: -a,
            latex=lambda a: Latex(f"-{a.within(PRODUCT)}", SUM),
        ),
    )


def division(name: str, sort: Sort, doc: str, *, kernel: Any, z3: Any, sympy: Any, latex: Any) -> Family:
    """Division of two numbers or, from the left, of more; every divisor must be proved nonzero."""

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        if indices or len(arguments) < 2 or set(arguments) != {sort}:
            return None
        return Function(
            name=name,
            signature=fixed(*arguments, result=sort),
            sorts=f"{sort} {sort}… → {sort}",
            doc=doc,
            kernel=lambda *xs: reduce(kernel, xs),
            z3=lambda _, *xs: reduce(z3, xs),
            sympy=lambda *xs: reduce(sympy, xs),
            latex=lambda *xs: reduce(latex, xs),
            nonzero=tuple(range(1, len(arguments))),
        )

    written = f"{sort} {sort}… → {sort}"
    return Family(name=name, sorts=written, doc=doc, build=build, shapes=lambda _: repeated((sort,)))
