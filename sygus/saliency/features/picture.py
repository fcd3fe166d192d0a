"""What the gradient with respect to the picture shows, on the picture's own grid, whatever the layer.

Gradients are in units of the network's normalisation: a model that is given normalised pictures has the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.saliency.features.draws import normal, positive
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register
from sygus.saliency.features.smooth import mean_of, noise, unit_of

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network

COPIES = 16
"""Noisy copies of each picture for SmoothGrad."""

STEPS = 8
"""Pictures on the path of the integrated gradients."""


def smooth_input_gradient(
    network: Network, pictures: Tensor, targets: Tensor, *, n: int = COPIES, sigma: float = 0.3, seed: int = 0
) -> Tensor:
    """SmoothGrad (Smilkov et al. 2017): ∂y/∂x averaged over x + N(0, σ²), its mean magnitude over the colours.

    Args:
        network: the classifier.
        pictures: (N, 3, H, W) in pixel space.
        targets: (N,).
        n: noisy copies of each picture.
        sigma: deviation of the noise, in units of the network's normalisation.
        seed: of the noise.

    Returns:
        (N, H, W), nonnegative.
    """
    pictures = pictures.to(network.device)
    unit = unit_of(network)
    draws = noise(n, tuple(pictures.shape[1:]), sigma, seed).to(network.device) * unit
    gradients = (network.input_gradient(pictures + draw, targets)[1] for draw in draws)
    return (mean_of(gradients, n, "SmoothGrad") * unit).abs().mean(1)


def integrated_from_blur(network: Network, pictures: Tensor, targets: Tensor, *, steps: int = STEPS) -> Tensor:
    """Integrated gradients (Sundararajan et al. 2017, equation 1) from the blurred picture, summed over the colours.

    The sum over the pixels is y of the picture less y of the blurred one, but for the error of the quadrature (the
    midpoints of equal steps). Blurring takes away what stands out and leaves the colours, where a black picture would
    have dark pixels count for nothing (Sturmfels et al. 2020, "Visualizing the impact of feature attribution
    baselines").

    Args:
        network: the classifier.
        pictures: (N, 3, H, W) in pixel space.
        targets: (N,).
        steps: pictures on the path.

    Returns:
        (N, H, W), of both signs.
    """
    from sygus.saliency.blurring import blur

    pictures = pictures.to(network.device)
    blurred = blur(pictures)
    change = pictures - blurred
    path = (blurred + (step + 0.5) / steps * change for step in range(steps))
    gradients = (network.input_gradient(one, targets)[1] for one in path)
    return (mean_of(gradients, steps, "integrated gradients") * change).sum(1)


def _measure_gradient(measured: Measured) -> Mapping[str, Tensor]:
    gradient = measured.network.input_gradient(measured.pictures, measured.targets)[1]
    return {"input-gradient": (gradient * unit_of(measured.network)).abs().mean(1)}


def _measure_smooth(measured: Measured) -> Mapping[str, Tensor]:
    return {"smooth-input-gradient": smooth_input_gradient(measured.network, measured.pictures, measured.targets)}


def _measure_integrated(measured: Measured) -> Mapping[str, Tensor]:
    return {"integrated-gradient": integrated_from_blur(measured.network, measured.pictures, measured.targets)}


register(
    Feature(
        name="input-gradient",
        rank="saliency",
        latex=r"\left|\frac{\partial Y^c}{\partial x_{xy}}\right|",
        doc="The magnitude of the logit's gradient with respect to the picture, its mean over the colours (Simonyan et "
        "al. 2014, arXiv 1312.6034).",
        domain="nonnegative",
        measure=_measure_gradient,
        draw=positive,
        passes=GRADIENT,
        order=95,
    ),
    Feature(
        name="smooth-input-gradient",
        rank="saliency",
        latex=r"\left|\overline{\frac{\partial Y^c}{\partial x_{xy}}}\right|",
        doc="SmoothGrad: that of the mean gradient over 16 noisy pictures (Smilkov et al. 2017, arXiv 1706.03825).",
        domain="nonnegative",
        measure=_measure_smooth,
        draw=positive,
        passes=COPIES * GRADIENT,
        kept=True,
        order=96,
    ),
    Feature(
        name="integrated-gradient",
        rank="saliency",
        latex=r"\int_0^1 \frac{\partial Y^c}{\partial x_{xy}}(\alpha)\, d\alpha \cdot \Delta x_{xy}",
        doc="Integrated gradients from the blurred picture to the picture in eight steps, summed over the colours, of "
        "both signs (Sundararajan et al. 2017, arXiv 1703.01365; the baseline of Sturmfels et al. 2020).",
        measure=_measure_integrated,
        draw=normal,
        passes=STEPS * GRADIENT,
        kept=True,
        order=97,
    ),
)
