"""Mean powers of the gradient over noisy pictures, and Smooth Grad-CAM++'s α made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.saliency.features.draws import normal
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register
from sygus.saliency.progress import track

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network


def noise(count: int, shape: tuple[int, ...], sigma: float, seed: int) -> Tensor:
    """``count`` draws of N(0, σ²), (count, …), the same on every device.

    All pictures share the draws, so that a picture's explanation does not depend on which others are explained.
    """
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(seed)) * sigma


def unit_of(network: Network) -> Tensor:
    """The deviation by which a network divides each colour, (3, 1, 1): the unit of its normalisation."""
    return torch.tensor(network.deviation, device=network.device).view(-1, 1, 1)


def mean_of(values: Iterable[Tensor], count: int, title: str) -> Tensor:
    """The mean of so many tensors, of which only the sum is held, with progress under a title."""
    total: Tensor | None = None
    for value in track(values, count, title):
        total = value if total is None else total + value
    assert total is not None
    return total / count


COPIES = 4
"""Noisy copies of each picture."""


def noisy_passes(n: int = COPIES) -> int:
    """Forward passes that the gradients of so many noisy copies take of each picture, see ``GRADIENT``."""
    return n * (1 + GRADIENT)


def smooth_gradients(
    network: Network, pictures: Tensor, targets: Tensor, *, n: int = COPIES, sigma: float = 0.3, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """D1, D2, D3: the means of g, g² and g³ over noisy pictures x + N(0, σ²) (Omeiza et al. 2019, arXiv 1908.01224).

    Args:
        network: the classifier.
        pictures: (N, 3, H, W).
        targets: (N,).
        n: noisy copies of each picture.
        sigma: deviation of the noise, in units of the network's normalisation.
        seed: of the noise.

    Returns:
        three tensors (N, K, h, w), float32.
    """
    draws = noise(n, tuple(pictures.shape[1:]), sigma, seed).to(network.device) * unit_of(network)
    pictures = pictures.to(network.device)
    sums: list[Tensor] = []
    for draw in track(draws, n, "gradients of noisy pictures"):
        noisy = pictures + draw
        gradient = network.gradient(network.activation(noisy), targets, noisy)[1]
        powers = (gradient, gradient.square(), gradient**3)
        sums = [a + b for a, b in zip(sums, powers, strict=True)] if sums else list(powers)
    first, second, third = (value / n for value in sums)
    return first, second, third


def smooth_alpha(activation: Tensor, square: Tensor, cube: Tensor) -> Tensor:
    """Smooth Grad-CAM++'s α = D2 / (2 D2 + D3 ΣA), 0 where D2 = 0 (Omeiza et al. 2019, equation 7).

    Computed as 1 / (2 + ΣA D3 / D2), which does not underflow with the gradients; 0 where that denominator is below
    1e-12 in magnitude.

    Args:
        activation: of the clean pictures, (…, K, h, w).
        square: D2, the same shape.
        cube: D3, the same shape.
    """
    there = square > 0
    denominator = 2 + activation.sum((-2, -1), keepdim=True) * (cube / torch.where(there, square, 1))
    defined = there & (denominator.abs() > 1e-12)
    return torch.where(defined, 1 / torch.where(defined, denominator, 1), 0)


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    first, second, third = smooth_gradients(measured.network, measured.pictures, measured.targets)
    return {"smooth-gradient": first, "smooth-square": second, "smooth-cube": third}


def _draw_square(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).square()


register(
    Feature(
        name="smooth-gradient",
        rank="map",
        latex=r"\bar{D}^{(1)k}_{ij}",
        doc="The mean gradient D1 over noisy pictures (Omeiza et al. 2019).",
        measure=_measure,
        draw=normal,
        passes=noisy_passes(),
        kept=True,
        order=70,
    ),
    Feature(
        name="smooth-square",
        rank="map",
        latex=r"\bar{D}^{(2)k}_{ij}",
        doc="The mean squared gradient D2 over noisy pictures (Omeiza et al. 2019).",
        domain="nonnegative",
        measure=_measure,
        draw=_draw_square,
        passes=noisy_passes(),
        kept=True,
        order=71,
    ),
    Feature(
        name="smooth-cube",
        rank="map",
        latex=r"\bar{D}^{(3)k}_{ij}",
        doc="The mean cubed gradient D3 over noisy pictures (Omeiza et al. 2019).",
        measure=_measure,
        draw=normal,
        passes=noisy_passes(),
        kept=True,
        order=72,
    ),
    Feature(
        name="smooth-alpha",
        rank="map",
        latex=r"\bar{\alpha}^{kc}_{ij}",
        doc="Smooth Grad-CAM++'s pixel weights D2 / (2 D2 + D3 ΣA) (Omeiza et al. 2019).",
        needs=("activation", "smooth-square", "smooth-cube"),
        derive=smooth_alpha,
        order=73,
    ),
)
