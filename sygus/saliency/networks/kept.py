"""Networks made of one model, kept for as long as the model is what it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from sygus.saliency.networks.chunks import chunk_for_few
from sygus.saliency.networks.classifier import Shape, undescribed
from sygus.saliency.networks.network import Network, make_network, unwrapped
from sygus.saliency.networks.state import State
from sygus.saliency.networks.together import split_at


class KeptNetworks:
    """The networks of one model: made once, and again only when the model is another.

    They are of a copy of the model, at any of its layers, for pictures of one shape on one device.

    Args:
        model: somebody else's; it is left as it is.
        multi_label: see :class:`~sygus.saliency.networks.classifier.Classifier`.
        importance: likewise; its branch weighs the channels of the layer that is asked for first.
    """

    def __init__(self, model: nn.Module, *, multi_label: bool = False, importance: str | None = None) -> None:
        self.model = model
        self.multi_label, self.importance = multi_label, importance
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
            taken = undescribed(self.model, shape, None if self.importance is None else layer)
            classifier = replace(taken, multi_label=self.multi_label, importance=self.importance)
            self._made[layer] = make_network(classifier, name, device, layer, chunk)
        any_made = next(iter(self._made.values()))
        if layer not in self._made:
            self._made[layer] = any_made.at(layer)
        absent = {name: path for name, path in named.items() if path not in self._made}
        self._made |= {named[name]: one for name, one in split_at(any_made, absent).items()}
        layers = {name: replace(self._made[path], chunk=chunk) for name, path in named.items()}
        return replace(self._made[layer], chunk=chunk), layers
