"""Functions that were found for ordinary problems, and how they take and give values of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sygus.app.kinds import shown
from sygus.app.values import given_back, holds_float, taken, wanted
from sygus.errors import OptionError, known
from sygus.language.linked import unfolded
from sygus.language.problem import Derivation
from sygus.language.smtlib import declarations, definition_of, recursions
from sygus.language.terms import INT, Sort, SynthFunction, Term, Variable, expand, subterms
from sygus.language.text import definition_text, term_text
from sygus.language.theories import Theory
from sygus.language.theories.exact import value_of
from sygus.records import record


@record(frozen=True, eq=False, repr=False)
class SynthesizedFunction:
    """A function that was found. It can be called, and prints as its definition.

    Attributes:
        symbol: its name, parameters and sort, as the file declares them.
        term: its body, over the parameters.
        derivation: how the grammar makes the body.
        theory: of the problem's logic.
        linked: the body with the functions found beside it that it calls, and itself, written out; None where it calls
            none.
    """

    symbol: SynthFunction
    term: Term
    derivation: Derivation
    theory: Theory
    linked: Term | None = None

    @property
    def meaning(self) -> Term:
        """The body without calls of functions that were found; of one that calls itself a recursive application."""
        return self.linked or self.term

    @property
    def name(self) -> str:
        """Its name in the file."""
        return self.symbol.name

    @property
    def size(self) -> int:
        """The nodes of the body."""
        return self.term.size

    @property
    def text(self) -> str:
        """The definition in SyGuS-IF: ``(define-fun …)``, or ``(define-fun-rec …)`` where it calls itself."""
        return definition_text(self.symbol, self.term, self.theory.numerals)

    @property
    def derived_by(self) -> str:
        """The productions that make the body, one a line, as ``sycam-sygus verify`` prints them."""
        return "\n".join(derivation_lines(self.derivation, self.theory.numerals))

    @property
    def smtlib(self) -> str:
        """The definition in SMT-LIB as it stands alone: macros written out, after what it needs."""
        body = expand(self.meaning)
        recursive = recursions(body)
        parameters = [*self.symbol.parameters, *(p for function in recursive for p in function.parameters)]
        bodies = [body, *(function.body for function in recursive)]
        sorts = [*(p.sort for p in parameters), *(node.sort for one in bodies for node in subterms(one))]
        called = [definition_of(recursive)] if recursive else []
        own = [definition_text(self.symbol, body, INT)] if unfolded(body) is body else []
        return "\n".join([*declarations(sorts), *called, *own])

    @property
    def latex(self) -> str:
        """The equation in LaTeX, macros written out: ``f(x, y) = …``."""
        from sygus.export.formula import equation

        return equation(self.symbol, unfolded(self.meaning))

    @property
    def sympy(self) -> Any:
        """The body as an expression of SymPy, which is imported now, over symbols named like the parameters.

        Nothing is simplified. What SymPy has nothing for, as most of bit-vectors and strings, is an undefined function.
        """
        from sygus.export.symbolic import symbolic

        return symbolic(unfolded(self.meaning))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The value at some arguments, computed exactly by the kernels of the theory.

        Args:
            arguments: an Int as int, a Bool as bool, a Real as int, Fraction, Decimal or float, a String as str, a
                bit-vector as the int from 0 that its bits write, an array as :class:`Cells`, dict or list; of every
                sort, and of those of datatypes alone, a constant term. A float stands for its shortest decimal. The
                cells that a dict or list leaves out are 0, False or empty; a Real in an array is the nearest float.
            named: likewise, by the names of parameters.

        Returns:
            The value likewise, an array as :class:`Cells`; a Real as float where a float was given, else as Fraction.

        Raises:
            OptionError: missing or unknown arguments, or one that is no value of its sort.
            NotEvaluatedError: there is a quantifier in the body.
        """
        given = self._by_parameter(arguments, named)
        values = {}
        for parameter, argument in given.items():
            value = values[parameter] = taken(argument, parameter.sort)
            if value is None:
                message = f"{self.name}: {parameter.name} is {shown(argument)}, no {parameter.sort}"
                raise OptionError(message, f"give {wanted(parameter.sort)}")
        floats = any(map(holds_float, given.values()))
        return given_back(value_of(self.meaning, values), self.symbol.sort, self.theory, floats=floats)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"SynthesizedFunction({self.text})"

    def _by_parameter(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> dict[Variable, Any]:
        """What is given for each parameter."""
        parameters = self.symbol.parameters
        places = {parameter.name: parameter for parameter in parameters}
        stray = next((name for name in named if name not in places), None)
        if stray is not None:
            raise OptionError(f"{self.name} has no parameter '{stray}'", known(places, stray, "it takes"))
        given = dict(zip(parameters, arguments, strict=False))
        twice = next((one.name for one in given if one.name in named), None)
        if twice is not None:
            raise OptionError(f"{self.name} is given '{twice}' by its place and by its name", "give it once")
        given |= {places[name]: named[name] for name in named}
        if len(arguments) + len(named) != len(parameters):
            sorts = " ".join(f"{parameter.name}:{parameter.sort}" for parameter in parameters) or "nothing"
            raise OptionError(f"{self.name} is given {len(arguments) + len(named)} arguments", f"it takes {sorts}")
        return {parameter: given[parameter] for parameter in parameters}


def derivation_lines(derivation: Derivation, numerals: Sort | None) -> list[str]:
    """The productions of a derivation, in words.

    Args:
        derivation: of a body.
        numerals: the sort of numerals in the logic.

    Returns:
        The outermost first, each below and to the right of the one whose hole it fills.
    """
    lines, stack = [], [(derivation, 0)]
    while stack:
        node, depth = stack.pop()
        lines.append(f"{'  ' * depth}{term_text(node.production.template, numerals)}")
        stack.extend((child, depth + 1) for child in reversed(node.children))
    return lines
