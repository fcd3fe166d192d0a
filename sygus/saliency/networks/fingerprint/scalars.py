"""Plain values as bytes: equal bytes mean the same kind and the same value."""

from __future__ import annotations

import struct
from types import EllipsisType, NotImplementedType
from typing import Any


def framed(tag: bytes, payload: bytes) -> bytes:
    """A payload with its kind and its length, so that what follows cannot be read as part of it."""
    return head(tag, len(payload)) + payload


def head(tag: bytes, length: int) -> bytes:
    """What stands before a payload of this many bytes."""
    return tag + length.to_bytes(8, "big")


def encoded(value: Any) -> bytes | None:
    """The bytes of a number, a text, None and the like, and of tuples and frozen sets of them; None for all else.

    Subclasses are no plain values: what they are depends on their class.
    """
    kind = type(value)
    if kind is tuple:
        parts = [encoded(one) for one in value]
        return None if None in parts else framed(b"(", b"".join(part for part in parts if part is not None))
    if kind is frozenset:
        parts = [encoded(one) for one in value]
        return None if None in parts else framed(b"{", b"".join(sorted(part for part in parts if part is not None)))
    write = _KINDS.get(kind)
    return None if write is None else framed(write[0], write[1](value))


_KINDS: dict[type, tuple[bytes, Any]] = {
    type(None): (b"N", lambda _: b""),
    EllipsisType: (b"E", lambda _: b""),
    NotImplementedType: (b"M", lambda _: b""),
    bool: (b"B", lambda value: b"1" if value else b"0"),
    int: (b"I", lambda value: f"{value:x}".encode()),
    float: (b"F", lambda value: struct.pack(">d", value)),
    complex: (b"C", lambda value: struct.pack(">dd", value.real, value.imag)),
    str: (b"S", lambda value: value.encode("utf-8", "surrogatepass")),
    bytes: (b"Y", bytes),
}
