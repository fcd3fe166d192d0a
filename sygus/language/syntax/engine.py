"""Lark's parser of ``grammar.lark``, by tables that are kept, since making them takes longer than most problems do.

Tables of another grammar or another version of Lark are not used, but made anew at each start. After a change of the
grammar, keep its own, or a test fails::

    python -c "from sygus.language.syntax.engine import keep; keep()"
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lexer import PatternRE, TerminalDef

GRAMMAR = Path(__file__).with_name("grammar.lark")
TABLES = GRAMMAR.with_suffix(".json")
STARTS = ("script", "expression", "production", "answer", "values")
"""What a text may be."""

_MARKS = ("(", ")")
_END = r"(?![^\s();])"
"""Where a word ends: ``constraintx`` is not ``constraint`` and a name."""
_WORD = 3
"""The priority of words: before numbers and symbols, where they may stand at all."""


def engine(builder: Any) -> Lark:
    """The parser.

    Args:
        builder: its method of a rule's name is called as the rule is recognised.
    """
    kept = json.loads(TABLES.read_text(encoding="utf-8"))
    if kept["made by"] != maker():
        return _made(transformer=builder)
    table = kept["data"]["parser"]["parser"]
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {state: _numbered(actions) for state, actions in _numbered(table["states"]).items()}
    load: Callable[..., Lark] = Lark._load_from_dict  # as Lark's stand-alone parsers do
    return load(kept["data"], _numbered(kept["memo"]), transformer=builder)


def maker() -> str:
    """All that the tables depend on: a digest of the grammar, this module and the version of Lark."""
    return sha256(GRAMMAR.read_bytes() + Path(__file__).read_bytes() + lark.__version__.encode()).hexdigest()


def keep() -> None:
    """Write the tables."""
    from sygus.writing import write_file

    data, memo = _made().memo_serialize([TerminalDef, Rule])
    data["options"]["edit_terminals"] = None  # done, and no data
    text = json.dumps({"made by": maker(), "data": data, "memo": memo}, separators=(",", ":"))
    write_file(TABLES, f"{text}\n")


def fixed_text(terminal: TerminalDef) -> str | None:
    """What a terminal is written as; None where it may be written in several ways."""
    pattern = terminal.pattern
    if isinstance(pattern, PatternRE):
        return re.sub(r"\\(.)", r"\1", pattern.value.removesuffix(_END)) if terminal.priority == _WORD else None
    return str(pattern.value)


def _made(**options: Any) -> Lark:
    return Lark(
        GRAMMAR.read_text(encoding="utf-8"),
        parser="lalr",
        lexer="contextual",
        start=list(STARTS),
        keep_all_tokens=True,
        edit_terminals=_whole,
        **options,
    )


def _whole(terminal: TerminalDef) -> None:
    """Let a word match only where it ends."""
    if terminal.pattern.type == "str" and terminal.pattern.value not in _MARKS:
        terminal.pattern = PatternRE(re.escape(terminal.pattern.value) + _END)
        terminal.priority = _WORD


def _numbered(pairs: dict[str, Any]) -> dict[int, Any]:
    """Keys of JSON are text, Lark's are numbers."""
    return {int(key): value for key, value in pairs.items()}
