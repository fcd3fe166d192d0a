"""What a metric returns, checked: metrics are users' code, and a race trusts the range that they declare."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from sygus.errors import SycamError
from sygus.saliency.foreign import blamed
from sygus.saliency.metrics.evaluation import Evaluation

ROUNDING = 1e-6
"""How far a score may lie outside the declared range, in units of the bound, at least of 1."""


class Declared(Protocol):
    """What a metric says of its scores; see :class:`sygus.saliency.metrics.Metric`."""

    @property
    def name(self) -> str:
        """The metric's name with its options."""
        ...

    @property
    def low(self) -> float:
        """The least score of a picture."""
        ...

    @property
    def high(self) -> float:
        """The largest."""
        ...


def checked_scores(metric: Declared, compute: Callable[[Evaluation], Any], evaluation: Evaluation) -> Tensor:
    """The score of each picture, (n,) float32: finite and in the metric's range.

    Args:
        metric: whose scores they are.
        compute: the user's code.
        evaluation: what it is given.

    Raises:
        SycamError: the metric fails or returns anything else.
    """
    version = evaluation.saliency._version
    with blamed(f"the metric '{metric.name}' fails", _wanted(metric)):
        returned = compute(evaluation)
    if evaluation.saliency._version != version:
        message = f"the metric '{metric.name}' changes the saliency maps that it is given"
        raise SycamError(message, "work on evaluation.saliency.clone()")
    count = len(evaluation.index)
    if not isinstance(returned, Tensor):
        raise _wrong(metric, f"gives {_kind(returned)}")
    if tuple(returned.shape) != (count,) or returned.is_complex():
        of = f"numbers of shape {tuple(returned.shape)}" if not returned.is_complex() else "complex numbers"
        raise _wrong(metric, f"gives {of} for {count} pictures, not ({count},)")
    scores = returned.float()
    _check_values(metric, evaluation, scores)
    return scores


def _check_values(metric: Declared, evaluation: Evaluation, scores: Tensor) -> None:
    low, high = limits(metric)
    wrong = (~(scores.isfinite() & (scores >= low) & (scores <= high))).nonzero()[:, 0].tolist()
    if not wrong:
        return
    picture = evaluation.subject.images.ids[int(evaluation.index[wrong[0]])]
    others = f" and for {len(wrong) - 1} of {len(scores) - 1} others" if len(wrong) > 1 else ""
    value = float(scores[wrong[0]])
    what = f"{value:g}" if math.isfinite(value) else f"{value}, which is not finite,"
    outside = f" a score outside {_range(metric)}," if math.isfinite(value) else ""
    raise _wrong(metric, f"gives{outside} {what} for the picture {picture}{others}")


def limits(metric: Declared) -> tuple[float, float]:
    """The least and the largest score that is taken: the declared range, and a little more for rounding."""
    return _widened(metric.low, -1), _widened(metric.high, 1)


def _widened(bound: float, sign: int) -> float:
    return bound + sign * ROUNDING * max(1.0, abs(bound)) if math.isfinite(bound) else bound


def _range(metric: Declared) -> str:
    return f"[{metric.low:g}, {metric.high:g}]"


def _kind(value: Any) -> str:
    kind = type(value)
    return "None" if value is None else f"{kind.__module__}.{kind.__name__}".removeprefix("builtins.")


def _wrong(metric: Declared, what: str) -> SycamError:
    return SycamError(f"the metric '{metric.name}' {what}", _wanted(metric))


def _wanted(metric: Declared) -> str:
    bounded = math.isfinite(metric.low) or math.isfinite(metric.high)
    within = f" in {_range(metric)}, which it declares" if bounded else ""
    return f"it must return a tensor (n,) with a finite score of each of n pictures{within}"
