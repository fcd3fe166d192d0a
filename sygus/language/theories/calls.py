"""Variables whose values are functions, applied: what a function sort ``(-> σ… σ)`` brings with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import z3

from sygus.language.kept import Kept
from sygus.language.terms import Sort, Term, term
from sygus.language.theories.function import ATOM, Function, Latex, fixed, opaque
from sygus.language.theories.interned import VALUES, lift
from sygus.language.theories.sorts import representation


class Call(Function):
    """Application of a value: its first argument is the function, and its name is empty, as it is written."""


def _call(sort: Sort) -> Call:
    *parameters, result = sort.arguments

    def compute(function: int, *arguments: Any) -> Any:
        return reduce(lambda array, key: VALUES.value(array).select(key), arguments, function)

    def latex(function: Latex, *arguments: Latex) -> Latex:
        return Latex(rf"{function.within(ATOM)}\left({', '.join(one.text for one in arguments)}\right)", ATOM)

    return Call(
        name="",
        signature=fixed(sort, *parameters, result=result),
        sorts=f"{sort} {' '.join(map(str, parameters))} → {result}",
        doc="The value of a function.",
        kernel=lift(compute, (lambda held: held,), lambda held: held, representation(result).number),
        z3=lambda _, function, *arguments: reduce(z3.Select, arguments, function),
        sympy=opaque("call"),
        latex=latex,
    )


call: Kept[Call] = Kept(_call)
"""The application of functions of a sort, whose values are held as arrays of arrays."""


def called(function: Term, arguments: Sequence[Term]) -> Term:
    """The application of a term of a function sort."""
    return term(call(function.sort), (function, *arguments), function.sort.arguments[-1])
