"""Opti-CAM: the weights of channels, found by gradient ascent for each picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from sygus.deferred import torch
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register
from sygus.saliency.progress import track

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network

Loss = Literal["mask", "diff", "iomask", "iodiff"]
Normalisation = Literal["range", "max", "sigmoid"]

GROUP = 32
"""Pictures that are optimised together; their steps do not depend on one another."""

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Of Adam (Kingma and Ba 2015)."""


def by_maximum(maps: Tensor) -> Tensor:
    """Maps (…, h, w) that are not negative, divided by the largest value of each; 0 where all of it is."""
    high = maps.amax((-2, -1), keepdim=True)
    return torch.where(high > 0, maps / torch.where(high > 0, high, 1), 0)


def _normaliser(name: Normalisation) -> Callable[[Tensor], Tensor]:
    from sygus.maps import unit_range

    normalisers: dict[Normalisation, Callable[[Tensor], Tensor]] = {
        "range": unit_range,
        "max": by_maximum,
        "sigmoid": torch.sigmoid,
    }
    return normalisers[name]


STEPS = 100
"""Of the ascent, at most."""


def optimal_weights(
    network: Network,
    pictures: Tensor,
    targets: Tensor,
    activation: Tensor,
    *,
    loss: Loss = "mask",
    normalisation: Normalisation = "range",
    steps: int = STEPS,
    rate: float = 0.1,
    tolerance: float = 1e-10,
) -> Tensor:
    """softmax(u*), u* maximising f(x ⊙ n(up(ReLU(Σ_k softmax(u)_k A_k))))_c (Zhang et al. 2024, arXiv 2301.07002).

    Adam from u = 0.5; a picture stops when its objective changes by less than ``tolerance``. The paper has no ReLU, and
    A is not negative there; elsewhere the mask that is optimised has to be the heat map that is drawn. A map that is
    constant is a black mask, not NaN.

    Args:
        network: the classifier.
        pictures: (N, 3, H, W).
        targets: (N,).
        activation: (N, K, h, w).
        loss: the objective, with S the mask and y the clean logit: ``mask`` f(x ⊙ S); ``diff`` -|y - f(x ⊙ S)|;
            ``iomask`` f(x ⊙ S) - f(x ⊙ (1 - S)); ``iodiff`` |y - f(x ⊙ (1 - S))| - |y - f(x ⊙ S)|.
        normalisation: n, by ``range``, ``max`` or ``sigmoid``.
        steps: at most so many.
        rate: the learning rate.
        tolerance: see above.

    Returns:
        (N, K) float32, summing to 1 over the channels.
    """
    pictures, targets = pictures.to(network.device), targets.to(network.device)
    normalise = _normaliser(normalisation)
    starts = range(0, len(pictures), GROUP)
    found = []
    for start in track(starts, len(starts), "groups of pictures by Opti-CAM"):
        group = slice(start, start + GROUP)
        problem = _Problem(network, pictures[group], targets[group], activation[group], loss, normalise)
        found.append(problem.ascend(steps, rate, tolerance))
    return torch.softmax(torch.cat(found), 1)


def ascent_passes(steps: int = STEPS, loss: Loss = "mask") -> int:
    """Forward passes that the ascent takes at most of each picture, see ``GRADIENT``."""
    inside_and_outside = 2 if loss in ("iomask", "iodiff") else 1
    return steps * inside_and_outside * GRADIENT + (1 if loss in ("diff", "iodiff") else 0)


class _Problem:
    """The objective of some pictures as a function of u, and its gradient."""

    def __init__(
        self,
        network: Network,
        pictures: Tensor,
        targets: Tensor,
        activation: Tensor,
        loss: Loss,
        normalise: Callable[[Tensor], Tensor],
    ) -> None:
        self.network, self.pictures, self.targets, self.activation = network, pictures, targets, activation
        self.loss, self.normalise = loss, normalise
        if loss in ("diff", "iodiff"):
            self.clean = network.logits(pictures).gather(1, targets[:, None])[:, 0]

    def ascend(self, steps: int, rate: float, tolerance: float) -> Tensor:
        """U after Adam's steps, (N, K)."""
        u = torch.full(self.activation.shape[:2], 0.5, device=self.activation.device)
        mean, square = torch.zeros_like(u), torch.zeros_like(u)
        last = torch.full((len(u),), torch.inf, device=u.device)
        active = torch.arange(len(u), device=u.device)
        for step in track(range(1, steps + 1), steps, "steps of Opti-CAM"):
            value, gradient = self.value_and_gradient(u[active], active)
            moving = (value - last[active]).abs() >= tolerance
            last[active] = value
            active, gradient = active[moving], gradient[moving]
            if len(active) == 0:
                break
            mean[active] = BETA1 * mean[active] + (1 - BETA1) * gradient
            square[active] = BETA2 * square[active] + (1 - BETA2) * gradient.square()
            unbiased = mean[active] / (1 - BETA1**step)
            scale = (square[active] / (1 - BETA2**step)).sqrt() + EPSILON
            u[active] += rate * unbiased / scale
        return u

    def value_and_gradient(self, u: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """The objective (n,) of the pictures with these indices (n,) and its gradient (n, K) at u (n, K)."""
        from sygus.maps import upsample
        from sygus.saliency.heatmap import combine

        leaf = u.detach().requires_grad_()
        with torch.enable_grad():
            maps = combine(torch.softmax(leaf, 1)[:, :, None, None], self.activation[index])
            mask = self.normalise(upsample(maps, self.network.size))[:, None]
        inside, slope = self._score(mask.detach(), index)
        value = inside
        if self.loss in ("diff", "iodiff"):
            value, slope = _negative_distance(self.clean[index], inside, slope)
        if self.loss in ("iomask", "iodiff"):
            outside, other = self._score(1 - mask.detach(), index)
            if self.loss == "iodiff":
                outside, other = _negative_distance(self.clean[index], outside, other)
            value, slope = value - outside, slope + other  # d(1 - S) = -dS, and the term is subtracted
        (gradient,) = torch.autograd.grad(mask, leaf, slope)
        return value, gradient

    def _score(self, mask: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """f(x ⊙ S)_c and its gradient with respect to S, (n, 1, H, W)."""
        pictures = self.pictures[index]
        value, gradient = self.network.input_gradient(pictures * mask, self.targets[index])
        return value.float(), (gradient.float() * pictures).sum(1, keepdim=True)


def _negative_distance(clean: Tensor, value: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """-|y - f| and its gradient."""
    sign = torch.sign(clean - value)
    return -(clean - value).abs(), slope * sign[:, None, None, None]


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    weights = optimal_weights(measured.network, measured.pictures, measured.targets, measured["activation"])
    return {"opticam": weights}


def _draw_share(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    return torch.softmax(torch.randn(shape, generator=generator, dtype=torch.float64), -3)


register(
    Feature(
        name="opticam",
        rank="weight",
        latex=r"\operatorname{softmax}_k(u^*)",
        doc="Opti-CAM's weights: the convex sum of maps that masks for the largest logit (Zhang et al. 2024).",
        domain="unit",
        measure=_measure,
        draw=_draw_share,
        slow=True,
        passes=ascent_passes(),
        kept=True,
        order=60,
    )
)
