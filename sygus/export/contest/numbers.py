"""Statistics of trials, from SciPy where it has them. Costs are compared: smaller is better, infinite where none is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap, friedmanchisquare, kendalltau, mannwhitneyu, trim_mean, wilcoxon

Floats = NDArray[np.float64]

RESAMPLES = 2000
LEAST_BLOCKS = 5
"""Tasks that Friedman's test needs: a block is a task, never a seed."""

DECADES = 100.0
"""The area under an ECDF is taken from the budget's hundredth part to the budget, two decades."""

SPLITS = 100
"""Halves of the pictures that rankings are compared on."""


def median(values: Floats) -> float:
    """The median; infinite where half of the trials have no score."""
    return float(np.median(values))


def iqm(values: Floats) -> float:
    """The mean of the middle half (Agarwal et al. 2021)."""
    return float(trim_mean(values, 0.25)) if np.isfinite(values).all() else math.nan


def interval(values: Floats, statistic: Callable[..., Any], seed: int = 0) -> tuple[float, float]:
    """The percentile bootstrap 95 % interval over trials.

    Args:
        values: (n,), finite.
        statistic: takes an array and an axis.
        seed: of the resampling.

    Returns:
        Its ends; NaN where there are fewer than two values, or one is infinite.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    found = bootstrap((values,), statistic, n_resamples=RESAMPLES, method="percentile", rng=rng).confidence_interval
    return float(found.low), float(found.high)


def trimmed(values: Floats, axis: int = -1) -> Any:
    """:func:`iqm` along an axis, for the bootstrap."""
    return trim_mean(values, 0.25, axis=axis)


@dataclass(frozen=True)
class Improvement:
    """How probable it is that a trial of the first has the smaller cost than one of the second.

    Attributes:
        probability: Vargha and Delaney's A₁₂, ties counting half.
        low, high: its bootstrap 95 % interval over the trials of both.
        p: of the two-sided test, before any correction; NaN where there is no chance to test.
    """

    probability: float
    low: float
    high: float
    p: float

    @classmethod
    def of(
        cls, first: Floats, second: Floats, repeated: tuple[bool, bool] = (False, False), seed: int = 0
    ) -> Improvement:
        """The probability, its interval and the test.

        The trials of a strategy without chance are one trial, however often it is repeated: another is then tested
        against that one number by the sign test, and two of them are not tested.

        Args:
            first: (n,) costs, at least one; infinite ones are the worst.
            second: (m,) costs, likewise.
            repeated: of each whether its trials are one.
            seed: of the resampling.
        """
        pooled = np.concatenate([first, second])
        ranked = np.unique(pooled, return_inverse=True)[1].astype(np.float64)  # ranks alone matter, and are finite
        one, other = (
            values[:1] if alone else values
            for values, alone in zip((ranked[: len(first)], ranked[len(first) :]), repeated, strict=True)
        )
        probability = float(_wins(one, other))
        low = high = math.nan
        if max(len(one), len(other)) > 1:
            rng = np.random.default_rng(seed)
            varied = [values for values in (one, other) if len(values) > 1]
            fixed = [values for values in (one, other) if len(values) == 1]

            def wins(*drawn: Floats, axis: int = -1) -> Any:
                if len(drawn) == 2:
                    return _wins(*drawn, axis=axis)
                return _wins(drawn[0], fixed[0]) if len(one) > 1 else _wins(fixed[0], drawn[0])

            found = bootstrap(varied, wins, n_resamples=RESAMPLES, method="percentile", rng=rng).confidence_interval
            low, high = float(found.low), float(found.high)
        return cls(probability, low, high, _p(one, other, repeated))


def _p(first: Floats, second: Floats, repeated: tuple[bool, bool]) -> float:
    """Of two samples by Mann and Whitney, of one beside a number by its signs; NaN of two numbers."""
    if all(repeated):
        return math.nan
    if any(repeated):
        values, number = (second, first[0]) if repeated[0] else (first, second[0])
        above, below = int((values > number).sum()), int((values < number).sum())
        return float(binomtest(above, above + below).pvalue) if above + below else 1.0
    pooled = np.concatenate([first, second])
    return 1.0 if np.ptp(pooled) == 0 else float(mannwhitneyu(first, second, alternative="two-sided").pvalue)


def _wins(first: Floats, second: Floats, axis: int = -1) -> Any:  # noqa: ARG001 - always the last one
    one, other = first[..., :, None], second[..., None, :]
    return ((one < other) + 0.5 * (one == other)).mean(axis=(-2, -1))


def signed_rank(differences: Floats) -> float:
    """P of the two-sided Wilcoxon signed-rank test over tasks; NaN where a difference is no number or all are zero."""
    if not np.isfinite(differences).all() or not differences.any():
        return math.nan
    return float(wilcoxon(differences).pvalue)


def friedman(costs: Floats) -> float | None:
    """P of Friedman's test, (tasks, strategies).

    Returns:
        None where there are fewer than :data:`LEAST_BLOCKS` tasks or three strategies, or a cost is infinite.
    """
    tasks, strategies = costs.shape
    if tasks < LEAST_BLOCKS or strategies < 3 or not np.isfinite(costs).all() or not np.ptp(costs, axis=1).any():
        return None
    return float(friedmanchisquare(*costs.T).pvalue)


def expected_running_time(hits: Floats, budget: float) -> tuple[float, int]:
    """The expected running time to a target, as if trials that miss it were begun anew (Hansen et al. 2021).

    Args:
        hits: (n,) what was spent when each trial reached it, infinite where it did not within the budget.
        budget: what a trial that misses it has spent.

    Returns:
        The time, infinite where no trial reached it, and how many did.
    """
    successes = int(np.isfinite(hits).sum())
    spent = float(np.minimum(hits, budget).sum())
    return (spent / successes if successes else math.inf), successes


def reached(hits: Floats, spent: Floats) -> Floats:
    """The share of trials and targets that are reached when so much is spent: the ECDF.

    Args:
        hits: of every trial and target.
        spent: (k,).

    Returns:
        (k,).
    """
    found: Floats = np.searchsorted(np.sort(hits, axis=None), spent, side="right") / hits.size
    return found


def area(hits: Floats, budget: float) -> float:
    """The area under the ECDF on a logarithmic axis, from a hundredth of the budget to all of it; 1 is the best."""
    inside = np.clip(hits / budget, 1 / DECADES, 1)
    return float((-np.log(inside) / math.log(DECADES)).mean())


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those points that no other is as good as in both, sorted by the second, each once."""
    kept: list[tuple[float, float]] = []
    for cost, size in sorted(set(points), key=lambda point: (point[1], point[0])):
        if not kept or cost < kept[-1][0]:
            kept.append((cost, size))
    return kept


