"""``forall`` and ``exists`` inside terms: functions of one formula that bind variables of it."""

from __future__ import annotations

from typing import Any

import z3

from sygus.errors import SycamError
from sygus.language.terms import BOOL, Term, Variable, plain_name, subterms
from sygus.language.theories.function import CONNECTIVE, Function, Latex, fixed, opaque
from sygus.language.theories.sorts import z3_constant
from sygus.records import record


class NotEvaluatedError(SycamError):
    """A formula that only Z3 decides was to be evaluated."""


@record(frozen=True, eq=False, kw_only=True)
class Quantifier(Function):
    """A binder.

    Attributes:
        variables: what it binds.
    """

    variables: tuple[Variable, ...]


def is_quantified(root: Term) -> bool:
    """Whether there is a quantifier in a term without macros."""
    return any(isinstance(node.head, Quantifier) for node in subterms(root))


_LATEX = {"forall": r"\forall", "exists": r"\exists"}


def quantifier(name: str, variables: tuple[Variable, ...]) -> Quantifier:
    """The binder of these variables; none of them may occur outside, so every binder has variables of its own.

    Its kernel raises a :class:`NotEvaluatedError`: a formula over all values of a sort is decided by Z3 alone.
    """
    bound = " ".join(f"({_written(variable.name)} {variable.sort})" for variable in variables)
    symbols = ", ".join(plain_name(variable.name) for variable in variables)

    def kernel(*_: Any) -> Any:
        raise NotEvaluatedError(f"'{name}' inside a formula is not evaluated", "only Z3 decides such formulas")

    def encode(_: Any, body: z3.BoolRef) -> z3.BoolRef:
        constants = [z3_constant(variable.name, variable.sort) for variable in variables]
        return z3.ForAll(constants, body) if name == "forall" else z3.Exists(constants, body)

    return Quantifier(
        name=f"{name} ({bound})",
        variables=variables,
        signature=fixed(BOOL, result=BOOL),
        sorts=f"{name} ({bound}) : Bool → Bool",
        doc="Whether a formula holds of all values, or of some.",
        kernel=kernel,
        z3=encode,
        sympy=opaque(name),
        latex=lambda body: Latex(rf"{_LATEX[name]} {symbols}.\, {body.text}", CONNECTIVE),
    )


def _written(name: str) -> str:
    """The name of a bound variable is no plain symbol: it holds a quote."""
    return f"|{name}|"
