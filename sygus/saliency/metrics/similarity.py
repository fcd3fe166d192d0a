"""How alike the map and the ground truth are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sygus.saliency.metrics.coherence import pearson
from sygus.saliency.metrics.evaluation import Evaluation
from sygus.saliency.metrics.metric import metric
from sygus.saliency.options import Option, choice, number

THRESHOLDS = tuple(step / 20 for step in range(1, 20))
"""Over which ``t=mean`` averages: 0.05, 0.10, …, 0.95."""

Ratio = Callable[[Tensor, Tensor, Tensor], Tensor]

_OPTIONS: dict[str, Option] = {"t": number(0.5, 0, 1, "mean"), "on": choice("region", "boxes")}


@metric("iou", direction="max", low=0, high=1, needs=("region",), invariances=("mirror",), options=_OPTIONS)
def iou(evaluation: Evaluation, *, t: float | str, on: str) -> Tensor:
    """IoU({S > t}, U), U the mask or, with ``on=boxes``, the union of the boxes; 0 for black maps.

    ``t=mean`` averages over 0.05, 0.10, …, 0.95. With ``on=boxes`` it equals Grad-CAM++'s Loc(t) = inside / (box +
    outside) (Chattopadhay et al. 2018), since box and outside together are the union.
    """
    return _over_thresholds(evaluation, t, on, lambda both, shown, truth: both / (shown + truth - both).clamp(min=1))


@metric("dice", direction="max", low=0, high=1, needs=("region",), invariances=("mirror",), options=_OPTIONS)
def dice(evaluation: Evaluation, *, t: float | str, on: str) -> Tensor:
    """2 |{S > t} ∩ U| / (|{S > t}| + |U|) (Dice 1945); options as in ``iou``."""
    return _over_thresholds(evaluation, t, on, lambda both, shown, truth: 2 * both / (shown + truth).clamp(min=1))


def _over_thresholds(evaluation: Evaluation, t: float | str, on: str, ratio: Ratio) -> Tensor:
    """The mean over thresholds of a ratio of pixel counts: in both, in {S > t}, in the truth."""
    region = truth(evaluation, on)
    thresholds = THRESHOLDS if isinstance(t, str) else (t,)
    size = region.sum((-2, -1)).double()
    values = []
    for threshold in thresholds:
        shown = evaluation.saliency > threshold
        both = (shown & region).sum((-2, -1)).double()
        values.append(ratio(both, shown.sum((-2, -1)).double(), size))
    return torch.stack(values).mean(0)


def truth(evaluation: Evaluation, on: str) -> Tensor:
    """The ground truth as pixels, (n, H, W) bool: the mask, or the union of the boxes."""
    return evaluation.subject.boxed[evaluation.index] if on == "boxes" else evaluation.region


@metric("pearson", direction="max", low=-1, high=1, needs=("region",), invariances=("gain", "mirror"))
def pearson_with_region(evaluation: Evaluation) -> Tensor:
    """Pearson's correlation of S with the mask U as a 0/1 map; 0 where S or U is constant."""
    return pearson(evaluation.saliency, evaluation.region)


@metric("pxap", direction="max", low=0, high=1, needs=("region",), invariances=("gain", "monotone", "mirror"))
def pxap(evaluation: Evaluation) -> Tensor:
    """PxAP, the area under the pixel precision-recall curve, Σ_k P_k (R_k - R_{k-1}) (Choe et al. 2020).

    Thresholds run over the values of S, tied pixels enter together. Here it is computed for each picture and
    averaged; Choe et al. pool the pixels of all pictures. 0 for black maps.
    """
    flat, region = evaluation.saliency.flatten(1), evaluation.region.flatten(1)
    values, order = flat.sort(1, descending=True)
    hits = region.gather(1, order).double().cumsum(1)
    shown = torch.arange(1, flat.shape[1] + 1, device=flat.device)
    last = torch.cat([values[:, 1:] != values[:, :-1], torch.ones_like(values[:, :1], dtype=torch.bool)], 1)
    # Between the ends of two groups of ties the hits of the group are counted at its end: carry the last end along.
    reached = torch.where(last, hits, 0).cummax(1).values
    gained = hits - torch.cat([torch.zeros_like(reached[:, :1]), reached[:, :-1]], 1)
    area = torch.where(last, hits / shown * gained, 0).sum(1) / hits[:, -1].clamp(min=1)
    return torch.where(evaluation.empty, 0, area)
