"""Gradients of what the probability makes of the logit: how sure the network is, not how loud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.saliency.features.draws import sparse
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor


def _measure_gradient(measured: Measured) -> Mapping[str, Tensor]:
    network, activation = measured.network, measured["activation"]
    of = network.log_probability_of
    _, gradient = network.gradient(activation, measured.targets, measured.pictures, of=of)
    return {"log-probability-gradient": gradient}


def _product(probability: Tensor, gradient: Tensor) -> Tensor:
    """∂p = p ∂ln p."""
    return probability * gradient


def _measure_curvature(measured: Measured) -> Mapping[str, Tensor]:
    from sygus.saliency.networks.network import target_logit

    network, activation = measured.network, measured["activation"]

    def rest(logits: Tensor, targets: Tensor) -> Tensor:
        """The target "ReST" of ShapleyCAM: Y + ln p (Cai 2025, arXiv 2501.06261)."""
        return target_logit(logits.float(), targets) + network.log_probability_of(logits, targets)

    _, curvature = network.gradient(activation, measured.targets, measured.pictures, of=rest, curved=True)
    return {"hessian-activation": curvature}


register(
    Feature(
        name="log-probability-gradient",
        rank="map",
        latex=r"\frac{\partial \ln p^c}{\partial A^k_{ij}}",
        doc="The gradient of the logarithm of the class's probability with respect to the feature maps.",
        measure=_measure_gradient,
        draw=sparse,
        passes=GRADIENT,
        of_class=True,
        order=81,
    ),
    Feature(
        name="probability-gradient",
        rank="map",
        latex=r"\frac{\partial p^c}{\partial A^k_{ij}}",
        doc="The gradient of the class's probability with respect to the feature maps.",
        needs=("probability", "log-probability-gradient"),
        derive=_product,
        of_class=True,
        order=82,
    ),
    Feature(
        name="hessian-activation",
        rank="map",
        latex=r"\left(H^c A\right)^k_{ij}",
        doc="H A, the Hessian of the logit plus the logarithm of the probability times the feature maps: ShapleyCAM's "
        "second-order term (Cai 2025).",
        measure=_measure_curvature,
        draw=sparse,
        passes=2 * GRADIENT,  # the gradient of a gradient
        of_class=True,
        order=83,
    ),
)
