"""Regular languages of strings, decided by Brzozowski's derivatives.

Reference: J. A. Brzozowski, Derivatives of regular expressions, Journal of the ACM 11(4), 1964. The constructors
simplify by his similarity rules, which keep the number of derivatives of an expression finite. Equal expressions are
one object, so that equality and hashing never descend into them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, TypeAlias

from sygus.language.kept import Kept
from sygus.records import record


class _Weak:
    """What a table may hold without keeping it alive."""

    __slots__ = ("__weakref__",)


@record(frozen=True, slots=True)
class Nothing:
    """The empty language."""

    nullable: ClassVar[bool] = False


@record(frozen=True, slots=True)
class Empty:
    """The language of the empty string alone."""

    nullable: ClassVar[bool] = True


@record(frozen=True, slots=True)
class Characters:
    """The strings of one character between two characters, both included."""

    low: str
    high: str
    nullable: ClassVar[bool] = False


@record(frozen=True, slots=True)
class Text:
    """The language of what is left of one string from a position on; that is not empty."""

    string: str
    start: int = 0
    nullable: ClassVar[bool] = False


@record(frozen=True, slots=True, eq=False)
class Concatenation(_Weak):
    """A string of the first language, then one of the second."""

    first: Language
    second: Language
    nullable: bool


@record(frozen=True, slots=True, eq=False)
class Union(_Weak):
    """The strings in any of the languages."""

    parts: frozenset[Language]
    nullable: bool


@record(frozen=True, slots=True, eq=False)
class Complement(_Weak):
    """The strings not in the language."""

    inner: Language
    nullable: bool


@record(frozen=True, slots=True, eq=False)
class Star(_Weak):
    """Any number of strings of the language, one after the other."""

    inner: Language
    nullable: ClassVar[bool] = True


@record(frozen=True, slots=True, eq=False)
class Repetition(_Weak):
    """From ``least`` to ``most`` strings of the language, where writing them out would take too much memory."""

    inner: Language
    least: int
    most: int
    nullable: bool


Language: TypeAlias = Nothing | Empty | Characters | Text | Concatenation | Union | Complement | Star | Repetition
"""``nullable``: whether the empty string is one of the language's."""


_concatenation: Kept[Language] = Kept(
    lambda first, second: Concatenation(first, second, first.nullable and second.nullable)
)
_union: Kept[Language] = Kept(lambda parts: Union(parts, any(part.nullable for part in parts)))
_complement: Kept[Language] = Kept(lambda inner: Complement(inner, not inner.nullable))
_star: Kept[Language] = Kept(Star)
_repetition: Kept[Language] = Kept(
    lambda inner, least, most: Repetition(inner, least, most, least == 0 or inner.nullable)
)


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


WRITTEN_OUT = 1000
"""Factors of powers and loops that are written as concatenations."""


def power(language: Language, count: int) -> Language:
    """Exactly ``count`` strings of this."""
    if count * _factors(language) > WRITTEN_OUT:
        return _repeated(language, count, count)
    result: Language = EMPTY
    for _ in range(count):
        result = concatenation(language, result)
    return result


def loop(language: Language, least: int, most: int) -> Language:
    """From ``least`` to ``most`` strings of this; nothing where ``least`` is more."""
    if least > most:
        return NOTHING
    if most * _factors(language) > WRITTEN_OUT:
        return _repeated(language, least, most)
    optional: Language = EMPTY
    for _ in range(most - least):
        optional = union(EMPTY, concatenation(language, optional))
    return concatenation(power(language, least), optional)


def _factors(language: Language) -> int:
    """The languages that are concatenated, as far as they matter."""
    count = 1
    while isinstance(language, Concatenation) and count <= WRITTEN_OUT:
        language = language.second
        count += 1
    return count


def _repeated(language: Language, least: int, most: int) -> Language:
    """From ``least`` to ``most`` strings, however many."""
    if most == 0 or language == EMPTY:
        return EMPTY
    if language == NOTHING:
        return NOTHING if least else EMPTY
    return language if least == most == 1 else _repetition(language, least, most)


def matches(string: str, language: Language) -> bool:
    """Whether the language holds the string."""
    for character in string:
        if language == NOTHING:
            return False
        language = _derivative(language, character)
    return language.nullable


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
            if end - begin >= least and rest.nullable:
                return begin, end
            if end == len(string) or rest == NOTHING:
                break
            rest = _derivative(rest, string[end])
    return None


MOST_KNOWN = 1 << 16

_KNOWN: dict[tuple[Language, str], Language] = {}
"""Derivatives that were computed, at most :data:`MOST_KNOWN`."""


def _derivative(language: Language, character: str) -> Language:
    """What may follow the character in the strings of the language that begin with it; without recursion."""
    found = _KNOWN.get((language, character))
    if found is not None:
        return found
    if len(_KNOWN) > MOST_KNOWN:
        _KNOWN.clear()
    stack = [language]
    made: dict[Language, Language] = {}
    while stack:
        one = stack[-1]
        known = _KNOWN.get((one, character))
        missing = [] if known else [part for part in _looked_into(one) if part not in made]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        made[one] = known or _step(one, character, made)
    _KNOWN.update({(one, character): rest for one, rest in made.items()})
    return made[language]


def _looked_into(language: Language) -> Collection[Language]:
    """The languages within one whose derivatives make its own."""
    match language:
        case Concatenation(first, second):
            return (first, second) if first.nullable else (first,)
        case Union(parts):
            return parts
        case Complement(inner) | Star(inner) | Repetition(inner):
            return (inner,)
        case _:
            return ()


def _step(language: Language, character: str, made: Mapping[Language, Language]) -> Language:
    """The derivative of a language, given those of the languages that it looks into."""
    match language:
        case Characters(low, high):
            return EMPTY if low <= character <= high else NOTHING
        case Text(string, start):
            return _rest(string, start + 1) if string[start] == character else NOTHING
        case Concatenation(first, second):
            rest = concatenation(made[first], second)
            return union(rest, made[second]) if first.nullable else rest
        case Union(parts):
            return union(*(made[part] for part in parts))
        case Complement(inner):
            return complement(made[inner])
        case Star(inner):
            return concatenation(made[inner], language)
        case Repetition(inner, least, most):  # of a nullable language, fewer strings are among more of them
            return concatenation(made[inner], _repeated(inner, max(0, least - 1), most - 1))
        case _:
            return NOTHING


def _rest(string: str, start: int) -> Language:
    """The language of a string from a position on; a long string is kept once, whatever the position."""
    return Text(string, start) if len(string) - start > WRITTEN_OUT else text(string[start:])
