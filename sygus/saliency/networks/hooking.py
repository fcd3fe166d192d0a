"""Splitting a network at a layer by hooks, where its graph cannot be had: every pass runs the network's own code.

The trunk stops at the layer; the tail runs the whole network and puts the activation in the place of the layer's
output. It is slower than a split by the graph and computes the same. Hooks are registered for a pass at a time, so two
threads must not use one network at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from torch import Tensor, nn

from sygus.saliency.networks.classifier import Shape
from sygus.saliency.networks.layers import Layer, plain_attention


class _Reached(BaseException):
    """Ends a pass when every layer has run; no ``except Exception`` of the model can hold it back."""


def hooked_activations(pipeline: nn.Module, layers: Sequence[Layer], pictures: Tensor) -> list[Tensor]:
    """The activations (B, K, h, w) of several layers for pictures (B, 3, H, W), by one pass that ends at the last.

    They are copies that later operations in place do not change.
    """
    found: dict[int, Tensor] = {}
    handles = []

    def hook_of(place: int) -> Callable[[nn.Module, Any, Any], None]:
        layer, calls = layers[place], count(1)

        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if next(calls) == layer.calls:
                found[place] = layer.view.extract(output).clone()
                if len(found) == len(layers):
                    raise _Reached

        return hook

    try:
        for place, layer in enumerate(layers):
            handles.append(pipeline.get_submodule(layer.path).register_forward_hook(hook_of(place)))
        with plain_attention(), suppress(_Reached):
            pipeline(pictures)
    finally:
        for handle in handles:
            handle.remove()
    missing = [layer.name for place, layer in enumerate(layers) if place not in found]
    if missing:
        raise RuntimeError(f"the layer '{missing[0]}' did not run")
    return [found[place] for place in range(len(layers))]


class HookedTrunk(nn.Module):
    """Pictures (B, 3, H, W) to the activation (B, K, h, w)."""

    def __init__(self, pipeline: nn.Module, layer: Layer) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.layer = layer

    def forward(self, pictures: Tensor) -> Tensor:
        """The activation."""
        return hooked_activations(self.pipeline, [self.layer], pictures)[0]


class HookedTail(nn.Module):
    """The activation (B, K, h, w) to logits (B, classes), with the pictures where the logits need them otherwise."""

    def __init__(self, pipeline: nn.Module, layer: Layer, shape: Shape) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.layer = layer
        self.shape = shape

    def forward(self, activation: Tensor, pictures: Tensor | None = None) -> Tensor:
        """The logits; without pictures the network runs on black ones."""
        if pictures is None:
            pictures = activation.new_zeros(len(activation), *self.shape)
        with self._at_layer(lambda output: self.layer.view.restore(activation, output)):
            logits: Tensor = self.pipeline(pictures)
        return logits

    @contextmanager
    def _at_layer(self, function: Callable[[Any], Any]) -> Iterator[None]:
        """While this lasts, the last output of the layer in a pass is what the function makes of it."""
        calls = 0

        def hook(_: nn.Module, __: Any, output: Any) -> Any:
            nonlocal calls
            calls += 1
            return function(output) if calls == self.layer.calls else None

        handle = self.pipeline.get_submodule(self.layer.path).register_forward_hook(hook)
        try:
            with plain_attention():
                yield
        finally:
            handle.remove()
        if calls != self.layer.calls:
            raise RuntimeError(f"the layer '{self.layer.name}' ran {calls} times, {self.layer.calls} were expected")
