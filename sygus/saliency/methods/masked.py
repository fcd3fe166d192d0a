"""Score-CAM's relatives, and its options: weights from the scores of masked pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from sygus.saliency.features import Measurements
from sygus.saliency.features.masking import (
    SHARES,
    Baseline,
    Masked,
    Score,
    masked_passes,
    once,
    scores,
    shares,
    strongest,
)
from sygus.saliency.features.smooth import noise
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.methods.method import method
from sygus.saliency.options import Options, Value, choice, number, truth, whole

Noisy = Literal["mask", "input"]


def _drawn(
    measured: Measurements,
    masked: Sequence[Masked],
    *,
    score: Score,
    baseline: Baseline,
    channel_softmax: bool,
    channels: int,
    title: str,
) -> Tensor:
    """S from the mean scores of these masked pictures; a channel that is not masked weighs nothing."""
    network, activation = measured.network, measured["activation"]
    if score == "prob":
        network.require_class(f"score=prob of {title}")
    chosen = strongest(activation, channels)
    (u,) = scores(
        network,
        measured.pictures,
        measured.targets,
        activation,
        masked=masked,
        score=(score,),
        baseline=baseline,
        title=title,
        chosen=chosen,
    )
    weights = torch.softmax(u.masked_fill(~chosen, -math.inf), 1) if channel_softmax else u
    return saliency(combine(weights[:, :, None, None], activation), network.size)


_SCORED: Options = {
    "score": choice("logit", "prob"),
    "baseline": choice("black", "none"),
    "channel_softmax": truth(True),
    "channels": whole(0, 0),
}


def _passes(total: int, /, n: int = 1, channels: int = 0, **_: Value) -> int:
    return 1 + masked_passes(min(channels or total, total), n)


@method(
    "scorecam",
    "Score-CAM",
    "Wang et al. 2020, arXiv 1910.01279",
    passes=_passes,
    options=_SCORED,
    variant=True,
    quicker="channels=64",
)
def score_cam(
    measured: Measurements, *, score: Score, baseline: Baseline, channel_softmax: bool, channels: int
) -> Tensor:
    """L = ReLU(Σ_k w_k A_k), w = softmax_k(u), u_k = score(x ⊙ n(up(A_k))) - score(x_b).

    Args:
        measured: the pictures.
        score: of a masked picture: the ``logit``, or the probability ``prob``.
        baseline: what is subtracted: the score of ``black``, or ``none``.
        channel_softmax: whether w = softmax_k(u), or u itself.
        channels: only so many of each picture, those of the greatest variance over the map, are masked, and take part
            in the softmax; the others weigh 0, so that it is another map, in fewer passes. 0: all of them.
    """
    settled = {"score": score, "baseline": baseline, "channel_softmax": channel_softmax, "channels": channels}
    return _drawn(measured, [once], title="Score-CAM", **settled)  # type: ignore[arg-type]


@method(
    "sscam",
    "SS-CAM",
    "Wang et al. 2020, arXiv 2006.14255",
    passes=_passes,
    options={
        "n": whole(35, 1),
        "sigma": number(2.0, 0, math.inf),
        "noisy": choice("mask", "input"),
        "seed": whole(0, 0),
        **_SCORED,
    },
    quicker="channels=64,n=4",
)
def ss_cam(
    measured: Measurements,
    *,
    n: int,
    sigma: float,
    noisy: Noisy,
    score: Score,
    baseline: Baseline,
    channel_softmax: bool,
    channels: int,
    seed: int,
) -> Tensor:
    """As Score-CAM, u_k the mean over n masks n(up(A_k)) + N(0, σ²).

    The draws are shared by all channels and pictures: what is compared differs by nothing but the masks.

    Args:
        measured: the pictures.
        n: draws.
        sigma: their deviation.
        noisy: noise on the ``mask``, or on the masked ``input`` (in units of the network's normalisation).
        score: as in :func:`score_cam`.
        baseline: as there.
        channel_softmax: as there.
        channels: as there.
        seed: of the noise.
    """
    network, colours = measured.network, measured.pictures.shape[1]
    draws = noise(n, (1 if noisy == "mask" else colours, *network.size), sigma, seed).to(network.device)
    if noisy == "input":
        draws = draws * torch.tensor(network.deviation).view(-1, 1, 1).to(network.device)

    def under(draw: Tensor) -> Masked:
        if noisy == "mask":
            return lambda pictures, masks: pictures * (masks + draw)
        return lambda pictures, masks: pictures * masks + draw

    settled = {"score": score, "baseline": baseline, "channel_softmax": channel_softmax, "channels": channels}
    return _drawn(measured, [under(draw) for draw in draws], title="SS-CAM", **settled)  # type: ignore[arg-type]


@method(
    "iscam",
    "IS-CAM",
    "Naidu et al. 2020, arXiv 2010.03023",
    passes=_passes,
    options={"n": whole(SHARES, 1), **_SCORED},
    variant=True,
    quicker="channels=64",
)
def is_cam(
    measured: Measurements, *, n: int, score: Score, baseline: Baseline, channel_softmax: bool, channels: int
) -> Tensor:
    """As Score-CAM, u_k the mean over the masks i/n · n(up(A_k)), i = 1..n.

    Args:
        measured: the pictures.
        n: masks of a channel.
        score: as in :func:`score_cam`.
        baseline: as there.
        channel_softmax: as there.
        channels: as there.
    """
    settled = {"score": score, "baseline": baseline, "channel_softmax": channel_softmax, "channels": channels}
    return _drawn(measured, shares(n), title="IS-CAM", **settled)  # type: ignore[arg-type]
