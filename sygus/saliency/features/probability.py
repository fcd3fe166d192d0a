"""The probability of the class explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.saliency.features.feature import Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    return {"probability": measured.probability}


def _draw(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 0.98 + 0.01


register(
    Feature(
        name="probability",
        rank="image",
        latex="p^c",
        doc="The probability of the class explained.",
        domain="unit",
        measure=_measure,
        draw=_draw,
        of_class=True,
        order=20,
    )
)
