"""What an object has learnt, as plain values that JSON holds: from its attributes, and back into them."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Stateful(Protocol):
    """What gives its own state."""

    def state_dict(self) -> dict[str, Any]:
        """The state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from it."""


def state_of(owner: object, without: Collection[str] = ()) -> dict[str, Any]:
    """The attributes of an object as plain values, by name.

    Args:
        owner: whose.
        without: the names of those that are no state.

    Raises:
        TypeError: an attribute is no random generator, has no ``state_dict``, and JSON would not give it back as it is.
    """
    return {name: _plain(value, owner, name) for name, value in vars(owner).items() if name not in without}


def restore(owner: object, state: Mapping[str, Any]) -> None:
    """Put what :func:`state_of` gave into the attributes of an object of the same class."""
    for name, value in state.items():
        current = getattr(owner, name)
        if isinstance(current, np.random.Generator):
            current.bit_generator.state = value
        elif isinstance(current, random.Random):
            resume(current, value)
        elif isinstance(current, Stateful):
            current.load_state_dict(value)
        elif isinstance(current, tuple | set):
            setattr(owner, name, type(current)(value))
        else:
            setattr(owner, name, json.loads(json.dumps(value)))


def resume(chance: random.Random, state: Sequence[Any]) -> None:
    """Put what ``getstate`` gave, once JSON has held it, back into a generator."""
    version, words, gauss = state
    chance.setstate((version, tuple(words), gauss))


def _plain(value: Any, owner: object, name: str) -> Any:
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, Stateful):
        return value.state_dict()
    listed: Any = value
    if isinstance(value, tuple | set):
        listed = sorted(value) if isinstance(value, set) else list(value)
    try:
        kept = json.loads(json.dumps(listed))
        same = bool(kept == listed)
    except (TypeError, ValueError):
        same = False
    if not same:
        message = f"{type(owner).__name__}.{name} is no plain value: write state_dict and load_state_dict"
        raise TypeError(message)
    return kept
