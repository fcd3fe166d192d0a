"""What people read, with what a terminal would act on shown instead: texts and names come from other people's files."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import click

_KEPT = frozenset("\n\t")
_ACTS = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
"""Categories of Unicode that move the cursor, turn the direction of writing, hide, or break lines unseen."""


def printable(text: str) -> str:
    """The text with every character that a terminal would act on as its escape: ESC becomes a backslash and ``x1b``.

    Line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c in _KEPT or unicodedata.category(c) not in _ACTS else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``8 s``, ``11 min``, ``2.5 h``.

    Args:
        seconds: 0 or more.
    """
    if seconds < 99.5:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text: on stderr, and on a terminal, only what is :func:`printable`; a file or a pipe gets it as it is."""
    stream: Any = sys.stderr if err else sys.stdout
    click.echo(printable(text) if err or stream.isatty() else text, err=err, nl=nl)
