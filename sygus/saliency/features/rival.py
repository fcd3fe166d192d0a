"""The gradient of the classes that are mistaken most easily for the class explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.saliency.features.draws import sparse
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor

RIVALS = 3
"""Classes compared with."""


def rivals(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean logit of the classes whose logits are nearest to that of the class explained (Finer-CAM).

    Where there are fewer classes than that, of all others.
    """
    logits = logits.float()
    distance = (logits - logits.gather(1, targets[:, None])).detach().abs()
    distance = distance.scatter(1, targets[:, None], torch.inf)
    nearest = distance.topk(min(RIVALS, logits.shape[1] - 1), largest=False).indices
    return logits.gather(1, nearest).sum(1) / max(1, nearest.shape[1])


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    network, activation = measured.network, measured["activation"]
    _, gradient = network.gradient(activation, measured.targets, measured.pictures, of=rivals)
    return {"rival-gradient": gradient}


register(
    Feature(
        name="rival-gradient",
        rank="map",
        latex=r"\frac{\partial \bar{Y}^{d}}{\partial A^k_{ij}}",
        doc=f"The gradient of the mean logit of the {RIVALS} classes nearest to the one explained (Zhang et al. 2025, "
        "arXiv 2501.11309).",
        measure=_measure,
        draw=sparse,
        passes=GRADIENT,
        of_class=True,
        order=84,
    )
)
