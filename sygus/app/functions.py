"""Functions that were found for ordinary problems, and how they take and give values of Python."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from numbers import Integral, Rational, Real
from typing import Any

import numpy as np

from sygus.app.kinds import shown
from sygus.errors import OptionError
from sygus.language.problem import Derivation
from sygus.language.terms import BOOL, INT, REAL, STRING, Sort, SynthFunction, Term
from sygus.language.text import definition_text, term_text
from sygus.language.theories import Theory
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.exact import value_of
from sygus.language.theories.regex import LAST_CHARACTER
from sygus.language.theories.values import value_term


@dataclass(frozen=True, eq=False, repr=False)
class SynthesizedFunction:
    """A function that was found. It can be called, and prints as its definition.

    Attributes:
        symbol: its name, parameters and sort, as the file declares them.
        term: its body, over the parameters.
        derivation: how the grammar makes the body.
        theory: of the problem's logic.
    """

    symbol: SynthFunction
    term: Term
    derivation: Derivation
    theory: Theory

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
        """The definition in SyGuS-IF: ``(define-fun …)``."""
        return definition_text(self.symbol, self.term, self.theory.numerals)

    @property
    def derived_by(self) -> str:
        """The productions that make the body, one a line, as ``sycam-sygus verify`` prints them."""
        return "\n".join(derivation_lines(self.derivation, self.theory.numerals))

    def __call__(self, *arguments: Any) -> Any:
        """The value at some arguments, computed exactly by the kernels of the theory.

        Args:
            arguments: an Int as int, a Bool as bool, a Real as int, Fraction, Decimal or float, a String as str, a
                bit-vector as the int from 0 that its bits write; of every other sort a constant term. A float stands
                for its shortest decimal.

        Returns:
            The value likewise; a Real as float where a float was given, else as Fraction.

        Raises:
            OptionError: another number of arguments, or one that is no value of its sort.
            NotEvaluatedError: there is a quantifier in the body.
        """
        parameters = self.symbol.parameters
        if len(arguments) != len(parameters):
            sorts = " ".join(f"{parameter.name}:{parameter.sort}" for parameter in parameters) or "nothing"
            raise OptionError(f"{self.name} is given {len(arguments)} arguments", f"it takes {sorts}")
        values = {
            parameter: self._taken(parameter.name, parameter.sort, argument)
            for parameter, argument in zip(parameters, arguments, strict=True)
        }
        found = value_of(self.term, values)
        if self.symbol.sort == REAL:
            floats = any(isinstance(argument, float | np.floating) for argument in arguments)
            return float(found) if floats else found
        return found if _reader(self.symbol.sort) else value_term(found, self.symbol.sort, self.theory)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"SynthesizedFunction({self.text})"

    def _taken(self, name: str, sort: Sort, argument: object) -> Any:
        """An argument as kernels hold values in Python."""
        reader = _reader(sort)
        if reader is None:
            if isinstance(argument, Term) and argument.sort == sort:
                return value_of(argument, {})
            raise OptionError(f"{self.name}: {name} is {shown(argument)}", f"give a constant term of the sort {sort}")
        value = reader[1](argument)
        if value is None:
            raise OptionError(f"{self.name}: {name} is {shown(argument)}, no {sort}", f"give {reader[0]}")
        return value


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


def _reader(sort: Sort) -> tuple[str, Any] | None:
    """What a sort takes in words, and what reads it, giving None of everything else; None where terms are taken."""
    width = width_of(sort)
    if width:
        return f"an int from 0 to {(1 << width) - 1}", lambda value: _bits(value, width)
    return _READERS.get(sort)


def _truth(value: object) -> bool | None:
    return bool(value) if isinstance(value, bool | np.bool_) else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


def _bits(value: object, width: int) -> int | None:
    number = _whole(value)
    return number if number is not None and 0 <= number < 1 << width else None


def _real(value: object) -> Fraction | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, Decimal):
        return Fraction(value) if value.is_finite() else None
    return Fraction(repr(float(value))) if isinstance(value, Real) and isfinite(value) else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and all(character <= LAST_CHARACTER for character in value) else None


_READERS = {
    BOOL: ("True or False", _truth),
    INT: ("an int", _whole),
    REAL: ("a finite number", _real),
    STRING: ("a str of characters up to U+2FFFF", _string),
}
