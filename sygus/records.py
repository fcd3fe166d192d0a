"""Dataclasses whose methods are shared: those of :func:`dataclasses.dataclass` are compiled for each class anew.

That takes half a millisecond, and a hundred of them are imported before a problem is read.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields
from operator import attrgetter
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

__all__ = ["record"]


if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(kind=None, /, *, eq=True, frozen=False, kw_only=False, repr=True, slots=False):  # noqa: A002
        """Make a dataclass of a class, as :func:`dataclasses.dataclass` does; ``fields`` and ``replace`` take it too.

        Args:
            kind: the class; missing in ``@record(…)``.
            eq: whether records of equal fields are equal.
            frozen: whether they cannot be changed.
            kw_only: whether all fields are given by name.
            repr: whether they print as their fields.
            slots: whether they have slots.

        Returns:
            The class, another one of the same name where it has slots; without ``kind``, what makes it.
        """

        def made(kind):
            own = vars(kind)
            kind.__doc__ = kind.__doc__ or kind.__name__  # else its signature is made for it, which takes long
            explicit = {name for name in own if own[name] is not None or "__eq__" not in own}
            kind = dataclass(kind, init=False, repr=False, eq=False, kw_only=kw_only, slots=slots)
            kind.__signature__ = _Signature()
            methods = {"__init__": _init(kind)}
            if repr:
                methods["__repr__"] = _repr
            if eq:
                methods |= _comparison(fields(kind), frozen=frozen)
            if frozen:
                methods |= {"__setattr__": _unchanged, "__delattr__": _undeleted}
                if slots:
                    methods |= {"__getstate__": _state, "__setstate__": _set_state}
            for name, method in methods.items():
                if name not in explicit:
                    setattr(kind, name, method)
            return kind

        return made if kind is None else made(kind)


_put = object.__setattr__


class _Signature:
    """What ``help`` and :func:`inspect.signature` show of a record: the parameters that a dataclass would have."""

    def __get__(self, _: object, kind: type) -> Any:
        from inspect import Parameter, Signature

        shown = [
            Parameter(
                one.name,
                Parameter.KEYWORD_ONLY if one.kw_only else Parameter.POSITIONAL_OR_KEYWORD,
                default=_default(one) if _has_default(one) else Parameter.empty,
                annotation=one.type,
            )
            for one in _taken(kind)
        ]
        return Signature(shown, return_annotation=None)


def _taken(kind: Any) -> list[Field[Any]]:
    """The fields that are given to a class: by place, then by name alone."""
    return sorted((one for one in fields(kind) if one.init), key=lambda one: bool(one.kw_only))


def _init(kind: Any) -> Any:
    """The method that sets the fields, by place and by name, and calls ``__post_init__`` where there is one."""
    taken = _taken(kind)
    names = tuple([one.name for one in taken])
    every = -1 if any(one.kw_only for one in taken) else len(names)
    completed = _completion(kind, taken)
    slots = [getattr(kind, name, None) for name in names]
    setters = [one.__set__ for one in slots if isinstance(one, MemberDescriptorType)]  # quicker than by name
    preset = [one for one in fields(kind) if not one.init and _has_default(one)]
    is_slotted, is_followed = len(setters) == len(names), hasattr(kind, "__post_init__")

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807
        given = completed(values, named) if named or len(values) != every else values
        if is_slotted:
            for put, value in zip(setters, given):  # noqa: B905 - they are as many, and some records are made often
                put(self, value)
        else:
            for name, value in zip(names, given):  # noqa: B905
                _put(self, name, value)
        for one in preset:
            _put(self, one.name, _default(one))
        if is_followed:
            self.__post_init__()

    return __init__


def _completion(kind: Any, taken: list[Field[Any]]) -> Any:
    """What gives the values of these fields, of which some are given by place, some by name, and some not."""
    names = [one.name for one in taken]
    places = sum(not one.kw_only for one in taken)
    defaults = {one.name: one for one in taken if _has_default(one)}

    def completed(values: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        found, missing, used = list(values), [], 0
        for name in names[len(values) :]:
            if name in named:
                found.append(named[name])
                used += 1
            elif name in defaults:
                found.append(_default(defaults[name]))
            else:
                missing.append(name)
        if len(values) > places or used < len(named):
            raise TypeError(f"{kind.__qualname__} takes {', '.join(names)}, each once")
        if missing:
            raise TypeError(f"{kind.__qualname__} lacks {', '.join(missing)}")
        return found

    return completed


def _has_default(one: Field[Any]) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _comparison(every: tuple[Field[Any], ...], *, frozen: bool) -> dict[str, Any]:
    """Equality, and the hash of what is frozen."""
    values = _values([one.name for one in every if one.compare])
    hashed = _values([one.name for one in every if (one.compare if one.hash is None else one.hash)])

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(hashed(self))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _values(names: list[str]) -> Any:
    """What gives the values of fields, in a tuple."""
    return attrgetter(*names) if len(names) > 1 else lambda self: tuple([getattr(self, name) for name in names])


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _unchanged(_: Any, name: str, __: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _undeleted(_: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        _put(self, one.name, value)
