"""Networks made of one model, kept for as long as the model is what it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from sygus.saliency.networks.chunks import chunk_for_few
from sygus.saliency.networks.classifier import Shape, undescribed
from sygus.saliency.networks.network import Network, make_network, unwrapped
from sygus.saliency.networks.together import split_at

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


class KeptNetworks:
    """The networks of one model: made once, and again only when the model is another.

    They are of a copy of the model, at any of its layers, for pictures of one shape on one device.

    Args:
        model: somebody else's; it is left as it is.
        multi_label: see :class:`~sygus.saliency.networks.classifier.Classifier`.
    """

    def __init__(self, model: nn.Module, *, multi_label: bool = False) -> None:
        self.model = model
        self.multi_label = multi_label
        self._made: dict[str, Network] = {}
        self._state: State | None = None  # of the model that they were made of
        self._place: tuple[Shape, torch.device] | None = None

    def clear(self) -> None:
        """Forget them."""
        self._made.clear()
        self._state = None

    def paths(self) -> dict[nn.Module, str]:
        """The names of the model's modules."""
        return {module: path for path, module in unwrapped(self.model).named_modules()}

    def refresh(self, shape: Shape, device: torch.device) -> None:
        """Forget what is of a model that has changed since, or of pictures of another shape or device.

        Args:
            shape: C, H, W of the pictures.
            device: where they are.
        """
        state = self._state if self._place == (shape, device) else None
        if state is None or not state.holds(unwrapped(self.model)):
            self.clear()
        self._place = shape, device

    def has(self, layer: str) -> bool:
        """Whether the network is kept, split at the module of this name."""
        return layer in self._made

    def at(self, layer: str, named: Mapping[str, str], count: int) -> tuple[Network, dict[str, Network]]:
        """The network split at a layer, and at those that have names; after :meth:`refresh`.

        Args:
            layer: the name of its module.
            named: names of layers to names of modules.
            count: how many pictures are to pass.

        Raises:
            OptionError: a layer cannot be explained, or the model cannot be run or copied.
        """
        assert self._place is not None
        shape, device = self._place
        self._state = self._state or State(unwrapped(self.model))
        chunk = chunk_for_few(shape[1:], count)
        if not self._made:
            name = type(self.model).__name__
            classifier = replace(undescribed(self.model, shape), multi_label=self.multi_label)
            self._made[layer] = make_network(classifier, name, device, layer, chunk)
        any_made = next(iter(self._made.values()))
        if layer not in self._made:
            self._made[layer] = any_made.at(layer)
        absent = {name: path for name, path in named.items() if path not in self._made}
        self._made |= {named[name]: one for name, one in split_at(any_made, absent).items()}
        layers = {name: replace(self._made[path], chunk=chunk) for name, path in named.items()}
        return replace(self._made[layer], chunk=chunk), layers
