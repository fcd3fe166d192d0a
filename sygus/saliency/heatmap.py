"""From weights or a whole heat map to a saliency map: L = ReLU(Σ_k w_k A_k) or ReLU(H), S = n(up(L))."""

from __future__ import annotations

import torch
from torch import Tensor

from sygus.maps import is_flat, unit_range, upsample


def combine(weights: Tensor, activation: Tensor) -> Tensor:
    """L = ReLU(Σ_k w_k A_k), the sum over channels.

    Args:
        weights: (N, K, 1, 1) or, pointwise, (N, K, h, w).
        activation: (N, K, h, w).

    Returns:
        (N, h, w).
    """
    if weights.shape[-2:] == (1, 1):
        summed = torch.einsum("nk,nkhw->nhw", weights.expand(*activation.shape[:2], 1, 1)[..., 0, 0], activation)
    else:
        summed = (weights * activation).sum(1)
    return summed.relu()


def whole(maps: Tensor) -> Tensor:
    """L = ReLU(H) of heat maps H (N, 1, h, w), on any grid, that are explained with as they are: (N, h, w)."""
    return maps[:, 0].relu()


def saliency(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """S = n(up(L)): bilinear up-sampling (align_corners=False) to ``size``, then scaled to [0, 1].

    Args:
        maps: L, (N, h, w); those of the size of the picture are not up-sampled again.
        size: H, W.

    Returns:
        (N, H, W); a constant map gives the black mask S = 0.
    """
    return unit_range(upsample(maps, size))


def degenerate(maps: Tensor) -> Tensor:
    """Which maps (N, h, w) are constant, all zero among them: (N,) bool."""
    return is_flat(maps.amin((-2, -1)), maps.amax((-2, -1)))
