"""What is wrong with a text that does not parse, in words.

A missing parenthesis or quote makes the parser stumble far from the mistake, so the text is first gone through for
those; the earliest mistake is the one reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from sygus.errors import ParseError, Position

#: How each command is written; "…" repeats, square brackets mark what may be left out.
COMMAND_FORMS: Mapping[str, str] = {
    "assume": "(assume TERM)",
    "check-synth": "(check-synth)",
    "chc-constraint": "(chc-constraint ((NAME SORT) …) BODY HEAD)",
    "constraint": "(constraint TERM)",
    "declare-correctness-cex-oracle": "(declare-correctness-cex-oracle FUNCTION ORACLE)",
    "declare-correctness-oracle": "(declare-correctness-oracle FUNCTION ORACLE)",
    "declare-datatype": "(declare-datatype NAME ((CONSTRUCTOR (SELECTOR SORT) …) …))",
    "declare-datatypes": "(declare-datatypes ((NAME ARITY) …) (((CONSTRUCTOR (SELECTOR SORT) …) …) …))",
    "declare-oracle-fun": "(declare-oracle-fun NAME (SORT …) SORT ORACLE)",
    "declare-sort": "(declare-sort NAME ARITY)",
    "declare-var": "(declare-var NAME SORT)",
    "declare-weight": "(declare-weight NAME [:default NUMERAL])",
    "define-fun": "(define-fun NAME ((PARAMETER SORT) …) SORT TERM)",
    "define-fun-rec": "(define-fun-rec NAME ((PARAMETER SORT) …) SORT TERM)",
    "define-funs-rec": "(define-funs-rec ((NAME ((PARAMETER SORT) …) SORT) …) (TERM …))",
    "define-sort": "(define-sort NAME SORT)",
    "inv-constraint": "(inv-constraint INVARIANT PRE TRANS POST)",
    "optimize-synth": "(optimize-synth ((! TERM :min) …) [:lexico])",
    "oracle-assume": "(oracle-assume ((INPUT SORT) …) ((OUTPUT SORT) …) TERM ORACLE)",
    "oracle-constraint": "(oracle-constraint ((INPUT SORT) …) ((OUTPUT SORT) …) TERM ORACLE)",
    "oracle-constraint-cex": "(oracle-constraint-cex FUNCTION ORACLE)",
    "oracle-constraint-io": "(oracle-constraint-io FUNCTION ORACLE)",
    "oracle-constraint-membership": "(oracle-constraint-membership FUNCTION ORACLE)",
    "oracle-constraint-negwitness": "(oracle-constraint-negwitness FUNCTION ORACLE)",
    "oracle-constraint-poswitness": "(oracle-constraint-poswitness FUNCTION ORACLE)",
    "set-feature": "(set-feature :FEATURE true)",
    "set-info": "(set-info :KEYWORD VALUE)",
    "set-logic": "(set-logic NAME)",
    "set-option": "(set-option :KEYWORD VALUE)",
    "synth-fun": "(synth-fun NAME ((PARAMETER SORT) …) SORT [((NT SORT) …) ((NT SORT (TERM …)) …)])",
    "synth-inv": "(synth-inv NAME ((PARAMETER SORT) …) [((NT SORT) …) ((NT SORT (TERM …)) …)])",
}

#: What SMT-LIB calls what SyGuS-IF has another command for.
_SMT_COMMANDS = {"assert": "constraint", "check-sat": "check-synth", "declare-const": "declare-var"}

#: Outside all parentheses, by the grammar's start symbol: what is expected, and how a whole text looks.
_SHAPES = {
    "script": ("a command in parentheses", "a file is a list of commands such as (set-logic LIA)"),
    "answer": ("'('", "an answer is ((define-fun …) …) or ((VALUE …) (define-fun …) …)"),
}

#: Terminals that are expected together, further ones that this says enough about, and the words for it.
_PHRASES: tuple[tuple[set[str], set[str], str], ...] = (
    ({"set-logic"}, set(), "the name of a command"),
    ({"SYMBOL", "STRING", "(", "KEYWORD"}, {"NUMERAL", "true", "false"}, "a value"),
    ({"SYMBOL", "STRING", "("}, {"NUMERAL", "true", "false"}, "a term"),
    ({"SYMBOL", "!"}, {"(", "_"}, "the name of a function"),
    ({"SYMBOL", "("}, {"_"}, "a sort"),
    ({"SYMBOL", "NUMERAL"}, set(), "an index"),
    ({"SYMBOL"}, set(), "a name"),
    ({"_"}, set(), "'_' and an indexed name"),
    ({"NUMERAL"}, set(), "a natural number"),
    ({"true", "false"}, set(), "true or false"),
    ({"KEYWORD"}, set(), "a keyword such as :name"),
    ({"("}, set(), "'('"),
    ({")"}, set(), "')'"),
    ({"$END"}, set(), "the end of the text"),
)

_ATOM = re.compile(
    r""" ;[^\n]*
       | "(?:[^"]++|"")*+ (?:" | (?P<open_string>\Z))
       | \|[^|]* (?:\| | (?P<open_bar>\Z))
       | [()]
       | [^\s();"|] [^\s();"]* """,
    re.VERBOSE,
)
_EXPONENT = re.compile(r"-?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+")


def explain(text: str, error: UnexpectedInput, fixed: Mapping[str, str], start: str) -> ParseError:
    """The error to show for Lark's.

    Args:
        text: what was to be parsed.
        error: what Lark raised.
        fixed: the text of each terminal that has only one, by its name.
        start: the grammar's start symbol.
    """
    if isinstance(error, UnexpectedCharacters):
        mistake = _unknown_characters(text, error)
    elif isinstance(error, UnexpectedToken):
        mistake = _unexpected_token(text, error, fixed, start)
    else:
        mistake = ParseError("this is no SyGuS-IF text", Position(error.line, error.column, error.line, error.column))
    return earliest_mistake(text, mistake)


def earliest_mistake(text: str, mistake: ParseError) -> ParseError:
    """``mistake``, or an unmatched parenthesis or quote if there is one no later in the text."""
    unmatched = _unmatched(text)
    return unmatched if unmatched and unmatched.position <= mistake.position else mistake


def shortened(text: str) -> str:
    """The text, or its start if it is too long for a message."""
    return str(text) if len(text) <= 40 else f"{text[:37]}..."


def _region(text: str, start: int, end: int) -> Position:
    """The position of ``text[start:end]``."""
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    end_line, end_column = text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end)
    return Position(line, column, end_line, end_column)


# Parentheses and quotes


def _unmatched(text: str) -> ParseError | None:
    opened: list[int] = []
    in_command = after_opening = False
    for match in _ATOM.finditer(text):
        start, atom = match.start(), match.group()
        if match.lastgroup:
            return _unterminated(text, match)
        if after_opening and atom[0] != ";":  # the head of a list
            after_opening, begins_command = False, atom in COMMAND_FORMS
            if len(opened) == 1:
                in_command = begins_command
            elif in_command and begins_command:
                hint = f"a ')' is missing before ({atom} in line {_region(text, opened[-1], opened[-1]).line}"
                return _unclosed(text, opened[-2], hint)
        if atom == "(":
            opened.append(start)
            after_opening = True
        elif atom == ")":
            if not opened:
                return ParseError("this ')' closes nothing", _region(text, start, start + 1), "remove it")
            opened.pop()
    return _unclosed(text, opened[-1], "add a ')'") if opened else None


def _unclosed(text: str, start: int, hint: str) -> ParseError:
    return ParseError("the '(' opened here is never closed", _region(text, start, start + 1), hint)


def _unterminated(text: str, last: re.Match[str]) -> ParseError:
    """The mistake is more likely in the first literal that runs over a line's end than in the last one."""
    mark = last.group()[0]
    several_lines = (match for match in _ATOM.finditer(text) if match.group()[0] == mark and "\n" in match.group())
    start = next(several_lines, last).start()
    what = "string" if mark == '"' else "quoted symbol"
    return ParseError(f"the {what} opened here is never closed", _region(text, start, start + 1), f"add a {mark}")


def _head(text: str, parenthesis: int) -> str:
    """The word right after an opening parenthesis."""
    atoms = (match.group() for match in _ATOM.finditer(text, parenthesis + 1))
    return next((atom for atom in atoms if not atom.startswith(";")), "")


# What the parser stumbled over


def _unknown_characters(text: str, error: UnexpectedCharacters) -> ParseError:
    start = error.pos_in_stream or 0
    word = re.match(r"[^\s();]+", text[start : start + 200])
    shown = word.group() if word else text[start]
    at = _region(text, start, start + len(shown))
    if shown[0].isdigit() or re.match(r"-[0-9]", shown):
        if _EXPONENT.fullmatch(shown):
            return ParseError(f"{shown!r} is no number", at, "literals have no exponent, write 1e-05 as 0.00001")
        return ParseError(f"{shown!r} is neither a number nor a symbol", at, "a symbol does not begin with a digit")
    if shown[0] == "#":
        return ParseError(f"{shown!r} is no bit-vector literal", at, "those are written as #x09AF or #b0110")
    if shown[0] == ":":
        return ParseError(f"{shown!r} is no keyword", at, "a keyword is a colon and a name, as :default")
    one = _region(text, start, start + 1)
    return ParseError(f"the character {text[start]!r} is part of no symbol", one, "other names are quoted: |any text|")


def _unexpected_token(text: str, error: UnexpectedToken, fixed: Mapping[str, str], start: str) -> ParseError:
    token = error.token
    ended = token.type == "$END"
    offset = len(text.rstrip()) if ended else token.start_pos or 0
    at = _region(text, offset, offset if ended else offset + len(token))
    found = "the end of the text" if ended else repr(shortened(token))
    terminals = {fixed.get(name, name) for name in error.accepts or error.expected}
    opening = _enclosing_command(text, offset)
    command = _head(text, opening) if opening is not None else ""
    if "set-logic" in terminals and token not in ("(", ")"):
        return _unknown_command(shortened(token), at)
    if opening is None and start in _SHAPES:
        expected, hint = _SHAPES[start]
    else:
        expected = _in_words(terminals, value=command in ("set-info", "set-option"))
        hint = f"the form is {COMMAND_FORMS[command]}" if command in COMMAND_FORMS else ""
    return ParseError(f"expected {expected}, but found {found}", at, hint)


def _unknown_command(name: str, at: Position) -> ParseError:
    from difflib import get_close_matches

    guesses = [_SMT_COMMANDS[name]] if name in _SMT_COMMANDS else get_close_matches(name, COMMAND_FORMS, 1)
    hint = (
        f"did you mean {guesses[0]!r}?"
        if guesses
        else "the usual ones are set-logic, synth-fun, constraint, check-synth"
    )
    return ParseError(f"unknown command {name!r}", at, hint)


def _enclosing_command(text: str, position: int) -> int | None:
    """Where the outermost parenthesis open at a position was opened."""
    opened: list[int] = []
    for match in _ATOM.finditer(text, 0, position):
        if match.group() == "(":
            opened.append(match.start())
        elif match.group() == ")" and opened:
            opened.pop()
    return opened[0] if opened else None


def _in_words(terminals: set[str], value: bool) -> str:
    """What may follow, from the names of the terminals that may; ``value`` is true where it need be no term."""
    phrases = []
    for needed, covered, phrase in _PHRASES:
        if needed <= terminals:
            phrases.append("a value" if value and phrase == "a term" else phrase)
            terminals = terminals - needed - covered
    return " or ".join(phrases) or "something else"
