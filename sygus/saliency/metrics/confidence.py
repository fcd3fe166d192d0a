"""How the confidence changes when only the highlighted part of the picture is shown."""

from __future__ import annotations

from torch import Tensor

from sygus.saliency.metrics.metric import Evaluation, metric


@metric("average-drop", direction="min", unit="%", low=0, high=100, passes=1)
def average_drop(evaluation: Evaluation) -> Tensor:
    """AD% = 100 · mean [p - o]₊ / p, the relative loss of confidence (Chattopadhay et al. 2018, section 4.1)."""
    p, o = evaluation.probability, evaluation.masked_probability
    return 100 * (p - o).relu() / p
