"""Terms as SymPy expressions, for algebra on what was found."""

from __future__ import annotations

import sympy

from sygus.language.terms import Literal, Term, expand, fold, subterms
from sygus.language.theories import Function


def symbolic(root: Term) -> sympy.Basic:
    """The expression as it stands: nothing is cancelled or collected, so relu(g) / relu(g) is not 1.

    Features are real symbols; reductions such as ``gap`` and functions across channels are undefined functions. A
    hyphen or a dot in a name becomes an underscore.
    """

    def visit(node: Term, arguments: list[sympy.Basic]) -> sympy.Basic:
        head = node.head
        if isinstance(head, Function):
            applied = head.sympy(*arguments)
            name = applied.func.__name__
            return sympy.Function(_plain(name))(*arguments) if "-" in name else applied
        if isinstance(head, Literal):
            return sympy.sympify(head.value) if isinstance(head.value, bool) else sympy.Rational(str(head.value))
        return sympy.Symbol(_plain(head.name), real=True)

    with sympy.evaluate(False):
        return fold(expand(root), visit)


def symbolic_text(root: Term) -> str:
    """The same as SymPy prints it, with a comment where SymPy does not know a guard."""
    guarded = any(node.head.name == "div0" for node in subterms(expand(root)))
    note = "# a quotient is 0 where its denominator vanishes, which SymPy is not told\n" if guarded else ""
    with sympy.evaluate(False):
        return f"{note}{symbolic(root)}"


def _plain(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")