def hypervolume(points: Sequence[tuple[float, float]]) -> float:
    """The area that points dominate within the unit square, both coordinates being costs."""
    total, above = 0.0, 1.0
    for cost, size in front([point for point in points if point[0] < 1 and point[1] < 1]):
        total += (1 - max(0.0, size)) * (above - max(0.0, cost))
        above = max(0.0, cost)
    return total


def agreement(scores: Floats, groups: Sequence[str], seed: int = 0) -> tuple[float, float]:
    """How well two halves of the pictures agree: Kendall's τ of the rankings, averaged over random halves.

    Args:
        scores: (winners, pictures).
        groups: of each winner its strategy, which ranks by the median of its winners.
        seed: of the halves.

    Returns:
        Of strategies and of winners; NaN where there are fewer than two to rank, or none differ.
    """
    rng, names = np.random.default_rng(seed), sorted(set(groups))
    rows = [[index for index, group in enumerate(groups) if group == name] for name in names]
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(SPLITS):
        order = rng.permutation(scores.shape[1])
        halves = [scores[:, part].mean(axis=1) for part in np.array_split(order, 2)]
        found[0].append(_tau(*([np.median(half[row]) for row in rows] for half in halves)))
        found[1].append(_tau(*halves))
    means = [float(np.nanmean(one)) if np.isfinite(one).any() else math.nan for one in map(np.array, found)]
    return means[0], means[1]


def _tau(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(kendalltau(first, second).statistic)
