"""Random values like those that several features take, float64; see :data:`sygus.saliency.features.feature.Draw`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sygus.deferred import torch

if TYPE_CHECKING:
    from torch import Tensor


def normal(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    """Of both signs, none of them zero."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def sparse(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    """Of both signs and partly zero, one channel wholly zero and one negative, as gradients behind maxima are."""
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    negative = -values[-1, 0].abs()
    values[torch.rand(shape, generator=generator) < 0.25] = 0
    values[-1, -1], values[-1, 0] = 0, negative
    return values


def positive(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    """At least 0, and partly 0."""
    return torch.randn(shape, generator=generator, dtype=torch.float64).add_(1).relu_()
