"""The theory of strings: SMT-LIB's Strings, with regular languages.

Strings are sequences of the characters 0 to 0x2FFFF. In tensors they are numbers of
:data:`sygus.language.theories.interned.STRINGS`; the kernels look at each distinct combination of arguments once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import z3

from sygus.errors import TooLargeError
from sygus.language.syntax import legacy
from sygus.language.terms import BOOL, INT, REGLAN, STRING
from sygus.language.theories import regex
from sygus.language.theories.function import (
    ATOM,
    PRODUCT,
    SUM,
    Latex,
    Theory,
    infix,
)
from sygus.language.theories.integers import INTEGERS
from sygus.language.theories.interned import python_function
from sygus.language.theories.languages import LANGUAGES_THEORY
from sygus.language.theories.large import MOST_BITS

_ESCAPE = re.compile(r"\\u(?:\{([0-9A-Fa-f]{1,5})\}|([0-9A-Fa-f]{4}))")


def unescape(text: str) -> str:
    r"""The string that a literal means: ``\u{…}`` and ``\uABCD`` are characters, every other backslash is itself."""

    def character(match: re.Match[str]) -> str:
        code = int(match[1] or match[2], 16)
        return chr(code) if code <= ord(regex.LAST_CHARACTER) else match[0]

    return _ESCAPE.sub(character, text)


def escape(string: str) -> str:
    r"""The literal of a string, without quotes; all but printable ASCII, and the backslash of ``\u``, is escaped."""
    plain = string.replace("\\u", "\\u{5c}u")
    return "".join(c if " " <= c <= "~" else f"\\u{{{ord(c):x}}}" for c in plain)


def _substring(string: str, start: int, count: int) -> str:
    return string[start : start + count] if 0 <= start < len(string) and count > 0 else ""


def _index(string: str, part: str, start: int) -> int:
    return string.find(part, start) if 0 <= start <= len(string) else -1


LONGEST = 1 << 24
"""Characters of a string that is computed."""


def _checked(length: int) -> None:
    if length > LONGEST:
        raise TooLargeError(f"a string of {length} characters is not computed", f"at most {LONGEST} are")


def _joined(*strings: str) -> str:
    _checked(sum(map(len, strings)))
    return "".join(strings)


def _replace(string: str, old: str, new: str) -> str:
    _checked(len(string) + len(new))
    return string.replace(old, new, 1)


def _replace_all(string: str, old: str, new: str) -> str:
    if not old:
        return string
    _checked(len(string) + string.count(old) * max(0, len(new) - len(old)))
    return string.replace(old, new)


def _number(string: str) -> int:
    """The number that decimal digits mean; -1 of every other string."""
    if not _is_decimal(string):
        return -1
    digits = string.lstrip("0")
    if len(digits) > MOST_DIGITS:
        raise TooLargeError(f"a number of {len(digits)} digits is not computed", f"at most {MOST_DIGITS} are")
    found = 0
    for start in range(0, len(digits), _DIGITS):
        part = digits[start : start + _DIGITS]
        found = found * 10 ** len(part) + int(part)
    return found


def _digits(number: int) -> str:
    """The decimal digits of a number; empty for a negative one."""
    if number < 0:
        return ""
    parts = []
    while number >= 10**_DIGITS:
        number, part = divmod(number, 10**_DIGITS)
        parts.append(f"{part:0{_DIGITS}}")
    return "".join([str(number), *reversed(parts)])


MOST_DIGITS = MOST_BITS * 3 // 10
"""Decimal digits of a number that is computed."""

_DIGITS = 1000
"""Digits that are read or written at once: the time grows with their square, and Python refuses more than 4,300."""


def _is_decimal(string: str) -> bool:
    return string != "" and all("0" <= c <= "9" for c in string)


def _from_code(code: int) -> str:
    return chr(code) if 0 <= code <= ord(regex.LAST_CHARACTER) else ""


def _is_digit(a: z3.SeqRef) -> z3.BoolRef:
    return z3.And(z3.Length(a) == 1, z3.StrToCode(a) >= ord("0"), z3.StrToCode(a) <= ord("9"))


def _z3_replace_all(a: z3.SeqRef, b: z3.SeqRef, c: z3.SeqRef) -> z3.SeqRef:
    """The Python interface of Z3 has no name for it."""
    return z3.SeqRef(z3.Z3_mk_seq_replace_all(a.ctx_ref(), a.as_ast(), b.as_ast(), c.as_ast()), a.ctx)


def _replace_match(string: str, language: regex.Language, new: str) -> str:
    _checked(len(string) + len(new))
    found = regex.first_match(string, language)
    return string if found is None else string[: found[0]] + new + string[found[1] :]


def _replace_matches(string: str, language: regex.Language, new: str) -> str:
    pieces, place, length = [], 0, len(string)
    while (found := regex.first_match(string, language, place, least=1)) is not None:
        pieces += [string[place : found[0]], new]
        place = found[1]
        length += len(new)
        _checked(length)
    return "".join([*pieces, string[place:]])


def _z3_replace_match(a: z3.SeqRef, b: z3.ReRef, c: z3.SeqRef) -> z3.SeqRef:
    """Z3 reasons about equal applications only, and finds no value."""
    return z3.SeqRef(z3.Z3_mk_seq_replace_re(a.ctx_ref(), a.as_ast(), b.as_ast(), c.as_ast()), a.ctx)


def _z3_replace_matches(a: z3.SeqRef, b: z3.ReRef, c: z3.SeqRef) -> z3.SeqRef:
    """Z3 reasons about equal applications only, and finds no value."""
    return z3.SeqRef(z3.Z3_mk_seq_replace_re_all(a.ctx_ref(), a.as_ast(), b.as_ast(), c.as_ast()), a.ctx)


def _chain(compare: Callable[[Any, Any], Any]) -> Callable[..., z3.BoolRef]:
    return lambda *xs: z3.And(*[compare(a, b) for a, b in pairwise(xs)])


def _in_order(*strings: str) -> bool:
    return all(a < b for a, b in pairwise(strings))


def _not_out_of_order(*strings: str) -> bool:
    return all(a <= b for a, b in pairwise(strings))


STRINGS_THEORY = Theory.of(
    "Strings",
    (STRING, REGLAN),
    python_function(
        "str.++",
        (STRING, STRING),
        result=STRING,
        doc="Concatenation.",
        compute=_joined,
        z3=lambda *xs: z3.Concat(*xs),
        latex=infix(r" \cdot ", PRODUCT),
        any_more=True,
        associative=True,
    ),
    python_function(
        "str.len",
        (STRING,),
        result=INT,
        doc="Length.",
        compute=len,
        z3=z3.Length,
        latex=lambda a: Latex(rf"\left|{a.text}\right|"),
    ),
    python_function(
        "str.at",
        (STRING, INT),
        result=STRING,
        doc="The character at a position, counted from 0, as a string; empty outside.",
        compute=lambda s, i: _substring(s, i, 1),
        z3=lambda s, i: z3.SubString(s, i, 1),
        latex=lambda s, i: Latex(f"{s.within(ATOM)}_{{{i.text}}}"),
    ),
    python_function(
        "str.substr",
        (STRING, INT, INT),
        result=STRING,
        doc="The part that starts at a position and has at most so many characters; empty outside.",
        compute=_substring,
        z3=z3.SubString,
    ),
    python_function(
        "str.prefixof",
        (STRING, STRING),
        result=BOOL,
        doc="Whether the second begins with the first.",
        compute=lambda a, b: b.startswith(a),
        z3=z3.PrefixOf,
        latex=infix(r" \sqsubseteq ", SUM),
    ),
    python_function(
        "str.suffixof",
        (STRING, STRING),
        result=BOOL,
        doc="Whether the second ends with the first.",
        compute=lambda a, b: b.endswith(a),
        z3=z3.SuffixOf,
    ),
    python_function(
        "str.contains",
        (STRING, STRING),
        result=BOOL,
        doc="Whether the first contains the second.",
        compute=lambda a, b: b in a,
        z3=z3.Contains,
    ),
    python_function(
        "str.indexof",
        (STRING, STRING, INT),
        result=INT,
        doc="Where the second first occurs in the first, from a position on; -1 where it does not.",
        compute=_index,
        z3=z3.IndexOf,
    ),
    python_function(
        "str.replace",
        (STRING, STRING, STRING),
        result=STRING,
        doc="The first with the first occurrence of the second replaced by the third; an empty one occurs in front.",
        compute=_replace,
        z3=z3.Replace,
    ),
    python_function(
        "str.replace_all",
        (STRING, STRING, STRING),
        result=STRING,
        doc="The first with every occurrence of the second, if it is not empty, replaced by the third.",
        compute=_replace_all,
        z3=_z3_replace_all,
    ),
    python_function(
        "str.replace_re",
        (STRING, REGLAN, STRING),
        result=STRING,
        doc="The first with the shortest leftmost string of the language, which may be empty, replaced by the third.",
        compute=_replace_match,
        z3=_z3_replace_match,
    ),
    python_function(
        "str.replace_re_all",
        (STRING, REGLAN, STRING),
        result=STRING,
        doc="The first with each shortest leftmost string of the language that is not empty replaced by the third.",
        compute=_replace_matches,
        z3=_z3_replace_matches,
    ),
    python_function(
        "str.to_int",
        (STRING,),
        result=INT,
        doc="The number that decimal digits mean; -1 of every other string.",
        compute=_number,
        z3=z3.StrToInt,
    ),
    python_function(
        "str.from_int",
        (INT,),
        result=STRING,
        doc="The decimal digits of a number; empty for a negative one.",
        compute=_digits,
        z3=z3.IntToStr,
    ),
    python_function(
        "str.to_code",
        (STRING,),
        result=INT,
        doc="The code of a single character; -1 of every other string.",
        compute=lambda s: ord(s) if len(s) == 1 else -1,
        z3=z3.StrToCode,
    ),
    python_function(
        "str.from_code",
        (INT,),
        result=STRING,
        doc="The character of a code, as a string; empty where there is none.",
        compute=_from_code,
        z3=z3.StrFromCode,
    ),
    python_function(
        "str.is_digit",
        (STRING,),
        result=BOOL,
        doc="Whether the string is a single decimal digit.",
        compute=lambda s: len(s) == 1 and _is_decimal(s),
        z3=_is_digit,
    ),
    python_function(
        "str.<",
        (STRING, STRING),
        result=BOOL,
        doc="Before in lexicographic order, in a chain.",
        compute=_in_order,
        z3=_chain(lambda a, b: a < b),
        latex=infix(" < ", SUM),
        any_more=True,
    ),
    python_function(
        "str.<=",
        (STRING, STRING),
        result=BOOL,
        doc="Before in lexicographic order or equal, in a chain.",
        compute=_not_out_of_order,
        z3=_chain(lambda a, b: a <= b),
        latex=infix(r" \le ", SUM),
        any_more=True,
    ),
    includes=(INTEGERS, LANGUAGES_THEORY),
    aliases=legacy.FUNCTIONS,
)
