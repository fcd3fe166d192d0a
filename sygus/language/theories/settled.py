"""The values of terms without variables, by following recursion to its end, be it proved to end elsewhere or not.

Z3 unfolds recursion that is not proved to end only so often, and what it simplifies is no number then. Where the calls
that a value takes do end, the definition says what it is. That is computed in exact numbers, and taken back where it
depends on anything that the standard leaves open. As a proof Z3 is asked to repeat it: with the values found for all
calls in place of these, each body must be the value found for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import z3

from sygus.errors import TooLargeError
from sygus.language.terms import INT, REAL, Sort, Term, Variable, subterms
from sygus.language.theories.machine import EndlessError, Machine, OutOfStepsError, Row
from sygus.language.theories.quantifiers import NotEvaluatedError
from sygus.language.theories.recursion import Recursive, reached, recursive
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import holds_reals
from sygus.language.theories.termination import encoded

STEPS = 1 << 19
"""Of the machine, for one term."""

MOST_ROWS = 1 << 12
"""Calls whose values Z3 repeats."""

Found = Mapping[Recursive, Mapping[Row, Any]]
"""Values of functions, in exact numbers."""


@lru_cache(1 << 8)
def settled_value(root: Term) -> Any | None:
    """The value of a term, as :mod:`sygus.language.theories.sorts` holds it in Python; None where none is found.

    Args:
        root: without macros and functions to synthesise.
    """
    found = _followed(root)
    return None if found is None else _decoded(found[0], root.sort)


@lru_cache(1 << 8)
def proves(root: Term) -> bool | None:
    """Whether a formula holds, or fails, by values that are found; that it holds Z3 repeats. None where it is open.

    Args:
        root: likewise, of sort Bool.
    """
    found = _followed(root)
    if found is None:
        return None
    value, rows = found
    return (_repeated(rows) or None) if value else False


def _followed(root: Term) -> tuple[Any, Found] | None:
    """The value of a term as arrays hold it, with those of all calls that it takes and of itself."""
    whole = recursive("value", (), root.sort)
    whole.define(root)
    heads = [node for one in reached([whole]) for node in subterms(one.body)]
    if any(holds_reals(node.sort) for node in heads):
        return None
    parameters = {parameter for one in reached([whole]) for parameter in one.parameters}
    if any(isinstance(node.head, Variable) and node.head not in parameters for node in heads):
        return None
    rows: dict[Recursive, dict[Row, Any]] = {}
    machine = Machine(lambda one, exact: one.code(exact=exact), lambda one: rows.setdefault(one, {}), settled=True)
    machine.steps = STEPS
    try:
        machine.find(whole, (True,))
    except (EndlessError, OutOfStepsError, NotEvaluatedError, TooLargeError):
        return None
    return rows[whole][True,], rows


def _decoded(value: Any, sort: Sort) -> Any:
    return value if sort in (INT, REAL) else representation(sort).decode(value)


def _repeated(rows: Found) -> bool:
    """Whether Z3 finds the value of every call from the definition and the values of the calls in it."""
    if sum(map(len, rows.values())) > MOST_ROWS:
        return False
    table = {
        one: {tuple(form.sexpr() for form in _forms(one, row)): _form(value, one.sort) for row, value in found.items()}
        for one, found in rows.items()
    }
    calls = {one: partial(_looked_up, one, table.get(one, {})) for one in rows}
    return all(_is_repeated(one, row, value, calls) for one, found in rows.items() for row, value in found.items())


def _is_repeated(one: Recursive, row: Row, value: Any, calls: Mapping[Recursive, Callable[..., z3.ExprRef]]) -> bool:
    places = dict(zip(one.parameters, _forms(one, row), strict=True))
    body = encoded(one.body, places, {**_unknown(one), **calls})[one.body]
    return bool(z3.is_true(z3.simplify(body == _form(value, one.sort))))


def _unknown(one: Recursive) -> dict[Recursive, Callable[..., z3.ExprRef]]:
    """Functions that a body calls only where it does not matter."""
    return {callee: partial(_looked_up, callee, {}) for callee in one.called()}


def _looked_up(one: Recursive, table: Mapping[tuple[str, ...], z3.ExprRef], *arguments: z3.ExprRef) -> z3.ExprRef:
    """The value of a call that was found; of another one nothing is known."""
    simple = [z3.simplify(argument) for argument in arguments]
    known = table.get(tuple(form.sexpr() for form in simple))
    if known is not None:
        return known
    sorts = [form.sort() for form in simple]
    return z3.Function(f"{one.name}|unknown|{one.serial}", *sorts, representation(one.sort).z3_sort())(*simple)


def _forms(one: Recursive, row: Row) -> list[z3.ExprRef]:
    return [_form(value, parameter.sort) for value, parameter in zip(row[1:], one.parameters, strict=True)]


def _form(value: Any, sort: Sort) -> z3.ExprRef:
    return z3.simplify(representation(sort).z3_value(_decoded(value, sort)))
