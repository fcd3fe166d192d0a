"""The objectives of ``optimize-synth``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sygus.language.problem import Objective
from sygus.language.scope import Scope, fail
from sygus.language.syntax import script as ast
from sygus.language.terms import INT, REAL
from sygus.language.typecheck import check_term


def objective(expression: ast.TermExpression, scope: Scope) -> Objective:
    """What one objective of ``optimize-synth`` states.

    Args:
        expression: ``t``, ``(! t :min)`` or ``(! t :max)``.
        scope: of the command.

    Raises:
        TypeCheckError: it is no number, holds a universal variable, or has other attributes.
    """
    direction: Any = "min"
    if isinstance(expression, ast.Annotated):
        for index, attribute in enumerate(expression.attributes):
            if attribute.keyword not in ("min", "max"):
                fail(f"unknown attribute ':{attribute.keyword}'", attribute.position, "write :min or :max")
            if index:
                fail("an objective with two directions", attribute.position, "keep one of :min and :max")
            direction = attribute.keyword
    value = check_term(expression, replace(scope, variables={}))
    if value.sort not in (INT, REAL):
        fail(f"an objective must be a number, this is {value.sort}", expression.position, "name a metric")
    return Objective(value, direction)
