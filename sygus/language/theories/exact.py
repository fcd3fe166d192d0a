"""The value of a term on values of Python, exactly: integers of any size, reals as fractions.

The kernels are those of the search, on arrays of Python's own numbers in place of int64 and float64. What stays of 64
bits is reals inside arrays and datatypes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sygus.deferred import numpy as np
from sygus.language.terms import INT, REAL, Literal, Sort, Term, Variable, expand, fold, subterms
from sygus.language.theories.function import Function
from sygus.language.theories.libraries import each, exact
from sygus.language.theories.quantifiers import Quantifier
from sygus.language.theories.recursion import strictly
from sygus.language.theories.sorts import representation

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        NotEvaluatedError: there is a quantifier in it, or a recursion that does not end soon.
    """
    expanded = expand(root)
    for node in subterms(expanded):
        if isinstance(node.head, Quantifier):
            node.head.kernel()  # raises: what it binds has no value here
    given = {variable: exact_column([value], variable.sort) for variable, value in values.items()}
    with strictly():
        found = np.atleast_1d(exact_values(expanded, given))[0]
    return found if root.sort in _OWN else representation(root.sort).decode(found.item())


def exact_values(root: Term, environment: Mapping[Any, NDArray[Any]]) -> NDArray[Any]:
    """The values of a term without macros at many points.

    Args:
        root: the term.
        environment: of the heads of leaves that are no functions, arrays as :func:`exact_column` makes them, which
            broadcast.

    Returns:
        An array likewise.
    """

    def visit(node: Term, arguments: list[NDArray[Any]]) -> NDArray[Any]:
        head = node.head
        if isinstance(head, Function):
            return own_numbers(head.kernel(*arguments), node.sort)
        return exact_column([head.value], head.sort) if isinstance(head, Literal) else environment[head]

    with np.errstate(all="ignore"):
        return fold(root, visit)


def exact_column(values: Sequence[Any], sort: Sort) -> NDArray[Any]:
    """Values of a sort at points, of shape (points,): numbers as Python's own, of type object."""
    if sort in _OWN:
        found = np.empty(len(values), object)
        found[:] = [_OWN[sort](value) for value in values]
        return found
    held = representation(sort)
    return np.array([held.encode(value) for value in values], held.number)


def own_numbers(values: Any, sort: Sort) -> NDArray[Any]:
    """A kernel's result, with Python's own numbers where the sort has them."""
    found = np.atleast_1d(np.asarray(values))
    if sort not in _OWN:
        return found
    own = _OWN[sort]
    if exact(found):
        return found if all(type(number) is own for number in found.flat) else each(own, found, object)
    decode = representation(sort).decode
    made: NDArray[Any] = each(lambda number: own(decode(number)), found, object)
    return made
