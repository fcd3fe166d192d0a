"""A classifier, split once at the layer that is explained."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

CHUNK = 32
"""Pictures in one forward pass. Every pass has exactly this many (the last is padded), so that the score of a picture
does not depend on what it was batched with: kernels are chosen by batch size, and differ in the last bits."""

_NONNEGATIVE = (nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Softplus)


@dataclass(frozen=True, eq=False)
class Network:
    """A network f = tail ∘ trunk in evaluation mode; pictures are in pixel space, normalisation is part of the trunk.

    Attributes:
        name: how the user names it.
        layer: the module whose output is the activation.
        trunk: pictures (B, 3, H, W) in [0, 1] to the activation (B, K, h, w), without gradients.
        tail: activation to logits (B, classes).
        size: H, W of the pictures it takes.
        classes: the names of the classes.
        nonnegative: whether the activation is nonnegative by construction.
        fingerprint: of the architecture, the weights and the layer.
        device: where it computes.
    """

    name: str
    layer: str
    trunk: Callable[[Tensor], Tensor]
    tail: Callable[[Tensor], Tensor]
    size: tuple[int, int]
    classes: tuple[str, ...]
    nonnegative: bool
    fingerprint: str
    device: torch.device

    def activation(self, pictures: Tensor) -> Tensor:
        """The feature maps (N, K, h, w) of the layer, on the network's device."""
        with torch.no_grad():
            return self._chunked(self.trunk, pictures)

    def logits(self, pictures: Tensor) -> Tensor:
        """The logits (N, classes), on the network's device."""
        with torch.no_grad():
            return self._chunked(lambda chunk: self.tail(self.trunk(chunk)), pictures)

    def probabilities(self, pictures: Tensor, targets: Tensor) -> Tensor:
        """softmax(f(x))_c for each picture (N, 3, H, W) and its target class (N,)."""
        logits = self.logits(pictures)
        return torch.softmax(logits.float(), 1).gather(1, targets.to(logits.device)[:, None])[:, 0]

    def gradient(self, activation: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The target logit y (N,) and ∂y/∂A (N, K, h, w); only the tail runs, from the activation on.

        The network's parameters, their gradients and its mode are left as they were.
        """
        logits, gradients = [], []
        for start in range(0, len(activation), CHUNK):
            leaf = _padded(activation[start : start + CHUNK]).clone().requires_grad_()
            chosen = _padded(targets[start : start + CHUNK].to(leaf.device))
            with torch.enable_grad():
                logit = self.tail(leaf).gather(1, chosen[:, None])[:, 0]
                (gradient,) = torch.autograd.grad(logit.sum(), leaf)
            logits.append(logit.detach())
            gradients.append(gradient)
        count = len(activation)
        return torch.cat(logits)[:count], torch.cat(gradients)[:count]

    def _chunked(self, function: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        if len(pictures) == 0:
            raise ValueError("no pictures to pass through the network")
        outputs = []
        for start in range(0, len(pictures), CHUNK):
            chunk = pictures[start : start + CHUNK].to(self.device)
            chunk = _padded(chunk).contiguous(memory_format=torch.channels_last)
            outputs.append(function(chunk))
        return torch.cat(outputs)[: len(pictures)]


def _padded(chunk: Tensor) -> Tensor:
    """The chunk, filled up to :data:`CHUNK` rows by repeating its first."""
    missing = CHUNK - len(chunk)
    return torch.cat([chunk, chunk[:1].expand(missing, *chunk.shape[1:])]) if missing else chunk


def split_sequential(
    model: nn.Module, name: str, size: tuple[int, int], classes: tuple[str, ...], device: torch.device
) -> Network:
    """Split a model that computes ``head(features(normalise(x)))`` at ``features``, on a copy laid out for speed."""
    laid_out: Any = copy.deepcopy(model).eval().requires_grad_(False).to(device)
    laid_out.to(memory_format=torch.channels_last)
    return Network(
        name=name,
        layer="features",
        trunk=lambda x: laid_out.features(laid_out.normalise(x)),
        tail=laid_out.head,
        size=size,
        classes=classes,
        nonnegative=isinstance(list(laid_out.features.modules())[-1], _NONNEGATIVE),
        fingerprint=_fingerprint(laid_out, "features"),
        device=device,
    )


def _fingerprint(model: nn.Module, layer: str) -> str:
    digest = hashlib.sha256(f"{type(model).__qualname__}/{layer}/{model}".encode())
    for key, value in model.state_dict().items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
