"""One entry of the cache as bytes: tensors in safetensors' format, with what tells whether they are those written."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sygus.deferred import torch

if TYPE_CHECKING:
    from torch import Tensor

_TYPE = "F32"
_BYTES = 4
_HEADER = 1024
"""Bytes that the header may take, and as many again for each tensor."""


class EntryError(Exception):
    """The bytes are not what was written under a key; the text says why."""


@dataclass(frozen=True)
class Expected:
    """What a tensor must be: float32, finite, in a range.

    Attributes:
        shape: its own.
        low, high: the least and the largest value it may hold.
    """

    shape: tuple[int, ...]
    low: float = -math.inf
    high: float = math.inf

    def admits(self, value: Tensor) -> bool:
        """Whether a tensor is such a one."""
        if value.dtype != torch.float32 or tuple(value.shape) != self.shape:
            return False
        return bool((value.isfinite() & (value >= self.low) & (value <= self.high)).all())


def largest(expected: Mapping[str, Expected]) -> int:
    """The most bytes that an entry of these tensors has."""
    numbers = sum(math.prod(one.shape) for one in expected.values())
    return _BYTES * numbers + _HEADER * (1 + len(expected))


def encode(key: str, values: Mapping[str, Tensor]) -> bytes:
    """An entry: float32 tensors, and a digest of the key, of their names and shapes, and of every bit."""
    from safetensors.torch import save

    plain = {name: value.detach().cpu().contiguous() for name, value in values.items()}
    parts = ((name, tuple(value.shape), value.numpy().tobytes()) for name, value in plain.items())
    return save(plain, {"key": key, "digest": _digest(key, parts)})


def decode(content: bytes, key: str, expected: Mapping[str, Expected]) -> dict[str, Tensor]:
    """The tensors of an entry, each in memory of its own.

    Raises:
        EntryError: the bytes were not written under this key, or the tensors are not those expected.
    """
    from safetensors import SafetensorError, deserialize

    try:
        found = dict(deserialize(content))  # type: ignore[no-untyped-call]
        length = int.from_bytes(content[:8], "little")
        stated = json.loads(content[8 : 8 + length])["__metadata__"]
        digest = stated["digest"]
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise EntryError("it is no entry of the cache") from None
    if set(found) != set(expected):
        raise EntryError("it holds other features")
    for name, one in expected.items():
        if found[name]["dtype"] != _TYPE or tuple(found[name]["shape"]) != one.shape:
            raise EntryError("its tensors are of another kind or shape")
    if digest != _digest(key, ((name, expected[name].shape, one["data"]) for name, one in found.items())):
        raise EntryError("its content is not what was written under this name")
    values = {name: _tensor(found[name]["data"], one.shape) for name, one in expected.items()}
    if not all(one.admits(values[name]) for name, one in expected.items()):
        raise EntryError("its numbers are not finite or out of range")
    return values


def _tensor(data: bytearray, shape: tuple[int, ...]) -> Tensor:
    """A copy, so that it lies in memory as what is computed does."""
    if not data:
        return torch.empty(shape)
    return torch.frombuffer(bytearray(data), dtype=torch.float32).view(shape).clone()


def _digest(key: str, parts: Iterable[tuple[str, tuple[int, ...], bytes | bytearray]]) -> str:
    digest = hashlib.sha256(repr(key).encode())
    for name, shape, data in sorted(parts):
        digest.update(repr((name, _TYPE, shape)).encode())
        digest.update(data)
    return digest.hexdigest()
