"""What the description of an object is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sygus.saliency.networks.fingerprint.scalars import framed


@dataclass(frozen=True)
class Child:
    """Something that an object holds or reads, which is described in turn.

    Attributes:
        value: what it is.
        where: how a person finds it.
        passing: whether only functions that did not run are known to read it; describers leave it as it is.
        runs: whether a function is taken for one that ran: its results may be kept from earlier passes.
    """

    value: Any
    where: str
    passing: bool = False
    runs: bool = False


@dataclass(frozen=True)
class Unknown:
    """What cannot be told of an object, in words."""

    what: str


Part = bytes | memoryview | Child | Unknown
Describe = Callable[[Any, str], Iterator[Part]]
"""The parts of an object that is found at a place."""


def attributes(held: Mapping[str, Any], where: str) -> Iterator[Part]:
    """Attributes of what is found at a place, in their order."""
    for name, value in held.items():
        yield framed(b"a", name.encode())
        yield Child(value, f"{where}.{name}")


def kind_of(value: Any) -> str:
    """The full name of a value's class."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def unknown(value: Any, where: str) -> Unknown:
    """A value of which only the class is known."""
    return Unknown(f"{where} is a {kind_of(value).removeprefix('builtins.')}")
