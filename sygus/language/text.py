"""Terms and answers as SyGuS-IF text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sygus.errors import SycamError
from sygus.language.linked import defining
from sygus.language.syntax.printer import print_symbol
from sygus.language.terms import (
    REAL,
    Definition,
    Hole,
    Literal,
    Nonterminal,
    OracleFunction,
    Sort,
    SynthFunction,
    Term,
    Variable,
    readable_name,
    text_pieces,
)
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.recursion import Recursive
from sygus.language.theories.strings import escape

Number = int | float | Fraction


def number_text(value: Number) -> str:
    """A number as the standard writes it: no sign, no exponent, negative ones as ``(- x)``.

    Floats come as the shortest decimal that reads back as the same float; fractions without a finite decimal as
    ``(/ a b)``.
    """
    if value < 0:
        return f"(- {number_text(-value)})"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = number_text(Fraction(repr(value)))
        return text if "." in text else f"{text}.0"
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"(/ {value.numerator} {value.denominator})"
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str((value * 10**places).numerator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def measured(value: float) -> float:
    """A mean of scores as it is printed: six significant digits, which no number of threads changes.

    Sums of single precision differ in the eighth digit with the order in which threads add; records keep every digit.
    """
    return float(f"{value:.6g}")


def literal_text(literal: Literal, numerals: Sort | None = REAL) -> str:
    """A literal as the standard writes it: bit-vectors in hexadecimal where they have whole digits, else in binary.

    Args:
        literal: what to write.
        numerals: the sort of ``2`` in the logic; where it is another than Real, a Real is written ``2.0``.
    """
    value = literal.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + escape(value).replace('"', '""') + '"'
    width = width_of(literal.sort)
    if literal.sort.is_function:
        return str(value)
    if width and isinstance(value, int):
        return f"#b{value:0{width}b}" if width % 4 else f"#x{value:0{width // 4}x}"
    if literal.sort != REAL or numerals == REAL:
        return number_text(value)
    return _NUMERAL.sub(r"\1.0", number_text(value))


_NUMERAL = re.compile(r"(?<![0-9.])([0-9]+)(?![0-9.])")

LARGEST = 10_000_000
"""Nodes of a term that is still written out."""


def term_text(root: Term, numerals: Sort | None = REAL) -> str:
    """The term in one line.

    Args:
        root: the term.
        numerals: the sort of ``2`` in the logic; where it is another than Real, Reals have a point.

    Raises:
        SycamError: it has so many nodes that nobody could read it; the standard has no way to share parts.
    """
    if root.size > LARGEST:
        raise SycamError(f"a term of more than {LARGEST} nodes cannot be written out", "ask for a smaller one")
    return "".join(text_pieces(root, lambda head: _head_text(head, numerals)))


def _head_text(head: Any, numerals: Sort | None) -> str:
    if isinstance(head, Literal):
        return literal_text(head, numerals)
    if not isinstance(head, Variable | Definition | SynthFunction | OracleFunction | Recursive | Nonterminal | Hole):
        return _BOUND.sub(r"\1\2|", head.name) if head.name.startswith(("forall (", "exists (")) else str(head.name)
    return print_symbol(readable_name(head.name))


_BOUND = re.compile(r"(\|.*?)\|('[0-9]+)\|")
"""A private variable in the head of a quantifier."""


def definition_text(function: SynthFunction, body: Term, numerals: Sort | None = REAL) -> str:
    """``(define-fun f ((x σ)…) σ body)``, numerals being of a sort; ``define-fun-rec`` where the body calls f."""
    parameters = " ".join(f"({print_symbol(parameter.name)} {parameter.sort})" for parameter in function.parameters)
    command, name = defining(function, body), print_symbol(function.name)
    return f"({command} {name} ({parameters}) {function.sort} {term_text(body, numerals)})"


def answer_text(function: SynthFunction, body: Term, values: Sequence[Number] | None = None) -> str:
    """The standard's answer: ``((value…) (define-fun …))`` to optimize-synth, ``((define-fun …))`` to check-synth."""
    definition = definition_text(function, body)
    if values is None:
        return f"({definition})"
    return f"(({' '.join(number_text(value) for value in values)}) {definition})"
