"""SyGuS-IF 2.1 as text: :func:`parse` reads it, :func:`print_script` writes it, ``script`` holds what it says."""

from sygus.language.syntax.parser import parse, parse_answer, parse_term
from sygus.language.syntax.printer import print_command, print_script, print_sort, print_symbol, print_term
from sygus.language.syntax.script import Script

__all__ = [
    "Script",
    "parse",
    "parse_answer",
    "parse_term",
    "print_command",
    "print_script",
    "print_sort",
    "print_symbol",
    "print_term",
]
