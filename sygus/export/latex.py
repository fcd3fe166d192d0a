"""Terms as LaTeX, the way the papers write weights."""

from __future__ import annotations

from fractions import Fraction

from sygus.saliency.features import FEATURES
from sygus.terms import Literal, Term, Variable, expand, fold
from sygus.theories import Function
from sygus.theories.function import Latex


def latex(root: Term) -> str:
    """The formula of a term; macros are expanded, features take the symbols of the papers."""

    def visit(node: Term, arguments: list[Latex]) -> Latex:
        head = node.head
        if isinstance(head, Function):
            return head.latex(*arguments)
        if isinstance(head, Literal):
            return _number(head)
        if isinstance(head, Variable) and head.name in FEATURES:
            return Latex(FEATURES[head.name].latex)
        return Latex(rf"\mathrm{{{head.name}}}")

    return fold(expand(root), visit).text


def _number(literal: Literal) -> Latex:
    value = literal.value
    if isinstance(value, Fraction) and value.denominator != 1:
        return Latex(rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}")
    return Latex(str(value))


def weight_equation(root: Term) -> str:
    """``w_k^c = …``, or ``w_{ij}^{kc} = …`` where the weight is a map."""
    left = "w^{kc}_{ij}" if root.sort.name == "Map" else "w^c_k"
    return f"{left} = {latex(root)}"
