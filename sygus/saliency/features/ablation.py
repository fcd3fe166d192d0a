"""Ablation-CAM's weights: what happens to the logit when a channel is set to zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.saliency.features.draws import sparse
from sygus.saliency.features.feature import Feature, Measured, register
from sygus.saliency.features.linear import linear_head
from sygus.saliency.progress import track

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network

BLOCK_BYTES = 64 << 20
"""Ablated activations held at a time."""

SMALLEST = 1e-8
"""A logit nearer to zero is replaced by this, with its sign."""


def ablation(network: Network, activation: Tensor, targets: Tensor, pictures: Tensor | None = None) -> Tensor:
    """w_k = (y - y_k) / y, y_k the logit with channel k set to 0 (Desai and Ramaswamy 2020, WACV, equation 4).

    Only the tail runs; where it is pooling and one linear layer, y - y_k = W_k · GAP(A_k) is known without it.
    Channels that are zero already change nothing.

    Args:
        network: the classifier.
        activation: (N, K, h, w).
        targets: (N,).
        pictures: (N, 3, H, W) that the activation is of; needed where the network's tail needs them.

    Returns:
        (N, K) float32.
    """
    targets = targets.to(activation.device)
    clean = network.tail_logits(activation, pictures).gather(1, targets[:, None])
    head = linear_head(network, activation)
    if head is not None:
        drop = head.weight.detach().float()[targets] * activation.mean((-2, -1))
    else:
        drop = _ablated(network, activation, targets, pictures, clean)
    sign = torch.where(clean < 0, -1.0, 1.0)
    return drop / torch.where(clean.abs() < SMALLEST, SMALLEST * sign, clean)


def _ablated(network: Network, activation: Tensor, targets: Tensor, pictures: Tensor | None, clean: Tensor) -> Tensor:
    """Y - y_k by running the tail on every activation without its channel k, (N, K)."""
    drop = torch.zeros(activation.shape[:2], device=activation.device)
    rows, channels = (activation != 0).any(-1).any(-1).nonzero(as_tuple=True)
    size = max(1, BLOCK_BYTES // (activation[0].numel() * activation.element_size()))
    blocks = list(zip(torch.split(rows, size), torch.split(channels, size), strict=True))
    for row, channel in track(blocks, len(blocks), "ablation of channels"):
        without = activation[row]
        without[torch.arange(len(row), device=row.device), channel] = 0
        shown = pictures[row.to(pictures.device)] if network.needs_pictures and pictures is not None else None
        logit = network.tail_logits(without, shown).gather(1, targets[row][:, None])
        drop[row, channel] = (clean[row] - logit)[:, 0]
    return drop


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    return {"ablation": ablation(measured.network, measured["activation"], measured.targets, measured.pictures)}


register(
    Feature(
        name="ablation",
        rank="weight",
        latex=r"\delta^c_k",
        doc="Ablation-CAM's (y - y_k) / y, y_k the logit with channel k set to 0 (Desai and Ramaswamy 2020).",
        measure=_measure,
        draw=sparse,
        passes=lambda channels: channels + 1,
        kept=True,
        order=40,
    )
)
