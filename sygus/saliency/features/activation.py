"""The feature maps themselves: one pass of the trunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.saliency.features.feature import Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    return {"activation": measured.activation()}


def _draw(shape: tuple[int, ...], generator: torch.Generator, nonnegative: bool) -> Tensor:
    """Where the layer ends in a ReLU: partly zero, and one channel wholly."""
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    if nonnegative:
        values = values.relu()
        values[0, 0] = 0
    return values


register(
    Feature(
        name="activation",
        rank="map",
        latex="A^k_{ij}",
        doc="The feature maps A of the layer.",
        domain="activation",
        measure=_measure,
        draw=_draw,
        order=0,
    )
)
