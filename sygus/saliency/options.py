"""Options of metrics and methods: what may be set, to what, and how a text as ``deletion(top=30)`` becomes values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sygus.errors import OptionError

Value = float | int | str | bool | tuple[str, ...] | None


@dataclass(frozen=True)
class Option:
    """An option of a metric or method.

    Attributes:
        default: the value where it is not given.
        expected: which values it takes, in words that follow "give".
        read: the value of a text; raises ValueError where the text is none.
        refers: whether the value names another expression or method.
    """

    default: Value
    expected: str
    read: Callable[[str], Value]
    refers: bool = False


Options = Mapping[str, Option]


def number(default: float | None, low: float, high: float, *words: str) -> Option:
    """A number from ``low`` to ``high``, or one of some words."""

    def read(text: str) -> Value:
        if text in words:
            return text
        value = float(text)
        if not (low <= value <= high and math.isfinite(value)):
            raise ValueError(text)
        return value

    bound = f"of at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
    return Option(default, " or ".join([f"a number {bound}", *words]), read)


def whole(default: int | None, low: int) -> Option:
    """A whole number of at least ``low``."""

    def read(text: str) -> Value:
        value = int(text)
        if value < low:
            raise ValueError(text)
        return value

    return Option(default, f"a whole number of at least {low}", read)


def choice(default: str, *others: str) -> Option:
    """One of some words, the first by default."""
    words = (default, *others)

    def read(text: str) -> Value:
        if text not in words:
            raise ValueError(text)
        return text

    return Option(default, " or ".join(words), read)


def truth(default: bool) -> Option:
    """True or false."""

    def read(text: str) -> Value:
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"

    return Option(default, "true or false", read)


def names(default: tuple[str, ...], what: str) -> Option:
    """Some names, joined by +."""

    def read(text: str) -> Value:
        found = tuple(name.strip() for name in text.split("+"))
        if not all(found):
            raise ValueError(text)
        return found

    return Option(default, f"{what}, joined by +", read)


def reference(default: str) -> Option:
    """The name of another expression or method."""

    def read(text: str) -> Value:
        if not text:
            raise ValueError(text)
        return text

    return Option(default, "the name of a method or of a defined function", read, refers=True)


def value_text(value: Value) -> str:
    """The value as it stands in the name of a metric or method."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return "+".join(value)
        case _:
            return str(value)


def read_options(owner: str, options: Options, given: Mapping[str, str]) -> dict[str, Value]:
    """The values of the options that are given.

    Args:
        owner: whose options they are, for messages: ``metric 'road'``.
        options: those it has.
        given: their texts.

    Raises:
        OptionError: an option it does not have, or a value it does not take.
    """
    read: dict[str, Value] = {}
    for name, text in given.items():
        if name not in options:
            known = ", ".join(f"{n}: {o.expected}" for n, o in options.items()) or "none"
            raise OptionError(f"the {owner} has no option '{name}'", f"its options: {known}")
        try:
            read[name] = options[name].read(text)
        except ValueError:
            message = f"the option '{name}' of the {owner} is '{text}'"
            raise OptionError(message, f"give {options[name].expected}") from None
    return read


def called(family: str, options: Options, chosen: Mapping[str, Value]) -> str:
    """The name of what has these values, as ``deletion(top=30)``; those by default are left out."""
    given = [f"{n}={value_text(v)}" for n, v in sorted(chosen.items()) if v != options[n].default]
    return f"{family}({','.join(given)})" if given else family


_CALL = re.compile(r"(?P<name>[^()\s]+)(?:\((?P<options>[^()]*)\))?")


def read_call(text: str, kind: str) -> tuple[str, dict[str, str]]:
    """A name and its options, as ``deletion(top=30)``.

    Args:
        text: what is read.
        kind: what it names, for messages: ``metric``.

    Raises:
        OptionError: it is nothing like that.
    """
    match = _CALL.fullmatch(text.strip())
    if match is None:
        raise OptionError(f"cannot read the {kind} '{text}'", "write a name, or name(option=value,…)")
    given = {}
    for part in filter(None, (match["options"] or "").split(",")):
        option, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise OptionError(f"cannot read '{part}' in the {kind} '{text}'", "write option=value")
        given[option] = value
    return match["name"], given


def split_calls(text: str) -> list[str]:
    """The items of a comma-separated list; commas inside parentheses separate options."""
    return re.split(r",(?![^()]*\))", text)


_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9-]*)=(\S+)")


def read_layers(text: str) -> dict[str, str]:
    """Names of layers to modules, as ``early=features.4 late=features.8`` gives them.

    Raises:
        OptionError: it is written otherwise, or a name is given twice.
    """
    found: dict[str, str] = {}
    for word in text.split():
        named = _NAMED.fullmatch(word)
        if named is None:
            message = f"--layers: '{word[:60]}' is no name=MODULE"
            raise OptionError(message, "a name is a letter, then letters, digits and hyphens: early=features.4")
        if named[1] in found:
            raise OptionError(f"--layers: '{named[1]}' is given twice", "give each layer a name of its own")
        found[named[1]] = named[2]
    return found
