"""From text to :class:`~sygus.language.syntax.script.Script`, by the grammar in ``grammar.lark``.

Lark calls a method of the builder for each rule as it is recognised, so no tree is built and nothing recurses:
terms may nest as deep as memory allows.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from lark import Lark
from lark.exceptions import UnexpectedInput, VisitError

from sygus.errors import ParseError, Position
from sygus.language.syntax._builder import RESERVED, Builder
from sygus.language.syntax._diagnosis import earliest_mistake, explain
from sygus.language.syntax.engine import engine, fixed_text
from sygus.language.syntax.script import DefineFun, Lambda, Script, TermExpression

_LOCK = threading.Lock()  # the one builder collects the older syntax of the text Lark is reading


def parse(text: str, file: str = "<text>") -> Script:
    """Read a SyGuS-IF script.

    Args:
        text: the script.
        file: its name, for messages.

    Raises:
        ParseError: the text is no script; the error says where, and what would be right.
    """
    commands, older = _parse("script", text, file)
    if not commands:
        hint = "the shortest useful one is (set-logic LIA) (synth-fun f () Int) (check-synth)"
        raise ParseError("the file holds no commands", Position(1, 1, 1, 1), hint).located(file, text)
    return Script(commands, file, text, older)


def parse_term(text: str, file: str = "<expression>") -> TermExpression:
    """Read one term.

    Raises:
        ParseError: the text is no term.
    """
    term: TermExpression = _parse("expression", text, file)[0]
    return term


def parse_production(text: str, file: str = "<production>") -> TermExpression:
    """Read one line of a grammar: a term that may hold ``(Constant S)`` and ``(Variable S)``.

    Raises:
        ParseError: the text is none.
    """
    term: TermExpression = _parse("production", text, file)[0]
    return term


def parse_answer(text: str, file: str = "<answer>") -> tuple[tuple[TermExpression, ...], tuple[DefineFun, ...]]:
    """Read a solver's answer: the values of the objectives (none after check-synth) and the functions.

    ``((define-fun …) …)``, ``((value …) (define-fun …) …)`` and definitions without outer parentheses are read;
    what a ``define-fun-rec`` or a ``define-funs-rec`` defines, which may call itself, is a :class:`DefineFunRec`.

    Raises:
        ParseError: the text is no answer; ``infeasible`` and ``fail`` hold no functions and are errors too.
    """
    values, functions = _parse("answer", text, file)[0]
    return values, functions


def parse_values(text: str, file: str = "<values>") -> tuple[TermExpression | Lambda, ...]:
    """Read the tuple of values that an oracle is asked or answers.

    Raises:
        ParseError: the text is no tuple of terms.
    """
    found: tuple[TermExpression | Lambda, ...] = _parse("values", text, file)[0]
    return found


def is_simple_symbol(name: str, reserved: Collection[str] = RESERVED) -> bool:
    """Whether a name can be written without bars; ``as`` is a symbol in places, but not where a list begins."""
    return name[:1] != "|" and name not in reserved and name != "as" and _symbol_pattern().fullmatch(name) is not None


def _parse(start: str, text: str, file: str) -> tuple[Any, tuple[str, ...]]:
    lark, builder = _engine()
    with _LOCK:
        builder.older = {}
        try:
            result: Any = lark.parse(text, start=start)
        except UnexpectedInput as error:
            raise explain(text, error, _fixed_terminals(), start).located(file, text) from None
        except ParseError as error:
            raise earliest_mistake(text, error).located(file, text) from None
        return result, tuple(f"{kind} (line {line})" for kind, line in builder.older.items())


@lru_cache(maxsize=1)
def _engine() -> tuple[Lark, Builder]:
    builder = Builder()
    try:
        lark = engine(builder)
    except VisitError as error:  # an end of the time or of the memory that came meanwhile
        raise error.orig_exc from None
    return lark, builder


@lru_cache(maxsize=1)
def _symbol_pattern() -> re.Pattern[str]:
    return re.compile(_engine()[0].get_terminal("SYMBOL").pattern.to_regexp())


def _fixed_terminals() -> dict[str, str]:
    """The text of each terminal that has only one, by Lark's name for it."""
    written = {terminal.name: fixed_text(terminal) for terminal in _engine()[0].terminals}
    return {name: text for name, text in written.items() if text is not None}
