"""From a parsed script to a well-sorted problem."""

from __future__ import annotations

from sygus.elaborate.commands import Elaborator
from sygus.errors import SourceError
from sygus.problem import Problem
from sygus.syntax import script as ast
from sygus.syntax.parser import parse
from sygus.terms import Definition

__all__ = ["load_definitions", "load_problem", "problem_of"]


def load_problem(text: str, file: str) -> Problem:
    """Parse and check a script.

    Raises:
        SourceError: with the position of what is wrong.
    """
    return problem_of(parse(text, file))


def problem_of(script: ast.Script) -> Problem:
    """The well-sorted problem that a script states.

    Raises:
        TypeCheckError: with the position of what is wrong.
    """
    try:
        return Elaborator(script).build()
    except SourceError as error:
        raise error.located(script.file, script.text) from None


def load_definitions(text: str, file: str) -> list[Definition]:
    """The macros of a script that need not ask for anything.

    Raises:
        SourceError: with the position of what is wrong.
    """
    elaborator = Elaborator(parse(text, file))
    try:
        elaborator.go_through()
    except SourceError as error:
        raise error.located(file, text) from None
    return [symbol for symbol in elaborator.symbols.values() if isinstance(symbol, Definition)]
