"""The value of a term on values of Python, exactly: integers of any size, reals as fractions.

The kernels are those of the search, on arrays of Python's own numbers in place of int64 and float64. What stays of 64
bits is what they make of other values: the number that a string's digits mean, and numbers inside arrays and datatypes.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sygus.language.terms import INT, REAL, Literal, Sort, Term, Variable, expand, fold, subterms
from sygus.language.theories.function import Function
from sygus.language.theories.quantifiers import Quantifier
from sygus.language.theories.sorts import representation

_OWN = {INT: int, REAL: Fraction}
"""The sorts whose values are Python's own numbers here."""


def value_of(root: Term, values: Mapping[Variable, Any]) -> Any:
    """The value of a term.

    Args:
        root: of an ordinary theory, without functions to synthesise and oracles.
        values: of its variables, as :mod:`sygus.language.theories.sorts` holds values in Python.

    Returns:
        The value, held likewise.

    Raises:
        NotEvaluatedError: there is a quantifier in it.
    """
    given = {variable: _array(value, variable.sort) for variable, value in values.items()}
    expanded = expand(root)
    for node in subterms(expanded):
        if isinstance(node.head, Quantifier):
            node.head.kernel()  # raises: what it binds has no value here

    def visit(node: Term, arguments: list[NDArray[Any]]) -> NDArray[Any]:
        head = node.head
        if isinstance(head, Function):
            return _own(head.kernel(*arguments), node.sort)
        return _array(head.value, head.sort) if isinstance(head, Literal) else given[head]

    with np.errstate(all="ignore"):
        found = fold(expanded, visit)[0]
    return found if root.sort in _OWN else representation(root.sort).decode(found.item())


def _array(value: Any, sort: Sort) -> NDArray[Any]:
    """One value at one point."""
    if sort in _OWN:
        return _own([value], sort)
    held = representation(sort)
    return np.array([held.encode(value)], held.number)


def _own(values: Any, sort: Sort) -> NDArray[Any]:
    """A kernel's result at one point, with Python's own numbers where the sort has them."""
    found = np.atleast_1d(np.asarray(values))
    if sort not in _OWN:
        return found
    return np.array([_OWN[sort](found.tolist()[0])], object)
