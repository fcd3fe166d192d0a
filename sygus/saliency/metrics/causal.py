"""What happens to the confidence as pixels are taken away or brought back in the order of the map.

Every step is a picture; pictures of several steps, maps and candidates share forward passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sygus.saliency.blurring import blur
from sygus.saliency.metrics.evaluation import Evaluation, Within
from sygus.saliency.metrics.imputation import VALUES, impute
from sygus.saliency.metrics.metric import Size, metric
from sygus.saliency.metrics.parts import WITHIN, needed_within
from sygus.saliency.options import Value, number, whole


def _curve_passes(size: Size, *, steps: int | None, top: float | None, **_: Value) -> int:
    return 1 if top is not None else _steps(size, steps)


def _insertion_passes(size: Size, *, steps: int | None, top: float | None, **_: Value) -> int:
    """One more than deletion: p of the blurred picture is not known, that of the clean one is."""
    return 1 if top is not None else _steps(size, steps) + 1


def _steps(size: Size, steps: int | None) -> int:
    """As given, else one per row: 224 pixels a step at 224x224."""
    return size[0] if steps is None else steps


_CURVE_OPTIONS = {"steps": whole(None, 1), "top": number(None, 0, 100), **WITHIN}


@metric(
    "deletion",
    direction="min",
    low=0,
    high=1,
    passes=_curve_passes,
    needs=needed_within,
    invariances=("monotone",),
    options=_CURVE_OPTIONS,
)
def deletion(evaluation: Evaluation, *, steps: int | None, top: float | None, within: Within) -> Tensor:
    """Area under p as the highest pixels turn black, over the fraction removed (Petsiuk et al. 2018, RISE).

    Pixels are ranked by S, ties by their index. ``steps``: how many, by default the height of the picture (224 pixels
    a step at 224x224). ``top``: p after that many per cent of the pixels are removed, instead of the area; SyCAM's
    "Deletion" reports the mean p of the clean pictures minus this, so the order is the same. ``within=box`` ranks the
    pixels inside the union of the boxes alone, ``within=outside`` those outside; the others stay as they are, and
    fractions and per cent are of those ranked.
    """
    black, clean = torch.zeros((), device=evaluation.saliency.device), evaluation.pictures
    return _score(evaluation, lambda rows, taken: torch.where(taken, black, clean[rows, None]), steps, top, within)


@metric(
    "insertion",
    direction="max",
    low=0,
    high=1,
    passes=_insertion_passes,
    needs=needed_within,
    invariances=("monotone",),
    options=_CURVE_OPTIONS,
)
def insertion(evaluation: Evaluation, *, steps: int | None, top: float | None, within: Within) -> Tensor:
    """Area under p as the highest pixels appear on the blurred picture (Petsiuk et al. 2018, RISE).

    Gaussian of 11x11 pixels, σ = 5, the border mirrored; ranks, ``steps``, ``top`` and ``within`` as in ``deletion``:
    the pixels that are not ranked stay blurred.
    """
    blurred, clean = blur(evaluation.pictures), evaluation.pictures
    return _score(
        evaluation, lambda rows, taken: torch.where(taken, clean[rows, None], blurred[rows, None]), steps, top, within
    )


@metric("road", direction="max", low=-0.5, high=0.5, passes=18, needs=("probability",), invariances=("monotone",))
def road(evaluation: Evaluation) -> Tensor:
    """ROAD, the mean over {10, 20, …, 90} % of (LeRF - MoRF) / 2 (Rong et al. 2022).

    MoRF is p after the highest pixels are removed, LeRF after the lowest; those removed are imputed by noisy linear
    imputation: each is the mean of its neighbours, 1/6 for direct and 1/12 for diagonal ones, plus N(0, 0.01²).
    """
    rank, pixels, clean = ranks(evaluation.saliency), evaluation.saliency[0].numel(), evaluation.pictures
    counts = [round(pixels * percent / 100) for percent in range(10, 100, 10)]
    lowest = [pixels - count for count in counts]
    noise = _noise(evaluation)
    bounds = torch.tensor(counts + lowest, device=rank.device)[:, None, None]
    highest_first = (torch.arange(2 * len(counts), device=rank.device) < len(counts))[:, None, None]

    def removed(rows: slice, steps: slice) -> Tensor:
        return impute(clean[rows], (rank[rows, None] < bounds[steps]) != highest_first[steps], noise[rows])

    after = probabilities_after(evaluation, removed, 2 * len(counts))
    most, least = after[:, : len(counts)], after[:, len(counts) :]
    return ((least - most) / 2).double().mean(1)


NOISE = 0.01
"""Deviation of the noise on imputed pixels."""


def _noise(evaluation: Evaluation) -> Tensor:
    """N(0, σ²) for each picture (n, 3, H, W), drawn from its index alone."""
    shape = evaluation.pictures.shape[1:]
    drawn = [np.random.default_rng([0, row]).standard_normal(shape, np.float32) for row in evaluation.index.tolist()]
    return NOISE * torch.from_numpy(np.stack(drawn)).to(evaluation.saliency.device)


def ranks(saliency: Tensor) -> Tensor:
    """The rank of each pixel, 0 for the highest, ties by index: (n, H, W) int32."""
    flat = saliency.flatten(1)
    order = torch.argsort(flat, dim=1, descending=True, stable=True)
    places = torch.arange(flat.shape[1], device=flat.device, dtype=torch.int32).expand_as(order)
    return torch.empty_like(places).scatter_(1, order, places).view(saliency.shape)


Edit = Callable[[slice, Tensor], Tensor]
"""Some rows of the pictures with these pixels (b, s, 1, H, W) edited: (b, s, 3, H, W)."""

Edited = Callable[[slice, slice], Tensor]
"""The pictures (b, s, 3, H, W) of some rows at some steps."""


def _score(evaluation: Evaluation, edit: Edit, steps: int | None, top: float | None, within: Within) -> Tensor:
    """Area under, or one value of, p after the highest pixels of a part of the picture are edited."""
    ranked = evaluation.pixels(within)
    rank = ranks(evaluation.saliency.masked_fill(~ranked, -math.inf))  # those that are not ranked come last
    number_of_steps = _steps(evaluation.subject.network.size, steps)
    fractions = [top / 100] if top is not None else [step / number_of_steps for step in range(1, number_of_steps + 1)]
    counts = np.rint(np.outer(ranked.sum((-2, -1)).cpu().numpy(), fractions))
    bounds = torch.from_numpy(counts).to(rank.device, rank.dtype)[:, :, None, None]

    def edited(rows: slice, chosen: slice) -> Tensor:
        return edit(rows, (rank[rows, None] < bounds[rows, chosen])[:, :, None])

    after = probabilities_after(evaluation, edited, len(fractions))
    if top is not None:
        return after[:, 0]
    return torch.trapezoid(torch.cat([_before(evaluation, edit), after], 1).double(), dx=1 / number_of_steps)


def _before(evaluation: Evaluation, edit: Edit) -> Tensor:
    """P of the pictures before the first step, (n, 1): of clean pictures it is known."""
    nothing = torch.zeros_like(evaluation.saliency[:, None, None], dtype=torch.bool)
    start = edit(slice(None), nothing)[:, 0]
    if torch.equal(start, evaluation.pictures):
        return evaluation.probability[:, None]
    return evaluation.subject.network.probabilities(start, evaluation.targets)[:, None]


def probabilities_after(evaluation: Evaluation, edited: Edited, steps: int) -> Tensor:
    """P of every picture after each of some edits, several pictures with all their steps at a time.

    Args:
        evaluation: the pictures.
        edited: makes them.
        steps: how many there are.

    Returns:
        (n, steps).
    """
    network, targets = evaluation.subject.network, evaluation.targets
    block = max(network.chunk.size, VALUES // evaluation.subject.pictures[0].numel())
    block -= block % network.chunk.size
    whole = network.chunk.size // math.gcd(network.chunk.size, steps)  # pictures that leave no pass to be filled up
    if whole * steps > 4 * block:
        whole = 1
    together = max(1, block // (steps * whole)) * whole
    found = []
    for first in range(0, len(targets), together):
        rows, of_rows = slice(first, first + together), []
        for start in range(0, steps, block):
            made = edited(rows, slice(start, start + block))
            wanted = targets[rows].repeat_interleave(made.shape[1])
            of_rows.append(network.probabilities(made.flatten(0, 1), wanted).view(made.shape[:2]))
        found.append(torch.cat(of_rows, 1))
    return torch.cat(found)
