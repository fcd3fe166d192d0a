"""Scores of pictures masked by their own feature maps: Score-CAM and its relatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from sygus.saliency.features.draws import sparse
from sygus.saliency.features.feature import Feature, Measured, register
from sygus.saliency.heatmap import degenerate, saliency
from sygus.saliency.networks import Network
from sygus.saliency.progress import track

BLOCK = 1024
"""Masks made at a time."""

Score = Literal["logit", "prob"]
Baseline = Literal["black", "none"]

Masked = Callable[[Tensor, Tensor], Tensor]
"""From pictures (n, 3, H, W) and masks n(up(A_k)) (n, 1, H, W) to masked pictures."""


def once(pictures: Tensor, masks: Tensor) -> Tensor:
    """X ⊙ n(up(A_k)): Score-CAM's."""
    return pictures * masks


def scores(
    network: Network,
    pictures: Tensor,
    targets: Tensor,
    activation: Tensor,
    *,
    masked: Sequence[Masked] = (once,),
    score: Score = "logit",
    baseline: Baseline = "black",
    title: str = "scores of masked pictures",
) -> Tensor:
    """u_k = score(x ⊙ n(up(A_k))) - score(x_b) (Wang et al. 2020, arXiv 1910.01279, equations 5 to 7).

    Constant channels have no n(A_k) and get u = 0 without a pass.

    Args:
        network: the classifier.
        pictures: (N, 3, H, W).
        targets: (N,).
        activation: (N, K, h, w).
        masked: the ways to mask; the mean of their scores counts.
        score: of the target class: its ``logit``, or its probability.
        baseline: x_b is ``black``; or ``none``, nothing is subtracted.
        title: of the progress bar.

    Returns:
        (N, K) float32.
    """
    pictures = pictures.to(network.device).contiguous(memory_format=torch.channels_last)
    targets = targets.to(network.device)

    def judged(logits: Tensor) -> Tensor:
        return logits if score == "logit" else torch.softmax(logits, 1)

    result = torch.zeros(activation.shape[:2], device=activation.device)
    varies = ~degenerate(activation.flatten(0, 1)).view(activation.shape[:2])
    rows, channels = varies.nonzero(as_tuple=True)
    blocks = list(zip(torch.split(rows, BLOCK), torch.split(channels, BLOCK), strict=True))
    for row, channel in track(blocks, len(blocks), title):
        masks = saliency(activation[row, channel], network.size)
        found = [
            judged(network.logits_of(lambda r, m, mask=mask: mask(pictures[r], m[:, None]), row, masks))
            for mask in masked
        ]
        result[row, channel] = torch.stack(found).mean(0).gather(1, targets[row][:, None])[:, 0]
    if baseline == "black":
        black = judged(network.logits(torch.zeros_like(pictures[:1])))[0]
        result = torch.where(varies, result - black[targets][:, None], 0)
    return result


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    return {"score": scores(measured.network, measured.pictures, measured.targets, measured["activation"])}


register(
    Feature(
        name="score",
        rank="weight",
        latex="u^c_k",
        doc="Score-CAM's u: the logit of the picture masked by n(up(A_k)), less that of black (Wang et al. 2020).",
        measure=_measure,
        draw=sparse,
        slow=True,
        kept=True,
        order=30,
    )
)
