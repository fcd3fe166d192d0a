"""Terms as LaTeX, whatever their variables stand for."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from sygus.export.escaping import latex_text
from sygus.language.terms import Head, Literal, SynthFunction, Term, Variable, expand, fold
from sygus.language.text import number_text
from sygus.language.theories import Function
from sygus.language.theories.function import ATOM, SUM, Latex, named

SIMPLE = 10
"""The largest denominator of a number that is shown as a fraction where it has a finite decimal."""


def equation(function: SynthFunction, body: Term) -> str:
    """``f(x, y) = …``, macros written out; letters in italics and longer names upright."""
    parameters = [_letter(parameter) for parameter in function.parameters]
    name = Latex(_letter(function).text.replace(r"\mathrm", r"\operatorname", 1))
    left = named(name.text)(*parameters) if parameters else name
    right = fold(expand(body), lambda node, arguments: rendered(node, arguments, _letter))
    return f"{left.text} = {right.text}"


def rendered(node: Term, arguments: list[Latex], symbol: Callable[[Head], Latex]) -> Latex:
    """A node with its arguments' formulas; ``symbol`` gives that of what is neither a function nor a constant."""
    if isinstance(node.head, Function):
        return node.head.latex(*arguments)
    return _literal(node.head) if isinstance(node.head, Literal) else symbol(node.head)


def upright(head: Head) -> Latex:
    """A name that is no word of the papers."""
    name = str(head.name)
    return Latex(rf"\mathrm{{{name}}}" if name.isascii() and name.isalnum() else rf"\text{{{latex_text(name)}}}")


def _letter(head: Variable | SynthFunction | Head) -> Latex:
    name = str(head.name)
    return Latex(name) if len(name) == 1 and name.isascii() and name.isalpha() else upright(head)


def _literal(one: Literal) -> Latex:
    """A constant."""
    value = one.value
    if isinstance(value, str | bool):
        return Latex(rf"\text{{{latex_text(repr(value) if isinstance(value, str) else str(value).lower())}}}")
    binding = SUM if value < 0 else ATOM
    if isinstance(value, Fraction) and value.denominator != 1:
        sign, decimal = "-" if value < 0 else "", number_text(abs(value))
        if value.denominator > SIMPLE and "(" not in decimal:
            return Latex(f"{sign}{decimal}", binding)
        return Latex(rf"{sign}\tfrac{{{abs(value.numerator)}}}{{{value.denominator}}}", binding)
    return Latex(str(value), binding)
