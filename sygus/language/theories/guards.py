"""Operations that torch leaves undefined somewhere, made total; exported modules hold their source."""

from __future__ import annotations

import torch
from torch import Tensor

GUARD = 1e-12
"""``div0`` is 0 where the denominator is smaller than this in magnitude."""


def guarded_division(a: Tensor, b: Tensor) -> Tensor:
    """The quotient, and 0 where the magnitude of b is below :data:`GUARD`; the arguments broadcast."""
    tiny = b.abs() < GUARD
    return torch.where(tiny, 0.0, a / torch.where(tiny, 1.0, b))


def positive_power(a: Tensor, b: Tensor) -> Tensor:
    """``a`` to the power ``b`` where a > 0, else 0; the arguments broadcast.

    By logarithm and exponential, whose last bits do not depend on where a number stands in memory.
    """
    positive = a > 0
    return torch.where(positive, torch.exp(b * torch.log(torch.where(positive, a, 1.0))), 0.0)


def blur(a: Tensor, width: Tensor) -> Tensor:
    """Smoothed over the pixels, (…, h, w), by a Gaussian cut at the border, whose weights sum to 1 everywhere.

    Args:
        a: maps.
        width: the standard deviation in cells, without dimensions or (…, 1, 1, 1); where it is not positive, nothing
            is smoothed.
    """

    def matrix(count: int) -> Tensor:
        place = torch.arange(count, dtype=a.dtype, device=a.device)
        distance = (place[:, None] - place).square()
        there = width > GUARD
        spread = torch.where(there, width, 1.0)
        weights = torch.exp(torch.where(there, -distance / (2 * spread.square()), torch.where(distance > 0, -1e9, 0.0)))
        return weights / weights.sum(-1, keepdim=True)

    return matrix(a.shape[-2]) @ (a @ matrix(a.shape[-1]).mT)
