"""A network in two: the trunk up to the layer that is explained, and the tail after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.devices import is_out_of_memory
from sygus.saliency.networks.classifier import Shape, probe_pictures
from sygus.saliency.networks.hooking import HookedTail, HookedTrunk
from sygus.saliency.networks.layers import Layer, plain_attention
from sygus.saliency.networks.tracing import NotTraceable, split_graph, takes_pictures

SplitKind: TypeAlias = Literal["fx", "hook"]
"""By the graph that torch.fx records, or by hooks that replace the layer's output."""

TOLERANCE = 1e-5
"""Of the largest logit: how far the two halves may be from the network."""

_CHECKED = 3
"""Pictures a split is checked on; other than the numbers it was settled with."""


@dataclass(frozen=True, eq=False)
class SplitNetwork:
    """A network split at a layer.

    Attributes:
        kind: how.
        trunk: pictures (B, 3, H, W) to the activation (B, K, h, w).
        tail: the activation to logits (B, classes); it may change its argument in place.
        needs_pictures: whether the tail takes the pictures as its second argument, since the logits depend on them
            by a way around the layer: a skip connection, a class token.
        reason: why it is not ``fx``; "" where it is.
        repeats: whether two passes of the network gave the same logits to the last bit.
    """

    kind: SplitKind
    trunk: nn.Module
    tail: nn.Module
    needs_pictures: bool
    reason: str = ""
    repeats: bool = True

    def logits(self, activation: Tensor, pictures: Tensor) -> Tensor:
        """The tail's logits."""
        logits: Tensor = self.tail(activation, pictures) if self.needs_pictures else self.tail(activation)
        return logits


def split(pipeline: nn.Module, layer: Layer, shape: Shape, device: torch.device) -> SplitNetwork:
    """Split a pipeline at a layer and check that the halves compute what it computes.

    Raises:
        OptionError: the logits are not finite, differ each time, or do not depend on the layer.
    """
    pictures = probe_pictures(_CHECKED, shape).to(device)
    with torch.no_grad(), plain_attention():
        expected, again = pipeline(pictures), pipeline(pictures)
    if not bool(expected.isfinite().all()):
        raise OptionError(
            "--network: the model gives logits that are not finite", "check its weights and the normalisation"
        )
    if deviation(again, expected) > TOLERANCE:
        raise OptionError(
            "--network: the model gives other logits each time",
            "make it deterministic in evaluation mode: nothing random may be left in it",
        )
    found = _by_graph(pipeline, layer, shape, pictures, expected)
    if isinstance(found, str):
        found = _by_hooks(pipeline, layer, shape, pictures, found)
        with torch.no_grad():
            off = deviation(found.logits(found.trunk(pictures), pictures), expected)
        if off > TOLERANCE:
            raise OptionError(
                f"--layer: '{layer.name}' cannot be split off: putting its output back changes the logits"
            )
    _check_gradient(found, layer, pictures)
    return replace(found, repeats=torch.equal(again, expected))


def deviation(found: Tensor, expected: Tensor) -> float:
    """The largest difference, in units of the largest magnitude expected; infinite where something is not finite."""
    if found.shape != expected.shape or not bool(found.isfinite().all() and expected.isfinite().all()):
        return float("inf")
    scale = expected.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    return float(((found - expected).abs().max() / scale).item())


def _by_graph(
    pipeline: nn.Module, layer: Layer, shape: Shape, pictures: Tensor, expected: Tensor
) -> SplitNetwork | str:
    """The split, or why there is none."""
    try:
        trunk, tail = split_graph(pipeline, layer, shape)
        halves = SplitNetwork("fx", trunk, tail, takes_pictures(tail))
        with torch.no_grad():
            off = deviation(halves.logits(trunk(pictures).clone(), pictures), expected)
    except NotTraceable as error:
        return str(error)
    except Exception as error:  # a graph of foreign code may fail in any way when it runs
        if is_out_of_memory(error):
            raise
        return f"the graph that torch.fx records does not run ({type(error).__name__})"
    return halves if off <= TOLERANCE else "the graph that torch.fx records computes something else"


def _by_hooks(pipeline: nn.Module, layer: Layer, shape: Shape, pictures: Tensor, reason: str) -> SplitNetwork:
    """The split; whether the logits depend on the pictures otherwise is found by changing the pictures alone."""
    trunk, tail = HookedTrunk(pipeline, layer), HookedTail(pipeline, layer, shape)
    needs_pictures = True
    if layer.view.complete:
        with torch.no_grad():
            activation = trunk(pictures)
            one, other = (tail(activation.clone(), x) for x in (pictures, pictures.flip(0, -1)))
            needs_pictures = not torch.equal(one, other)
    return SplitNetwork("hook", trunk.eval(), tail.eval(), needs_pictures, reason)


def _check_gradient(halves: SplitNetwork, layer: Layer, pictures: Tensor) -> None:
    with torch.no_grad():
        activation = halves.trunk(pictures)
    leaf = activation.detach().requires_grad_()
    with torch.enable_grad():
        total = halves.logits(leaf.clone(), pictures).sum()
    if not total.requires_grad or torch.autograd.grad(total, leaf, allow_unused=True)[0] is None:
        raise OptionError(
            f"--layer: the logits have no gradient with respect to '{layer.name}'",
            "choose a layer on the way to the logits; the model must not switch gradients off after it",
        )
