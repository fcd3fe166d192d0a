"""The option of metrics that score a part of the picture: inside the boxes of the ground truth, or outside of them."""

from __future__ import annotations

from sygus.saliency.metrics.evaluation import Within
from sygus.saliency.metrics.metric import Need
from sygus.saliency.options import Options, Value, choice

WITHIN: Options = {"within": choice("all", "box", "outside")}
"""The values of :data:`Within`."""


def needed_within(*, within: Within, **_: Value) -> tuple[Need, ...]:
    """What a metric of a probability needs: of a part of the picture also boxes, or masks, which have a box each."""
    return ("probability",) if within == "all" else ("probability", "region")
