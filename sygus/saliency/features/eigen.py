"""EigenCAM's weights: how much each channel takes part in what the channels have most in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.saliency.features.draws import normal
from sygus.saliency.features.feature import Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor


def eigen(activation: Tensor) -> Tensor:
    """The first left singular vector u of A as a K × hw matrix, uncentred (Muhammad and Yeasin 2020, arXiv 2008.00299).

    Σ_k u_k A_k is the first right singular vector times its singular value. A singular vector has no sign of its own;
    it gets the one with which that sum is at least 0 in total. 0 where all of A is: every vector is singular then.

    Args:
        activation: (N, K, h, w).

    Returns:
        (N, K) float32.
    """
    matrix = activation.flatten(2).double()
    vector = torch.linalg.svd(matrix, full_matrices=False).U[:, :, 0]
    whole = (vector[:, :, None] * matrix).sum((1, 2))
    signed = torch.where(whole < 0, -1.0, 1.0)[:, None] * vector
    empty = matrix.abs().amax((1, 2)) == 0
    return torch.where(empty[:, None], 0, signed).float()


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    return {"eigen": eigen(measured["activation"])}


register(
    Feature(
        name="eigen",
        rank="weight",
        latex=r"u^k_1",
        doc="The first left singular vector of the feature maps: EigenCAM's weights (Muhammad and Yeasin 2020).",
        measure=_measure,
        draw=normal,
        passes=0,
        order=80,
    )
)
