"""Scores of pictures masked by their own feature maps: Score-CAM and its relatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sygus.deferred import torch
from sygus.saliency.features.draws import sparse
from sygus.saliency.features.feature import Feature, Measured, register
from sygus.saliency.progress import track

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network

BLOCK = 1024
"""Masks made at a time, at most."""

PIXELS = 1 << 23
"""Of the masks made at a time, at most; so that a large network shows its progress every few seconds."""

Score = Literal["logit", "prob"]
Baseline = Literal["black", "none"]

Masked: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
"""From pictures (n, 3, H, W) and masks n(up(A_k)) (n, 1, H, W) to masked pictures."""


def once(pictures: Tensor, masks: Tensor) -> Tensor:
    """X ⊙ n(up(A_k)): Score-CAM's."""
    return pictures * masks


def strongest(activation: Tensor, channels: int) -> Tensor:
    """Which channels of each picture vary most over the map, (N, K) bool.

    Args:
        activation: (N, K, h, w).
        channels: how many of each picture, by their variance; of equals the first count. 0: all of them.
    """
    chosen = torch.ones(activation.shape[:2], dtype=torch.bool, device=activation.device)
    if not 0 < channels < activation.shape[1]:
        return chosen
    variance = activation.flatten(2).double().var(2, unbiased=False)
    order = torch.argsort(variance, dim=1, descending=True, stable=True)
    return chosen.scatter(1, order[:, channels:], value=False)


def scores(
    network: Network,
    pictures: Tensor,
    targets: Tensor,
    activation: Tensor,
    *,
    masked: Sequence[Masked] = (once,),
    score: Sequence[Score] = ("logit",),
    baseline: Baseline = "black",
    title: str = "scores of masked pictures",
    chosen: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """u_k = score(x ⊙ n(up(A_k))) - score(x_b) (Wang et al. 2020, arXiv 1910.01279, equations 5 to 7).

    Constant channels have no n(A_k) and get u = 0 without a pass. Several kinds of scores share the passes.

    Args:
        network: the classifier.
        pictures: (N, 3, H, W).
        targets: (N,).
        activation: (N, K, h, w).
        masked: the ways to mask; the mean of their scores counts.
        score: of the target class: its ``logit``, or its probability.
        baseline: x_b is ``black``; or ``none``, nothing is subtracted.
        title: of the progress bar.
        chosen: which channels are masked, (N, K) bool; the others get u = 0 too. None: all of them.

    Returns:
        (N, K) float32 for each kind of score.
    """
    from sygus.saliency.heatmap import degenerate, saliency

    pictures = pictures.to(network.device).contiguous(memory_format=torch.channels_last)
    targets = targets.to(network.device)

    def judged(logits: Tensor, score: Score) -> Tensor:
        return logits if score == "logit" else network.class_probabilities(logits)

    results = tuple(torch.zeros(activation.shape[:2], device=activation.device) for _ in score)
    varies = ~degenerate(activation.flatten(0, 1)).view(activation.shape[:2])
    if chosen is not None:
        varies &= chosen
    rows, channels = varies.nonzero(as_tuple=True)
    height, width = network.size
    block = max(1, min(BLOCK, PIXELS // (height * width)))
    blocks = list(zip(torch.split(rows, block), torch.split(channels, block), strict=True))
    for row, channel in track(blocks, len(blocks), title):
        masks = saliency(activation[row, channel], network.size)
        found = [
            network.logits_of(lambda r, m, mask=mask: mask(pictures[r], m[:, None]), row, masks) for mask in masked
        ]
        for result, kind in zip(results, score, strict=True):
            mean = torch.stack([judged(logits, kind) for logits in found]).mean(0)
            result[row, channel] = mean.gather(1, targets[row][:, None])[:, 0]
    if baseline == "none":
        return results
    black = network.logits(torch.zeros_like(pictures[:1]))
    less = [judged(black, kind)[0][targets][:, None] for kind in score]
    return tuple(torch.where(varies, one - base, 0) for one, base in zip(results, less, strict=True))


def masked_passes(channels: int, ways: int = 1) -> int:
    """Forward passes that these scores take at most of each picture, by so many ways to mask; black takes one."""
    return ways * channels + 1


SHARES = 10
"""Masks i/n · n(up(A_k)) of IS-CAM, i = 1..n."""


def shares(count: int) -> tuple[Masked, ...]:
    """X ⊙ i/n · n(up(A_k)), i = 1..n: IS-CAM's."""

    def share(i: int) -> Masked:
        return lambda pictures, masks: pictures * masks * (i / count)

    return tuple(share(i) for i in range(1, count + 1))


def _of(measured: Measured, **options: Any) -> tuple[Tensor, ...]:
    return scores(measured.network, measured.pictures, measured.targets, measured["activation"], **options)


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    logit, probability = _of(measured, score=("logit", "prob"))
    return {"score": logit, "score-probability": probability}


def _measure_shares(measured: Measured) -> Mapping[str, Tensor]:
    return {"increase": _of(measured, masked=shares(SHARES), title="scores of pictures masked in part")[0]}


register(
    Feature(
        name="score",
        rank="weight",
        latex="u^c_k",
        doc="Score-CAM's u: the logit of the picture masked by n(up(A_k)), less that of black (Wang et al. 2020).",
        measure=_measure,
        draw=sparse,
        slow=True,
        passes=masked_passes,
        kept=True,
        order=30,
    ),
    Feature(
        name="score-probability",
        rank="weight",
        latex=r"\tilde{u}^c_k",
        doc="Score-CAM's u of probabilities in place of logits (Wang et al. 2020).",
        measure=_measure,
        draw=sparse,
        slow=True,
        passes=masked_passes,
        kept=True,
        of_class=True,
        order=87,
    ),
    Feature(
        name="increase",
        rank="weight",
        latex=r"\bar{u}^c_k",
        doc=f"IS-CAM's u: the mean logit under i/{SHARES} of the mask n(up(A_k)), i = 1..{SHARES}, less that of black "
        "(Naidu et al. 2020).",
        measure=_measure_shares,
        draw=sparse,
        slow=True,
        passes=lambda channels: masked_passes(channels, SHARES),
        kept=True,
        order=88,
    ),
)
