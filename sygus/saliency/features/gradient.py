"""What one backward pass of the tail gives: the logit and its gradient, and Grad-CAM++'s α made of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.saliency.features.draws import sparse
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor


def alpha(activation: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM++'s α = g² / (2g² + g³ ΣA), 0 where g = 0 (Chattopadhay et al. 2018, equation 19).

    Computed as 1 / (2 + g ΣA), the same value without the underflow of g² against a threshold; 0 where that
    denominator is below 1e-12 in magnitude.

    Args:
        activation: (…, K, h, w).
        gradient: the same shape.
    """
    denominator = 2 + gradient * activation.sum((-2, -1), keepdim=True)
    defined = (gradient != 0) & (denominator.abs() > 1e-12)
    return torch.where(defined, 1 / torch.where(defined, denominator, 1), 0)


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    logit, gradient = measured.network.gradient(measured["activation"], measured.targets, measured.pictures)
    return {"gradient": gradient, "logit": logit}


def _draw_signs(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    """Every other draw negative: of so few numbers, chance could leave out a sign."""
    values = torch.randn(shape, generator=generator, dtype=torch.float64).abs()
    values[1::2] *= -1
    return values


register(
    Feature(
        name="gradient",
        rank="map",
        latex=r"\frac{\partial Y^c}{\partial A^k_{ij}}",
        doc="The gradient g of the class logit with respect to the feature maps (Selvaraju et al. 2017).",
        measure=_measure,
        draw=sparse,
        passes=GRADIENT,
        order=10,
    ),
    Feature(
        name="alpha",
        rank="map",
        latex=r"\alpha^{kc}_{ij}",
        doc="The pixel weights α of Grad-CAM++ (Chattopadhay et al. 2018, equation 19).",
        needs=("activation", "gradient"),
        derive=alpha,
        order=11,
    ),
    Feature(
        name="logit",
        rank="image",
        latex="Y^c",
        doc="The logit of the class explained.",
        measure=_measure,
        draw=_draw_signs,
        passes=GRADIENT,
        order=12,
    ),
)
