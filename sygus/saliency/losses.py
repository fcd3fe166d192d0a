"""What networks are trained by: cross-entropy alone, with gradients like guided ones, or with CAMs as attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from sygus.errors import OptionError
from sygus.maps import unit_range
from sygus.saliency.networks.embedded import ShapesNetwork

LABEL_SMOOTHING = 0.1

Loss = Callable[[ShapesNetwork, Tensor, Tensor], Tensor]
"""From a network, pictures (B, 3, H, W) and their labels (B,) to the number that training makes small."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """L_C, the mean over pictures, of labels smoothed by :data:`LABEL_SMOOTHING`."""
    return functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)


def classification(network: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
    """L_C."""
    return cross_entropy(network(pictures), labels)


# Interpretable gradients

ErrorName: TypeAlias = Literal["absolute", "squared", "cosine", "intersection"]
Error = Callable[[Tensor, Tensor], Tensor]
"""E of the gradients of pictures and the guided ones, (B, p) each: (B,), 0 where they are the same and not 0."""


def absolute(gradient: Tensor, guided: Tensor) -> Tensor:
    """The mean over pixels of |δ - δ_G|."""
    return (gradient - guided).abs().mean(1)


def squared(gradient: Tensor, guided: Tensor) -> Tensor:
    """The mean over pixels of (δ - δ_G)²."""
    return (gradient - guided).square().mean(1)


def cosine(gradient: Tensor, guided: Tensor) -> Tensor:
    """1 - ⟨δ, δ_G⟩ / (‖δ‖ ‖δ_G‖), in [0, 2]; 1 where a gradient is 0."""
    return 1 - (_divided(gradient, 2) * _divided(guided, 2)).sum(1)


def intersection(gradient: Tensor, guided: Tensor) -> Tensor:
    """1 - Σ_j min(h_j, h'_j), h = |δ| / ‖δ‖₁ and h' of δ_G: the intersection of histograms (Swain and Ballard 1991).

    A pixel is a bin, and what is counted in it the magnitude of the gradient. So nothing is rounded to bins, and it has
    a gradient wherever no pixel has h = h' or δ = 0; there minima and magnitudes have torch's subgradients. In [0, 1];
    half of ‖h - h'‖₁ where neither gradient is 0, and 1 where one is.
    """
    return 1 - torch.minimum(_divided(gradient.abs(), 1), _divided(guided.abs(), 1)).sum(1)


def _divided(rows: Tensor, order: int) -> Tensor:
    """Each row by its norm; rows of 0 as they are."""
    norm = torch.linalg.vector_norm(rows, order, dim=1, keepdim=True)
    return rows / torch.where(norm > 0, norm, 1)


ERRORS: Mapping[ErrorName, Error] = {
    "absolute": absolute,
    "squared": squared,
    "cosine": cosine,
    "intersection": intersection,
}


@dataclass
class Guide:
    """Whether ReLUs hold back the negative part of what comes back through them now."""

    on: bool = False


class _Rectified(torch.autograd.Function):
    """ReLU, whose way back follows a :class:`Guide`; it can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, guide: Guide) -> Tensor:
        ctx.save_for_backward(x)
        ctx.guide = guide
        return x.relu()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        (x,), (slope,) = ctx.saved_tensors, slopes
        passed = slope * (x > 0)
        return passed.relu() if ctx.guide.on else passed, None


@contextmanager
def guided_rectifiers(network: nn.Module) -> Iterator[Guide]:
    """While this lasts, what passes through the ReLU modules of a network comes back as the guide says.

    Raises:
        OptionError: there are none.
    """
    rectifiers = [module for module in network.modules() if isinstance(module, nn.ReLU)]
    if not rectifiers:
        message = "guided gradients are those of networks with ReLU modules, and this one has none"
        raise OptionError(message, "write ReLU as a module")
    guide = Guide()
    hooks = [
        one.register_forward_hook(lambda _, given, __: _Rectified.apply(given[0], guide))  # type: ignore[no-untyped-call]
        for one in rectifiers
    ]
    try:
        yield guide
    finally:
        for hook in hooks:
            hook.remove()


def input_gradients(network: nn.Module, pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L_C, δx = ∂L_C/∂x, and δ_G x, the same by guided backpropagation (Springenberg et al. 2015), of one forward pass.

    Args:
        network: classifies; its negative gradients are held back at ReLU modules.
        pictures: x, (B, 3, H, W).
        labels: (B,).

    Returns:
        L_C and δx (B, p) as parts of the graph, p the values of a picture, and δ_G x (B, p) as a constant.

    Raises:
        OptionError: the network has no ReLU modules.
    """
    leaf = pictures.detach().requires_grad_()
    with guided_rectifiers(network) as guide:
        loss = cross_entropy(network(leaf), labels)
    guide.on = True
    (guided,) = torch.autograd.grad(loss, leaf, retain_graph=True)
    guide.on = False
    (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True)
    return loss, gradient.flatten(1), guided.flatten(1)


def interpretable_gradients(error: ErrorName, weight: float) -> Loss:
    """L_C + λ · mean_i E(δx_i, δ_G x_i): gradients are to look like guided ones (Torres et al. 2024, arXiv 2404.15024).

    Args:
        error: E.
        weight: λ, at least 0. The errors differ in scale: where ``cosine`` is about 1, ``squared`` is about 1e-8, for
            gradients of a mean over a batch are small.
    """

    def loss(network: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
        classified, gradient, guided = input_gradients(network, pictures, labels)
        return classified + weight * ERRORS[error](gradient, guided).mean()

    return loss


# Attention


def attentive(network: ShapesNetwork, pictures: Tensor, labels: Tensor) -> Tensor:
    """The mean of L_C of the maps F and of F ⊙ (1 + M), M the label's Grad-CAM scaled to [0, 1] on the layer's grid.

    M is a constant of each step. Both losses together are what attention branches are trained by (Fukui et al. 2019,
    arXiv 1812.10025); after training the network classifies F alone, so that it is the same network.
    """
    features = network.features(network.normalise(pictures))
    logits = network.head(features)
    (slope,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), features, retain_graph=True)
    cam = (slope.mean((2, 3), keepdim=True) * features.detach()).sum(1, keepdim=True).relu()
    attended = network.head(features * (1 + unit_range(cam)))
    return (cross_entropy(logits, labels) + cross_entropy(attended, labels)) / 2


ERROR_NAMES: tuple[ErrorName, ...] = get_args(ErrorName)
