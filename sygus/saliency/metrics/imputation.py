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
"""Pictures whose planes make one, all of a colour side by side; always as many, so that every picture meets the same
arithmetic."""

VALUES = 1 << 22
"""Values of pictures that are made at a time: few enough for memory that was freed to serve again."""


def impute(pictures: Tensor, known: Tensor) -> Tensor:
    """The pictures with their missing pixels imputed; the values given there are not read.

    Args:
        pictures: (n, C, H, W).
        known: (n, H, W) bool.

    Returns:
        (n, C, H, W); a picture with no known pixel becomes 0.
    """
    block = max(1, VALUES // pictures[0].numel() // TOGETHER) * TOGETHER
    parts = zip(torch.split(pictures, block), torch.split(known, block), strict=True)
    return torch.cat([_imputed(*part) for part in parts])


def _imputed(pictures: Tensor, known: Tensor) -> Tensor:
    """A few pictures, imputed."""
    count, (colours, height, width) = len(pictures), pictures.shape[1:]
    missing = -count % TOGETHER
    if missing:
        pictures, known = (torch.cat([t, t.new_zeros(missing, *t.shape[1:])]) for t in (pictures, known))
    planes = pictures.reshape(-1, TOGETHER, colours, height, width).transpose(1, 2).flatten(1, 2)
    mask = known.reshape(-1, TOGETHER, height, width).contiguous(memory_format=torch.channels_last)
    masks = torch.cat([mask.to(pictures.dtype)] * colours, 1)
    solved = _solve(planes.contiguous(memory_format=torch.channels_last) * masks, masks)
    apart = solved.reshape(-1, colours, TOGETHER, height, width).transpose(1, 2)
    return apart.reshape(-1, colours, height, width)[:count]


def _solve(values: Tensor, mask: Tensor) -> Tensor:
    """Impute where ``mask`` is 0; ``values`` is 0 there; both (n, planes, H, W)."""
    height, width = values.shape[-2:]
    if min(height, width) < 2:
        return values
    odd = (0, width % 2, 0, height % 2)
    weight = avg_pool2d(pad(mask, odd), 2)
    present = (weight > 0).to(values.dtype)
    coarse = avg_pool2d(pad(values, odd), 2) / torch.where(weight > 0, weight, 1)
    start = interpolate(_solve(coarse, present), scale_factor=2, mode="bilinear", align_corners=False)
    missing, kernel = 1 - mask, _kernel(values)
    result = torch.addcmul(values, start[..., :height, :width], missing)
    share = missing.div_(conv2d(torch.ones_like(values[:1, :1]), kernel[:1], padding=1))
    for _ in range(SWEEPS):
        result = conv2d(result, kernel, padding=1, groups=len(kernel)).mul_(share).add_(values)
    return result


def _kernel(values: Tensor) -> Tensor:
    """The weights of the neighbours, (C, 1, 3, 3) for planes (n, C, H, W)."""
    row = values.new_tensor([[DIAGONAL, DIRECT, DIAGONAL], [DIRECT, 0, DIRECT], [DIAGONAL, DIRECT, DIAGONAL]])
    return row.expand(values.shape[1], 1, 3, 3).contiguous(memory_format=torch.channels_last)
