"""CAM's weights, where a network has them: the linear layer after global average pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.errors import OptionError
from sygus.saliency.features.draws import normal
from sygus.saliency.features.feature import Feature, Measured, register
from sygus.saliency.features.linear import linear_head

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network


def classifier_weights(network: Network, activation: Tensor) -> Tensor:
    """CAM's weights of every class, (classes, K).

    Raises:
        OptionError: the network does not end in global average pooling and one linear layer.
    """
    layer = linear_head(network, activation)
    if layer is None:
        raise OptionError(
            f"CAM is not defined for '{network.name}' at '{network.layer}': "
            "global average pooling and one linear layer must follow",
            "take another network or layer, or Grad-CAM, which generalises CAM",
        )
    return layer.weight.detach().float()


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    return {"classifier": classifier_weights(measured.network, measured["activation"])[measured.targets]}


register(
    Feature(
        name="classifier",
        rank="weight",
        latex="W^c_k",
        doc="The class's row of the linear layer after global average pooling (Zhou et al. 2016).",
        measure=_measure,
        draw=normal,
        conditional=True,
        order=50,
    )
)
