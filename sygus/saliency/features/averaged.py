"""Mean gradients over changed feature maps: along the way from nothing to them, and around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sygus.saliency.features.draws import normal
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register
from sygus.saliency.features.smooth import mean_of, noise

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 20
"""Points on the path."""

DRAWS, SIGMA, SEED = 8, 0.1, 0
"""Draws of noise, their deviation as a part of the largest magnitude of the picture's feature maps, and their seed."""


def _mean_gradient(measured: Measured, changed: Iterable[Tensor], count: int, title: str) -> Tensor:
    network, targets, pictures = measured.network, measured.targets, measured.pictures
    return mean_of((network.gradient(activation, targets, pictures)[1] for activation in changed), count, title)


def _measure_path(measured: Measured) -> Mapping[str, Tensor]:
    activation = measured["activation"]
    path = (activation * (step / STEPS) for step in range(1, STEPS + 1))
    return {"path-gradient": _mean_gradient(measured, path, STEPS, "gradients along the path")}


def _measure_noise(measured: Measured) -> Mapping[str, Tensor]:
    activation = measured["activation"]
    scale = activation.abs().amax((1, 2, 3), keepdim=True)
    draws = noise(DRAWS, tuple(activation.shape[1:]), SIGMA, SEED).to(activation.device)
    noisy = (activation + scale * draw for draw in draws)
    return {"noise-gradient": _mean_gradient(measured, noisy, DRAWS, "gradients of noisy feature maps")}


register(
    Feature(
        name="path-gradient",
        rank="map",
        latex=r"\frac{1}{m}\sum_{l} \frac{\partial Y^c}{\partial A^k_{ij}}\left(\tfrac{l}{m} A\right)",
        doc=f"The mean gradient at {STEPS} points from 0 to the feature maps (Sattarzadeh et al. 2021).",
        measure=_measure_path,
        draw=normal,
        passes=STEPS * GRADIENT,
        kept=True,
        order=85,
    ),
    Feature(
        name="noise-gradient",
        rank="map",
        latex=r"\mathbb{E}_\varepsilon \frac{\partial Y^c}{\partial A^k_{ij}}\left(A + \varepsilon\right)",
        doc=f"The mean gradient over {DRAWS} draws of noise on the feature maps, of {SIGMA} times their largest value "
        "(after Expected Grad-CAM, Buono et al. 2024, arXiv 2406.01274).",
        measure=_measure_noise,
        draw=normal,
        passes=DRAWS * GRADIENT,
        kept=True,
        order=86,
    ),
)
