"""The base of the nodes of a script: records like frozen dataclasses with slots, whose methods all classes share.

A dataclass compiles methods of its own for each class, which takes a millisecond; there are fifty classes.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, dataclass_transform

from sygus.errors import Position


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class _Record(type):
    """Makes slots of what a class annotates, and keeps the names and the defaults."""

    def __new__(mcs, name: str, bases: tuple[Any, ...], namespace: dict[str, Any]) -> Any:
        own = [one for one, kind in namespace.get("__annotations__", {}).items() if not kind.startswith("ClassVar")]
        defaults = {one: namespace.pop(one) for one in own if one in namespace}
        slots: dict[str, Any] = {"__slots__": tuple(own)}
        if bases:
            names = (*bases[0].field_names, *own)
            slots |= {"__match_args__": names, "field_names": names, "_defaults": bases[0]._defaults | defaults}
        return super().__new__(mcs, name, bases, namespace | slots)


class Node(metaclass=_Record):
    """Anything that was read from a text; ``position`` is where, from its first character to its last.

    Attributes:
        field_names: of a class, all but ``position``, in the order of its arguments.
    """

    field_names: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    position: Position = field(kw_only=True)

    def __init__(self, *values: Any, position: Position, **named: Any) -> None:
        names = self.field_names
        if named or len(values) != len(names):
            values = self._completed(values, named)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "position", position)

    def _completed(self, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The values of all fields, of which some were not given by their places."""
        names = self.field_names[len(values) :]
        rest = self._defaults | named
        if len(values) > len(self.field_names) or not named.keys() <= set(names) <= rest.keys():
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.field_names)} and position")
        return (*values, *(rest[name] for name in names))

    def __setattr__(self, name: str, _: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be taken away")

    def _values(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self.field_names])

    def __eq__(self, other: object) -> bool:
        return (
            self._values() == other._values()
            if isinstance(other, Node) and type(other) is type(self)
            else NotImplemented
        )

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in zip(self.field_names, self._values(), strict=True))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), self._values(), self.position)


def _made(kind: type[Node], values: tuple[Any, ...], position: Position) -> Node:
    return kind(*values, position=position)
