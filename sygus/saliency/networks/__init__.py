"""The networks that explain themselves without a download, and those of users."""

from __future__ import annotations

import torch

from sygus.errors import OptionError
from sygus.saliency.networks import shapes
from sygus.saliency.networks.network import Network, split_sequential
from sygus.saliency.shapes import CLASSES, SIZE

__all__ = ["NETWORKS", "Network", "load_network"]

NETWORKS: dict[str, str] = {
    "shapes-vgg": "plain convolutions with a hidden fully connected layer; gradients vary in space",
    "shapes-resnet": "residual blocks, global average pooling, one linear layer; Grad-CAM equals CAM",
}
"""The names of the networks and what they are."""


def load_network(name: str, device: torch.device, layer: str | None = None) -> Network:
    """The network of this name, split at ``layer`` (default: its last convolutional feature map).

    Raises:
        OptionError: unknown network or layer.
    """
    if name not in NETWORKS:
        raise OptionError(f"--network: unknown network '{name}'", f"known networks: {', '.join(NETWORKS)}")
    if layer not in (None, "features"):
        raise OptionError(f"--layer: '{name}' has no layer '{layer}' to explain", "known layers: features")
    model = shapes.load(name)  # type: ignore[arg-type]
    return split_sequential(model, name, (SIZE, SIZE), CLASSES, device)
