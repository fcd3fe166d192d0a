"""Networks made of one model, kept for as long as the model is what it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MethodType
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

_DEPTH = 4
"""Containers inside containers that are looked into."""

_BLOCK = 64
"""Words of eight bytes that are summed before the sum is weighed by its place."""


class State:
    """What a model computes with: its modules, their classes, attributes and hooks, and all bits of its tensors.

    Two states of one model are equal only if none of that has changed in between, by whatever way tensors are written
    to. Objects of other kinds that hang on modules are compared by their identity: what changes inside them is not
    seen.

    Args:
        model: is not run.
    """

    def __init__(self, model: nn.Module) -> None:
        self._held: list[object] = []  # what is known by its identity lives as long as that is compared
        self._sums: list[Tensor] = []
        modules = model.named_modules(remove_duplicate=False)
        self._facts = [(path, self._module(module)) for path, module in modules]
        self._bits = [int(one) for one in self._sums]  # read when all have been asked for: a device works meanwhile
        self._sums.clear()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self._bits == other._bits and self._facts == other._facts

    def __hash__(self) -> int:
        return hash(tuple(self._bits))

    def _module(self, module: nn.Module) -> object:
        kind = (self._same(module), self._same(type(module)), self._same(type(module).forward))
        return kind, [(name, self._attribute(name, value)) for name, value in vars(module).items()]

    def _attribute(self, name: str, value: Any) -> object:
        if name in _NOT_COMPARED:
            return None
        # torch numbers hooks as they are registered, so that one that went and came back has another number
        hooks = "_hooks" in name and isinstance(value, dict)
        return self._fact(list(value.values()) if hooks else value, _DEPTH)

    def _fact(self, value: Any, depth: int) -> object:
        match value:
            case Tensor():
                return self._tensor(value)
            case MethodType():
                return self._same(value.__func__), self._same(value.__self__)
            case dict() if depth:
                return [(self._fact(key, depth - 1), self._fact(one, depth - 1)) for key, one in value.items()]
            case list() | tuple() if depth:
                return [type(value).__name__, *(self._fact(one, depth - 1) for one in value)]
            case _ if isinstance(value, _SCALARS):
                return type(value).__name__, repr(value)
            case _:
                return self._same(value)

    def _same(self, value: object) -> object:
        self._held.append(value)
        return id(value)

    def _tensor(self, tensor: Tensor) -> object:
        plain = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
        if not plain or type(tensor.detach()) is not Tensor:
            return self._same(object())  # its bits cannot be read, so it is never known to be the same
        self._sums.append(_sum_of(tensor.detach()))
        version = None if tensor.is_inference() else tensor._version
        return self._same(tensor), tuple(tensor.shape), tensor.dtype, tensor.device, version


def _sum_of(tensor: Tensor) -> Tensor:
    """A sum of the bits of a tensor that tells where they are, int64 ()."""
    tensor = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    dense = torch.ops.aten.is_non_overlapping_and_dense(tensor)
    if not dense or tensor.storage_offset() * tensor.element_size() % 8:
        tensor = tensor.clone(memory_format=torch.contiguous_format)
    octets = tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8)
    blocked = len(octets) // (8 * _BLOCK) * (8 * _BLOCK)
    return _weighed(octets[:blocked].view(torch.int64).view(-1, _BLOCK).sum(1)) + _weighed(octets[blocked:])


def _weighed(numbers: Tensor) -> Tensor:
    return (numbers * torch.arange(1, len(numbers) + 1, device=numbers.device)).sum()


class KeptNetworks:
    """The networks of one model: made once, and again only when the model is another.

    They are of a copy of the model, at any of its layers, for pictures of one shape on one device.

    Args:
        model: somebody else's; it is left as it is.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._made: dict[str, Network] = {}
        self._of: tuple[State, Shape, torch.device] | None = None

    def clear(self) -> None:
        """Forget them."""
        self._made.clear()

    def paths(self) -> dict[nn.Module, str]:
        """The names of the model's modules."""
        return {module: path for path, module in unwrapped(self.model).named_modules()}

    def refresh(self, shape: Shape, device: torch.device) -> None:
        """Forget what is of a model that has changed since, or of pictures of another shape or device.

        Args:
            shape: C, H, W of the pictures.
            device: where they are.
        """
        of = (State(unwrapped(self.model)), shape, device)
        if of != self._of:
            self.clear()
        self._of = of

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
        assert self._of is not None
        _, shape, device = self._of
        chunk = chunk_for_few(shape[1:], count)
        if not self._made:
            name = type(self.model).__name__
            self._made[layer] = make_network(undescribed(self.model, shape), name, device, layer, chunk)
        any_made = next(iter(self._made.values()))
        if layer not in self._made:
            self._made[layer] = any_made.at(layer)
        absent = {name: path for name, path in named.items() if path not in self._made}
        self._made |= {named[name]: one for name, one in split_at(any_made, absent).items()}
        layers = {name: replace(self._made[path], chunk=chunk) for name, path in named.items()}
        return replace(self._made[layer], chunk=chunk), layers
