"""Terms as SymPy expressions, for algebra on what was found."""

from __future__ import annotations

from fractions import Fraction

import sympy

from sygus.language.terms import BOOL, INT, STRING, Literal, Sort, Term, expand, fold, subterms
from sygus.language.theories import Function


def symbolic(root: Term) -> sympy.Basic:
    """The expression as it stands: nothing is cancelled or collected, so relu(g) / relu(g) is not 1.

    Features and Reals are real symbols, Ints whole ones, Bools plain ones; texts stand for themselves. What SymPy has
    nothing for, such as ``gap``, functions across channels and those of bit-vectors, is an undefined function. A hyphen
    or a dot in a name becomes an underscore.
    """

    def visit(node: Term, arguments: list[sympy.Basic]) -> sympy.Basic:
        head = node.head
        if isinstance(head, Function):
            applied = head.sympy(*arguments)
            name = applied.func.__name__
            return sympy.Function(_plain(name))(*arguments) if "-" in name else applied
        if isinstance(head, Literal):
            return _constant(head.value)
        return sympy.Symbol(_plain(head.name), **_ASSUMED.get(node.sort, {"real": True}))

    with sympy.evaluate(False):
        return fold(expand(root), visit)


_ASSUMED: dict[Sort, dict[str, bool]] = {BOOL: {}, INT: {"integer": True}, STRING: {}}
"""What is told of symbols; of those of every other sort that they are real."""


def _constant(value: bool | int | Fraction | str) -> sympy.Basic:
    if isinstance(value, str):
        return sympy.Symbol(f'"{value}"')
    return sympy.sympify(value) if isinstance(value, bool) else sympy.Rational(str(value))


def symbolic_text(root: Term) -> str:
    """The same as SymPy prints it, with a comment where SymPy does not know a guard."""
    guarded = any(node.head.name == "div0" for node in subterms(expand(root)))
    note = "# a quotient is 0 where its denominator vanishes, which SymPy is not told\n" if guarded else ""
    with sympy.evaluate(False):
        return f"{note}{symbolic(root)}"


def _plain(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")
