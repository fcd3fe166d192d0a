"""Linear imputation of missing pixels (Rong et al. 2022, ROAD), by coarse-to-fine relaxation.

A missing pixel equals the weighted mean of its neighbours, so all of them together solve a sparse linear system. A
pyramid of averages gives the start and a few sweeps at each of its levels most of the rest. The ROAD of a picture
differs from that of the solved systems by 0.0025 in the median and by up to 0.02, to either side: means of 16 pictures
differ by less than 0.002. Sweeps work pixel by pixel, so what a picture becomes does not depend on what it is batched
with, as it would with inner products over a batch.

The ways in which pixels are missing are the channels of a picture's colours, innermost in memory, where a convolution
that keeps channels apart is a hundred times as fast as one of single planes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate

DIRECT, DIAGONAL = 1 / 6, 1 / 12
"""Weights of the neighbours; those outside the picture are left out and the rest scaled up."""

VALUES = 1 << 22
"""Values of pictures that are made at a time: few enough for memory that was freed to serve again."""


def impute(pictures: Tensor, known: Tensor, noise: Tensor) -> Tensor:
    """The pictures with their missing pixels imputed; the values given there are not read.

    Args:
        pictures: (n, C, H, W).
        known: (n, S, H, W) bool, each picture's in S ways.
        noise: (n, C, H, W), what is added to missing pixels.

    Returns:
        (n, S, C, H, W), colours innermost in memory; a picture with no known pixel becomes 0.
    """
    count, colours, height, width = pictures.shape
    made = pictures.new_empty(count, known.shape[1], height, width, colours).movedim(-1, 2)
    block = max(1, VALUES // max(1, made[:1].numel()))
    for part, of_part, to_part, into in zip(
        *(torch.split(tensor, block) for tensor in (pictures, known, noise, made)), strict=True
    ):
        mask = of_part.to(pictures.dtype, memory_format=torch.channels_last)
        solved = _by_picture(_solve(_masked(part, mask).flatten(0, 1), mask, FINEST), mask)
        into.copy_(solved.add_(_masked(to_part, 1 - mask)).transpose(1, 2))
    return made


def _masked(pictures: Tensor, mask: Tensor) -> Tensor:
    """(n, C, S, H, W), S innermost in memory, of (n, C, H, W) and (n, S, H, W)."""
    return (pictures[..., None] * mask.movedim(1, -1)[:, None]).movedim(-1, 2)


def _solve(values: Tensor, mask: Tensor, steps: tuple[float, ...]) -> Tensor:
    """Impute where the mask is 0.

    Args:
        values: (n · colours, S, H, W), 0 where the mask is.
        mask: (n, S, H, W), 1 where a pixel is known.
        steps: how far each sweep goes towards the mean of the neighbours.
    """
    height, width = values.shape[-2:]
    if min(height, width) < 2:
        return values
    weight, coarse = (avg_pool2d(of_pixels, 2, ceil_mode=True) for of_pixels in (mask, values))
    _by_picture(coarse, mask).div_(torch.where(weight > 0, weight, 1)[:, None])
    start = _solve(coarse, (weight > 0).to(values.dtype), COARSE)
    result = interpolate(start, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    missing, kernel = 1 - mask, _kernel(values)
    _by_picture(result, mask).mul_(missing[:, None])
    result = result.add_(values)
    share = missing.div_(conv2d(torch.ones_like(values[:1, :1]), kernel[:1], padding=1))
    for step in steps:
        mean = conv2d(result, kernel, padding=1, groups=len(kernel))
        _by_picture(mean, mask).mul_(share[:, None])
        result = result.lerp_(mean.add_(values), step)
    return result


def _steps(count: int, least: float, most: float) -> tuple[float, ...]:
    """So many steps of the Chebyshev iteration for a matrix with eigenvalues in between."""
    nodes = (math.cos(math.pi * (2 * i + 1) / (2 * count)) for i in range(count))
    return tuple(2 / (most + least + (most - least) * node) for node in nodes)


FINEST, COARSE = _steps(2, 0.2, 1.34), _steps(4, 0.05, 1.6)
"""Sweeps of the finest level and of the others. The lower end: what changes more slowly, the next coarser level has
done; the upper: no eigenvalue is larger, those of a level of 2x2 pixels included."""


def _by_picture(values: Tensor, mask: Tensor) -> Tensor:
    """From (n · colours, …) to (n, colours, …)."""
    return torch.unflatten(values, 0, (len(mask), -1))


def _kernel(values: Tensor) -> Tensor:
    """The weights of the neighbours, (S, 1, 3, 3) for (…, S, H, W)."""
    row = values.new_tensor([[DIAGONAL, DIRECT, DIAGONAL], [DIRECT, 0, DIRECT], [DIAGONAL, DIRECT, DIAGONAL]])
    return row.expand(values.shape[1], 1, 3, 3).contiguous(memory_format=torch.channels_last)
