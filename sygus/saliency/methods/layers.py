"""Layer-CAM over several layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from sygus.saliency.features import Measurements
from sygus.saliency.heatmap import FLAT, combine, unit_range

GAMMA = 2.0
"""The factor in tanh(2 S / max S): lifts the maps of shallow layers."""


def layer_cam_of_layers(layers: Sequence[Measurements]) -> Tensor:
    """Layer-CAM at several layers, fused (Jiang et al. 2021, IEEE TIP 30, equations 6 to 9).

    At each layer L = ReLU(Σ_k ReLU(g_k) ⊙ A_k), scaled to tanh(2 L / max L) and up-sampled; S = n of the pixelwise
    maximum. A layer whose map is all zero adds nothing.

    Args:
        layers: the same pictures and targets, measured on the network split at each layer.

    Returns:
        (N, H, W).
    """
    if not layers:
        raise ValueError("no layers to fuse")
    fused = torch.stack([_scaled(measured) for measured in layers]).amax(0)
    return unit_range(fused)


def _scaled(measured: Measurements) -> Tensor:
    maps = combine(measured["gradient"].relu(), measured["activation"])
    high = maps.amax((-2, -1), keepdim=True)
    scaled = torch.where(high < FLAT, 0, torch.tanh(GAMMA * maps / torch.where(high < FLAT, 1, high)))
    return interpolate(scaled[:, None], measured.network.size, mode="bilinear", align_corners=False)[:, 0]
