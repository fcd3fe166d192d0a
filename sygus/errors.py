"""The exceptions users meet: what is wrong, where, and what would be right.

Every error a user can cause derives from :class:`SycamError`; the command line prints it without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WARNING = "warning: "
"""What a note begins with that no reader of a result may miss."""
MOST_LISTED = 200
"""Names that a hint lists: a file may define any number."""

LONGEST_GUESS = 100
"""Characters of names that are compared: the time for it grows with their square."""


def known(names: Iterable[str], wrong: str = "", what: str = "known") -> str:
    """The hint that lists what there is, with the closest match first."""
    ordered = list(dict.fromkeys(names))
    return f"{guess(ordered, wrong)}{what}: {listed(ordered) or 'none'}"


def listed(names: Sequence[str], most: int = MOST_LISTED) -> str:
    """Names separated by commas; of very many only the first ones."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(count: int, thing: str) -> str:
    """A number of things, as ``1 picture`` and ``2 pictures``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def guess(names: Iterable[str], wrong: str, most: int = 1) -> str:
    """The question whether one of the closest of some names was meant; "" where none is close.

    Args:
        names: these.
        wrong: what was written.
        most: how many are named.
    """
    if len(wrong) > LONGEST_GUESS:
        return ""
    from difflib import get_close_matches

    close = get_close_matches(wrong, [name for name in names if len(name) <= LONGEST_GUESS], n=most)
    shown = " or ".join(f"'{name}'" for name in close)
    return f"did you mean {shown}? " if close else ""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A region of a source text; lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class SycamError(Exception):
    """Base of all errors that a user can cause and mend.

    Args:
        message: what is wrong, one sentence without a full stop.
        hint: what would be right.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = _cut(message)
        self.hint = _cut(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


LONGEST_MESSAGE = 20_000
"""Characters: messages show names and values of files, which may have any length."""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


class TooLargeError(SycamError):
    """What was written in a few words would be too large to be written out, or to be computed."""


class OptionError(SycamError):
    """A bad value of an option; the message names the option."""


class SourceError(SycamError):
    """An error at a position of a SyGuS-IF text; :meth:`located` names the file and shows the line with a caret."""

    def __init__(self, message: str, position: Position, hint: str = "") -> None:
        super().__init__(message, hint)
        self.position = position
        self.file = "<text>"
        self.text = ""

    def located(self, file: str, text: str) -> SourceError:
        """Remember the file's name and text, for ``str``; keeps the first ones given."""
        if not self.text:
            self.file, self.text = file, text
        return self

    def __str__(self) -> str:
        at = self.position
        head = f"{self.file}:{at.line}:{at.column}: {super().__str__()}"
        lines = self.text.splitlines()
        if not 1 <= at.line <= len(lines):
            return head
        return f"{head}\n{_excerpt(lines[at.line - 1], at)}"


def _excerpt(line: str, at: Position, width: int = 100) -> str:
    """The source line, cut to ``width`` around the position, above a line of carets."""
    start = max(0, at.column - 1 - width // 2) if len(line) > width else 0
    shown = line[start : start + width].replace("\t", " ")
    column = at.column - 1 - start
    end = at.end_column - 1 - start if at.end_line == at.line else len(shown)
    return f"  {shown}\n  {' ' * column}{'^' * max(1, min(end, len(shown)) - column)}"


class ParseError(SourceError):
    """The text is no SyGuS-IF script."""


class TypeCheckError(SourceError):
    """The script parses but is not well-formed: unknown symbol, wrong sort, a feature not switched on."""
