"""Regular languages of strings, decided by Brzozowski's derivatives.

Reference: J. A. Brzozowski, Derivatives of regular expressions, Journal of the ACM 11(4), 1964. The constructors
simplify by his similarity rules, which keep the number of derivatives of an expression finite. Equal expressions are
one object, so that equality and hashing never descend into them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Nothing:
    """The empty language."""


@dataclass(frozen=True, slots=True)
class Empty:
    """The language of the empty string alone."""


@dataclass(frozen=True, slots=True)
class Characters:
    """The strings of one character between two characters, both included."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Text:
    """The language of one string, which is not empty."""

    string: str


@dataclass(frozen=True, slots=True, eq=False)
class Concatenation:
    """A string of the first language, then one of the second."""

    first: Language
    second: Language


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """The strings in any of the languages."""

    parts: frozenset[Language]


@dataclass(frozen=True, slots=True, eq=False)
class Complement:
    """The strings not in the language."""

    inner: Language


@dataclass(frozen=True, slots=True, eq=False)
class Star:
    """Any number of strings of the language, one after the other."""

    inner: Language


Language: TypeAlias = Nothing | Empty | Characters | Text | Concatenation | Union | Complement | Star

_concatenation, _union, _complement, _star = cache(Concatenation), cache(Union), cache(Complement), cache(Star)

NOTHING, EMPTY = Nothing(), Empty()
LAST_CHARACTER = chr(0x2FFFF)
"""Of the characters of SMT-LIB's strings."""
ANY_CHARACTER = Characters(chr(0), LAST_CHARACTER)
EVERYTHING = _complement(NOTHING)


def text(string: str) -> Language:
    """The language of one string."""
    return Text(string) if string else EMPTY


def concatenation(first: Language, second: Language) -> Language:
    """A string of the first, then one of the second."""
    if NOTHING in (first, second):
        return NOTHING
    if first == EMPTY:
        return second
    if second == EMPTY:
        return first
    factors = []
    while isinstance(first, Concatenation):
        factors.append(first.first)
        first = first.second
    for factor in (first, *reversed(factors)):
        second = _concatenation(factor, second)
    return second


def union(*languages: Language) -> Language:
    """The strings in any of these."""
    parts: set[Language] = set()
    for language in languages:
        parts |= language.parts if isinstance(language, Union) else {language}
    parts.discard(NOTHING)
    if EVERYTHING in parts:
        return EVERYTHING
    if len(parts) <= 1:
        return next(iter(parts), NOTHING)
    return _union(frozenset(parts))


def complement(language: Language) -> Language:
    """The strings not in this."""
    return language.inner if isinstance(language, Complement) else _complement(language)


def intersection(*languages: Language) -> Language:
    """The strings in all of these."""
    return complement(union(*map(complement, languages)))


def difference(first: Language, *others: Language) -> Language:
    """The strings in the first and in none of the others."""
    return intersection(first, *map(complement, others))


def star(language: Language) -> Language:
    """Any number of strings of this."""
    if language in (NOTHING, EMPTY):
        return EMPTY
    return language if isinstance(language, Star) else _star(language)


def characters(low: str, high: str) -> Language:
    """The characters from one to another; nothing where an end is no single character or they are out of order."""
    if len(low) != 1 or len(high) != 1 or low > high:
        return NOTHING
    return Characters(low, high)


def power(language: Language, count: int) -> Language:
    """Exactly ``count`` strings of this."""
    result: Language = EMPTY
    for _ in range(count):
        result = concatenation(language, result)
    return result


def loop(language: Language, least: int, most: int) -> Language:
    """From ``least`` to ``most`` strings of this; nothing where ``least`` is more."""
    if least > most:
        return NOTHING
    optional: Language = EMPTY
    for _ in range(most - least):
        optional = union(EMPTY, concatenation(language, optional))
    return concatenation(power(language, least), optional)


def matches(string: str, language: Language) -> bool:
    """Whether the language holds the string."""
    for character in string:
        language = _derivative(language, character)
    return _holds_empty(language)


def first_match(string: str, language: Language, start: int = 0, least: int = 0) -> tuple[int, int] | None:
    """Where the leftmost string of the language within another begins and ends, the shortest there; None without one.

    Args:
        string: to search.
        language: what to look for.
        start: where to begin.
        least: characters that a match must have.
    """
    for begin in range(start, len(string) + 1):
        rest = language
        for end in range(begin, len(string) + 1):
            if end - begin >= least and _holds_empty(rest):
                return begin, end
            if end == len(string) or rest == NOTHING:
                break
            rest = _derivative(rest, string[end])
    return None


@lru_cache(maxsize=1 << 16)
def _holds_empty(language: Language) -> bool:
    match language:
        case Empty() | Star():
            return True
        case Concatenation(first, second):
            return _holds_empty(first) and _holds_empty(second)
        case Union(parts):
            return any(map(_holds_empty, parts))
        case Complement(inner):
            return not _holds_empty(inner)
        case _:
            return False


@lru_cache(maxsize=1 << 16)
def _derivative(language: Language, character: str) -> Language:
    """What may follow the character in the strings of the language that begin with it."""
    match language:
        case Characters(low, high):
            return EMPTY if low <= character <= high else NOTHING
        case Text(string):
            return text(string[1:]) if string[0] == character else NOTHING
        case Concatenation(first, second):
            rest = concatenation(_derivative(first, character), second)
            return union(rest, _derivative(second, character)) if _holds_empty(first) else rest
        case Union(parts):
            return union(*(_derivative(part, character) for part in parts))
        case Complement(inner):
            return complement(_derivative(inner, character))
        case Star(inner):
            return concatenation(_derivative(inner, character), language)
        case _:
            return NOTHING
