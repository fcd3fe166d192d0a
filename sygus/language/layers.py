"""Mappings in layers: names may be added a million times without copying those that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Overlay(Mapping[K, V]):
    """A mapping that hides the names of another and shows all its others.

    Args:
        front: what is looked at first; where it changes, so does the overlay.
        back: what is looked at then.
    """

    __slots__ = ("back", "front")

    def __init__(self, front: Mapping[K, V], back: Mapping[K, V]) -> None:
        self.front = front
        self.back = back

    def __getitem__(self, key: K) -> V:
        return self.front[key] if key in self.front else self.back[key]

    def __contains__(self, key: object) -> bool:
        return key in self.front or key in self.back

    def __iter__(self) -> Iterator[K]:
        return iter(dict.fromkeys(chain(self.back, self.front)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Layers(Mapping[K, V]):
    """A mapping that grows by :meth:`added`, which leaves it as it is and takes n log n steps for n additions.

    It is a few layers, each more than twice as large as the ones after it together; a layer that is not is joined
    with the one before it. What was added last comes first.

    Args:
        first: what it holds at first.
    """

    __slots__ = ("_layers",)

    def __init__(self, first: Mapping[K, V]) -> None:
        self._layers: tuple[dict[K, V], ...] = (dict(first),)

    def added(self, new: Mapping[K, V]) -> Layers[K, V]:
        """With these, which hide what has the same keys."""
        layers, layer = list(self._layers), dict(new)
        while layers and len(layers[-1]) <= 2 * len(layer):
            for key, value in layers.pop().items():
                layer.setdefault(key, value)
        made: Layers[K, V] = Layers({})
        made._layers = (*layers, layer)
        return made

    def __getitem__(self, key: K) -> V:
        for layer in reversed(self._layers):
            if key in layer:
                return layer[key]
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(key in layer for layer in self._layers)

    def __iter__(self) -> Iterator[K]:
        return iter(dict.fromkeys(chain.from_iterable(reversed(self._layers))))

    def __len__(self) -> int:
        return sum(1 for _ in self)
