"""Values that are no numbers, as numbers: strings and regular languages in tensors.

A tensor holds the position of each value in a table that only grows. Functions of such values are Python functions
of single values, lifted to tensors by computing each distinct combination of arguments once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sygus.deferred import numpy as np
from sygus.language.terms import BOOL, INT, REGLAN, STRING, Sort
from sygus.language.theories import regex
from sygus.language.theories.function import Function, Latex, fixed, named, opaque, variadic
from sygus.language.theories.large import held, meant
from sygus.language.theories.libraries import by_numpy
from sygus.language.theories.tables import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

Coder = Callable[[Any], Any]


STRINGS: Table[str] = Table()
"""The strings that tensors of sort String refer to."""

LANGUAGES: Table[regex.Language] = Table()
"""The regular languages that tensors of sort RegLan refer to."""

VALUES: Table[Any] = Table()
"""The values of arrays and datatypes that tensors of such sorts refer to; see the module ``structured``."""


FEW = 64
"""So many rows are computed one by one, equal or not."""


def lift(function: Callable[..., Any], decode: Sequence[Coder], encode: Coder, dtype: str) -> Any:
    """The kernel of a Python function.

    Args:
        function: of single values.
        decode: for each argument, from the number in a tensor to the value; the last one serves further arguments.
        encode: from the result to the number in a tensor.
        dtype: of the result, as torch and NumPy name it.
    """

    @by_numpy
    def kernel(*arguments: NDArray[Any]) -> NDArray[Any]:
        broadcast = np.broadcast_arrays(*arguments)
        columns = [array.reshape(-1) for array in broadcast]
        rows, inverse = _distinct(columns)
        coders = [*decode, *[decode[-1]] * (len(columns) - len(decode))]
        values = [map(coder, _numbers(column[rows])) for coder, column in zip(coders, columns, strict=True)]
        results = [encode(function(*combination)) for combination in zip(*values, strict=True)]
        return np.array(results, dtype)[inverse].reshape(broadcast[0].shape)

    return kernel


def _numbers(column: NDArray[Any]) -> list[Any]:
    """What tensors hold of a column's values; Python's own integers are no such numbers yet."""
    values = column.tolist()
    return [held(value) if type(value) is int else value for value in values] if column.dtype == object else values


def _distinct(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One row of each distinct combination, and for each row the position of its combination among those.

    Of a few rows all, since sorting them would cost more than it saves.
    """
    if len(columns[0]) <= FEW:
        everything = np.arange(len(columns[0]))
        return everything, everything
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        _, digits = np.unique(column, return_inverse=True)
        combined = codes * (int(digits.max(initial=0)) + 1) + digits
        _, rows, codes = np.unique(combined, return_index=True, return_inverse=True)
    return rows, codes


def _same(value: Any) -> Any:
    return value


_DECODE: dict[Sort, Callable[[Any], Any]] = {STRING: STRINGS.value, REGLAN: LANGUAGES.value, INT: meant}
_ENCODE: dict[Sort, Callable[[Any], Any]] = {STRING: STRINGS.number, REGLAN: LANGUAGES.number, INT: held, BOOL: _same}


def python_function(
    name: str,
    sorts: tuple[Sort, ...],
    *,
    result: Sort,
    doc: str,
    compute: Callable[..., Any],
    z3: Callable[..., Any],
    latex: Callable[..., Latex] | None = None,
    any_more: bool = False,
    commutative: bool = False,
    associative: bool = False,
) -> Function:
    """An entry that computes on Python values; further arguments have the last one's sort."""
    words = " ".join(map(str, sorts))
    plain = name.removeprefix("str.").replace("_", r"\_")
    dtype = "bool" if result == BOOL else "int64"
    decode = [_DECODE[sort] for sort in sorts]
    return Function(
        name=name,
        signature=variadic(sorts[:1], result) if any_more else fixed(*sorts, result=result),
        sorts=f"{words}{'…' if any_more else ''} → {result}" if sorts else str(result),
        doc=doc,
        kernel=lift(compute, decode, _ENCODE[result], dtype),
        z3=lambda _, *xs: z3(*xs),
        sympy=opaque(name),
        latex=latex or named(rf"\operatorname{{{plain}}}"),
        commutative=commutative,
        associative=associative,
    )
