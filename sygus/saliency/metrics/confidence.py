"""How the confidence changes when only the highlighted part of the picture is shown."""

from __future__ import annotations

import torch
from torch import Tensor

from sygus.saliency.metrics.evaluation import Evaluation, Within
from sygus.saliency.metrics.metric import metric
from sygus.saliency.metrics.parts import WITHIN, needed_within
from sygus.saliency.options import reference


@metric(
    "average-drop",
    direction="min",
    unit="%",
    low=0,
    high=100,
    passes=1,
    needs=needed_within,
    options=WITHIN,
)
def average_drop(evaluation: Evaluation, *, within: Within) -> Tensor:
    """AD% = 100 · mean [p - o]₊ / p, the relative loss of confidence (Chattopadhay et al. 2018, section 4.1).

    ``within=box`` scores B ∩ S, the map inside the union of the boxes alone, ``within=outside`` S ∖ B, what is left of
    it outside (Zhang et al. 2024, Opti-CAM, figure 4).
    """
    return 100 * drop(evaluation.within(within))


def drop(evaluation: Evaluation) -> Tensor:
    """[p - o]₊ / p of each picture, (n,) in [0, 1]; 0 where p = 0, since nothing can be lost."""
    p, o = evaluation.probability, evaluation.masked_probability
    return torch.where(p > 0, (p - o).relu() / torch.where(p > 0, p, 1), 0)


@metric(
    "average-increase",
    direction="max",
    unit="%",
    low=0,
    high=100,
    passes=1,
    needs=needed_within,
    options=WITHIN,
)
def average_increase(evaluation: Evaluation, *, within: Within) -> Tensor:
    """AI% = 100 · mean 1[p < o], the share of pictures that gain confidence (Chattopadhay et al. 2018, section 4.1).

    ``within`` as in ``average-drop``.
    """
    return 100 * (evaluation.probability < evaluation.within(within).masked_probability)


@metric(
    "average-gain",
    direction="max",
    unit="%",
    low=0,
    high=100,
    passes=1,
    needs=needed_within,
    options=WITHIN,
)
def average_gain(evaluation: Evaluation, *, within: Within) -> Tensor:
    """AG% = 100 · mean [o - p]₊ / (1 - p), the relative gain; 0 where p = 1 (Zhang et al. 2024, Opti-CAM).

    ``within`` as in ``average-drop``.
    """
    p, o = evaluation.probability, evaluation.within(within).masked_probability
    return 100 * torch.where(p < 1, (o - p).relu() / torch.where(p < 1, 1 - p, 1), 0)


@metric(
    "win",
    direction="max",
    unit="%",
    low=0,
    high=100,
    passes=1,
    needs=("refer", "probability"),
    options={"against": reference("gradcam")},
)
def win(evaluation: Evaluation, *, against: str) -> Tensor:
    """Win% = 100 · mean 1[drop < drop of another], the share of pictures that lose less (Chattopadhay et al. 2018).

    The other is a method or a function that the file defines: ``… Real win :against gradcam++``. Equal drops are no
    win; the metric ``tie`` reports their share.
    """
    return 100 * (drop(evaluation) < _drop_of(evaluation, against))


@metric(
    "tie",
    direction="min",
    unit="%",
    low=0,
    high=100,
    passes=1,
    needs=("refer", "probability"),
    options={"against": reference("gradcam")},
)
def tie(evaluation: Evaluation, *, against: str) -> Tensor:
    """Tie% = 100 · mean 1[drop = drop of another], what ``win`` counts neither as won nor as lost."""
    return 100 * (drop(evaluation) == _drop_of(evaluation, against))


def _drop_of(evaluation: Evaluation, name: str) -> Tensor:
    assert evaluation.refer is not None, "who evaluates a metric with needs=('refer',) gives the references"
    return drop(evaluation.refer(name))[evaluation.index]
