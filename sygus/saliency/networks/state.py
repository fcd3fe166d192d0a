"""What a model computes with, compared bit by bit."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

_NOT_COMPARED = ("training",)
"""Attributes of modules that a network made of them has of its own."""

_SCALARS = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)

_OPAQUE = (type, FunctionType, BuiltinFunctionType, ModuleType)
"""Objects that are what they are: only whether they are the same is asked."""

_MOST = 100_000
"""Facts that are looked at; a model on which more hangs is never known to be the same."""


class State:
    """What a model computes with: its modules and whatever hangs on them, with classes and hooks, and all tensors.

    Tensors are compared bit by bit with copies, so that it does not matter by which way they were written to. What
    functions capture, and the inside of objects of compiled classes, is not looked at.

    Args:
        model: is not run.
    """

    def __init__(self, model: nn.Module) -> None:
        facts = _Facts(model)
        self._facts, self._held, self._whole = facts.found, facts.held, facts.whole
        self._tensors = [tensor.detach().clone() for tensor in facts.tensors]

    def holds(self, model: nn.Module) -> bool:
        """Whether nothing has changed since."""
        now = _Facts(model)
        if not (self._whole and now.whole and self._facts == now.found):
            return False
        return all(map(_same_bits, self._tensors, now.tensors))


class _Facts:
    """What is compared of a model: scalars, and objects by their identity; and its tensors, in the same order.

    Attributes:
        found: the facts.
        tensors: those of the model itself.
        held: the objects, which must live as long as their identity is compared.
        whole: whether everything could be looked at.
    """

    def __init__(self, model: nn.Module) -> None:
        self.found: list[object] = []
        self.tensors: list[Tensor] = []
        self.held: list[object] = []
        self.whole = True
        self._met: set[int] = set()
        waiting: list[Any] = [model]
        while waiting and self.whole:
            waiting.extend(reversed(self._look(waiting.pop())))
            self.whole = self.whole and len(self.found) <= _MOST

    def _look(self, value: Any) -> list[Any]:
        """Note one value; gives what is inside it, if it was not met before."""
        if isinstance(value, _SCALARS):
            self.found.append((type(value).__name__, repr(value)))
            return []
        if isinstance(value, MethodType):  # made anew whenever it is asked for
            return [value.__func__, value.__self__]
        self.found.append(id(value))
        self.held.append(value)
        if id(value) in self._met or isinstance(value, _OPAQUE):
            return []
        self._met.add(id(value))
        match value:
            case Tensor():
                self._note(value)
                return []
            case dict():
                self.found.append(len(value))
                return [part for item in value.items() for part in item]
            case list() | tuple() | set() | frozenset():
                self.found.append(len(value))
                return list(value)
        inside = getattr(value, "__dict__", None)
        if not isinstance(inside, dict):
            return []
        passes = [type(value).forward] if isinstance(value, nn.Module) else []
        return [type(value), *passes, *self._attributes(inside)]

    def _attributes(self, inside: dict[str, Any]) -> list[Any]:
        found: list[Any] = []
        for name, value in inside.items():
            if name in _NOT_COMPARED:
                continue
            # torch numbers hooks as they are registered, so that one that went and came back has another number
            hooks = "_hooks" in name and isinstance(value, dict)
            found += [name, *value.values()] if hooks else [name, value]
        return found

    def _note(self, tensor: Tensor) -> None:
        plain = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
        self.whole = self.whole and plain and type(tensor.detach()) is Tensor  # else its bits cannot be read
        self.found.append((tuple(tensor.shape), tensor.dtype, tensor.device))
        self.tensors.append(tensor)


_WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one shape and kind are equal, as numbers that are no NaN too."""
    one, other = one.detach(), other.detach()
    if one.is_complex():
        one, other = torch.view_as_real(one.resolve_conj()), torch.view_as_real(other.resolve_conj())
    words = _WORDS[one.element_size()]
    return torch.equal(one.view(words), other.view(words))


def computed_tensors(model: nn.Module) -> list[Tensor]:
    """The tensors that hang on a model and were computed with gradients, such as what the hooks of others keep.

    Args:
        model: is not run.
    """
    return [tensor for tensor in _Facts(model).tensors if not tensor.is_leaf]
