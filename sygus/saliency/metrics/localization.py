"""Where the map points, against the ground truth: a mask U, or boxes {B}, whose union then is U.

B_p is the box of the largest connected component of {S > mean S} (Zhou et al. 2016, with the mean as threshold).
A black map has no B_p and no energy: its score is 0, or 1 for an error.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from sygus.saliency.metrics.boxes import Boxes, boxes_by_threshold, largest_boxes, overlap
from sygus.saliency.metrics.evaluation import Evaluation
from sygus.saliency.metrics.metric import metric
from sygus.saliency.options import choice, number


@metric("localization-error", direction="min", low=0, high=1, needs=("region",), invariances=("gain", "mirror"))
def localization_error(evaluation: Evaluation) -> Tensor:
    """LE = 1 - max_B IoU(B, B_p) (Zhang et al. 2024, Opti-CAM)."""
    return 1 - _best_overlap(evaluation)


@metric(
    "official-metric",
    direction="min",
    low=0,
    high=1,
    needs=("region", "labels"),
    invariances=("gain", "mirror"),
    options={"overlap": choice("value", "ilsvrc")},
)
def official_metric(evaluation: Evaluation, *, overlap: str) -> Tensor:
    """OM = 1 - max_B IoU(B, B_p) · 1[predicted = label] (Zhang et al. 2024, Opti-CAM).

    ``overlap=ilsvrc`` takes 1[IoU > 0.5] in place of the IoU (Russakovsky et al. 2015).
    """
    subject, best = evaluation.subject, _best_overlap(evaluation)
    if overlap == "ilsvrc":
        best = (best > 0.5).double()
    labels = subject.images.labels.to(subject.predicted.device)
    return 1 - best * (subject.predicted == labels)[evaluation.index]


def _best_overlap(evaluation: Evaluation) -> Tensor:
    """max_B IoU(B, B_p), (n,)."""
    truths = (evaluation.subject.boxes[row] for row in evaluation.index.tolist())
    found = [overlap(box, truth) for box, truth in zip(predicted_boxes(evaluation.saliency), truths, strict=True)]
    return torch.tensor(np.array(found), device=evaluation.saliency.device)


def predicted_boxes(saliency: Tensor) -> Boxes:
    """B_p of each map (n, H, W): (n, 4)."""
    above = saliency.double() > saliency.double().mean((-2, -1), keepdim=True)
    return largest_boxes(above.cpu().numpy())


@metric(
    "box-accuracy",
    direction="max",
    low=0,
    high=1,
    needs=("region",),
    invariances=("mirror",),
    joint=True,
    options={"step": number(0.001, 0.001, 0.5)},
)
def box_accuracy(evaluation: Evaluation, *, step: float) -> Tensor:
    """BA, mean over δ of max over η of mean 1[max_B IoU(B_p^η, B) >= δ] (Choe et al. 2020, MaxBoxAccV2).

    δ runs over 0.3, 0.5 and 0.7, η over 0, ``step``, …, 1; B_p^η is the box of the largest component of {S > η}. The
    η of each δ is the best for all pictures together, so the score of a picture, its hits at those η, depends on the
    others.
    """
    thresholds = np.linspace(0, 1, round(1 / step) + 1)
    maps = evaluation.saliency.cpu().numpy()
    rows = evaluation.index.tolist()
    curves = np.stack(
        [
            overlap(boxes_by_threshold(map_, thresholds), evaluation.subject.boxes[row])
            for map_, row in zip(maps, rows, strict=True)
        ]
    )
    hits = [curves >= delta for delta in (0.3, 0.5, 0.7)]
    best: list[NDArray[np.bool_]] = [hit[:, hit.mean(0).argmax()] for hit in hits]
    return torch.from_numpy(np.mean(best, 0)).to(evaluation.saliency.device)


@metric("pixel-f1", direction="max", low=0, high=1, needs=("region",), invariances=("mirror",))
def pixel_f1(evaluation: Evaluation) -> Tensor:
    """F1 = 2PR / (P + R), P = Σ_U S / Σ S, R = Σ_U S / |U|: = 2 Σ_U S / (Σ S + |U|) (Zhang et al. 2024, Opti-CAM)."""
    inside, total, size = _energies(evaluation)
    return 2 * inside / (total + size)


@metric("energy-pointing-game", direction="max", low=0, high=1, needs=("region",), invariances=("gain", "mirror"))
def energy_pointing_game(evaluation: Evaluation) -> Tensor:
    """EP = Σ_U S / Σ S, the share of the energy inside (Wang et al. 2020, Score-CAM, there: Proportion)."""
    inside, total, _ = _energies(evaluation)
    return torch.where(total > 0, inside / torch.where(total > 0, total, 1), 0)


def _energies(evaluation: Evaluation) -> tuple[Tensor, Tensor, Tensor]:
    """Σ_U S, Σ S and |U|, each (n,)."""
    saliency, region = evaluation.saliency.double(), evaluation.region.double()
    return (saliency * region).sum((-2, -1)), saliency.sum((-2, -1)), region.sum((-2, -1))


@metric(
    "pointing-game",
    direction="max",
    low=0,
    high=1,
    needs=("region",),
    invariances=("gain", "monotone"),
    options={"ties": choice("any", "first", "mean")},
)
def pointing_game(evaluation: Evaluation, *, ties: str) -> Tensor:
    """SP = 1[argmax S ∈ U] (Zhang et al. 2018, excitation backpropagation, without its tolerance).

    Of tied maxima any inside is a hit; ``ties=first`` asks the first in reading order, ``ties=mean`` takes the share
    of them that is inside.
    """
    saliency, region = evaluation.saliency.flatten(1), evaluation.region.flatten(1)
    highest = saliency == saliency.amax(1, keepdim=True)
    hits = (highest & region).sum(1)
    if ties == "any":
        score = (hits > 0).double()
    elif ties == "mean":
        score = hits.double() / highest.sum(1)
    else:
        score = region.gather(1, highest.int().argmax(1)[:, None])[:, 0].double()
    return torch.where(evaluation.empty, 0, score)


LEAST_AREA = 0.05
LEAST_PROBABILITY = 1e-12


@metric(
    "saliency-metric",
    direction="min",
    low=math.log(LEAST_AREA),
    passes=1,
    needs=("probability",),
    invariances=("gain",),
)
def saliency_metric(evaluation: Evaluation) -> Tensor:
    """SM = ln max(0.05, |B_p| / (HW)) - ln p_crop (Dabkowski & Gal 2017).

    p_crop is p of the crop B_p, resized to the input bilinearly; p below 1e-12 counts as that. A black map has no
    box: black is shown.
    """
    height, width = evaluation.saliency.shape[-2:]
    boxes = torch.from_numpy(predicted_boxes(evaluation.saliency)).to(evaluation.saliency.device)
    shown = evaluation.subject.network.probabilities(crops(evaluation.pictures, boxes), evaluation.targets)
    x1, y1, x2, y2 = boxes.double().unbind(1)
    area = (x2 - x1) * (y2 - y1) / (height * width)
    return area.clamp(min=LEAST_AREA).log() - shown.double().clamp(min=LEAST_PROBABILITY).log()


def crops(pictures: Tensor, boxes: Tensor) -> Tensor:
    """The crop of each picture (n, 3, H, W) to its box (n, 4), resized to H, W (bilinear, align_corners=False).

    An empty box gives black.
    """
    x1, y1, x2, y2 = boxes.to(pictures.dtype).unbind(1)
    columns = _sources(x1, x2, pictures.shape[-1])
    rows = _sources(y1, y2, pictures.shape[-2])
    grid = torch.stack(
        [columns[:, None].expand(-1, rows.shape[1], -1), rows[:, :, None].expand(-1, -1, columns.shape[1])], -1
    )
    found = grid_sample(pictures, grid, mode="bilinear", align_corners=True)
    return torch.where(((x2 - x1) * (y2 - y1) > 0)[:, None, None, None], found, 0)


def _sources(start: Tensor, end: Tensor, pixels: int) -> Tensor:
    """Where the pixels of a resized crop come from, along one axis, scaled to [-1, 1]: (n, pixels)."""
    length = (end - start)[:, None]
    centre = (torch.arange(pixels, device=start.device) + 0.5) * length / pixels - 0.5
    inside = torch.minimum(centre.clamp(min=0), (length - 1).clamp(min=0))
    return 2 * (start[:, None] + inside) / (pixels - 1) - 1
