"""Splitting a network at a layer by hooks, where its graph cannot be had: every pass runs the network's own code.

The trunk stops at the layer; the tail runs the whole network and puts the activation in the place of the layer's
output. It is slower than a split by the graph and computes the same. Hooks are registered for a pass at a time, so two
threads must not use one network at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from sygus.saliency.networks.layers import Layer, plain_attention


class _Reached(BaseException):
    """Ends a pass at the layer; no ``except Exception`` of the model can hold it back."""

    def __init__(self, activation: Tensor) -> None:
        self.activation = activation


class _Hooked(nn.Module):
    """Runs a pipeline with the last output of a layer handed to a function."""

    def __init__(self, pipeline: nn.Module, layer: Layer) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.layer = layer

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


class HookedTrunk(_Hooked):
    """Pictures (B, 3, H, W) to the activation (B, K, h, w)."""

    def forward(self, pictures: Tensor) -> Tensor:
        """The activation, a copy that later operations in place do not change."""

        def stop(output: Any) -> None:
            raise _Reached(self.layer.view.extract(output).clone())

        try:
            with self._at_layer(stop):
                self.pipeline(pictures)
        except _Reached as reached:
            return reached.activation
        raise RuntimeError(f"the layer '{self.layer.name}' did not run")


class HookedTail(_Hooked):
    """The activation (B, K, h, w) to logits (B, classes), with the pictures where the logits need them otherwise."""

    def __init__(self, pipeline: nn.Module, layer: Layer, size: tuple[int, int]) -> None:
        super().__init__(pipeline, layer)
        self.size = size

    def forward(self, activation: Tensor, pictures: Tensor | None = None) -> Tensor:
        """The logits; without pictures the network runs on black ones."""
        if pictures is None:
            pictures = activation.new_zeros(len(activation), 3, *self.size)
        with self._at_layer(lambda output: self.layer.view.restore(activation, output)):
            logits: Tensor = self.pipeline(pictures)
        return logits
