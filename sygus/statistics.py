"""Uncertainty of mean scores over pictures, and tests of differences between methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import bootstrap, permutation_test

RESAMPLES = 2000
PERMUTATIONS = 9999
"""Sign patterns of a permutation test; all of them where there are no more."""


@dataclass(frozen=True)
class Mean:
    """A mean over pictures with its bootstrap 95 % interval.

    Attributes:
        value: the mean.
        low, high: the interval.
        images: how many pictures.
        scores: of each picture.
    """

    value: float
    low: float
    high: float
    images: int
    scores: tuple[float, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, scores: NDArray[np.floating], seed: int = 0) -> Mean:
        """The mean of per-image scores; the interval is the percentile bootstrap over pictures, seeded.

        Args:
            scores: (N,), N at least 2.
            seed: of the resampling.
        """
        values = scores.astype(np.float64)
        found = bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
        )
        interval = found.confidence_interval
        mean = float(scores.mean(dtype=np.float64))
        return cls(mean, float(interval.low), float(interval.high), len(scores), tuple(values.tolist()))


@dataclass(frozen=True)
class Difference:
    """How the scores of two methods on the same pictures differ.

    Attributes:
        mean: of first - second, with its bootstrap 95 % interval.
        p: of the paired permutation test, two-sided, before any correction.
    """

    mean: Mean
    p: float

    @classmethod
    def of(cls, first: ArrayLike, second: ArrayLike, seed: int = 0) -> Difference:
        """The paired permutation test: under the null hypothesis the sign of each picture's difference is arbitrary.

        All sign patterns are tried where they are at most :data:`PERMUTATIONS`, else so many drawn with ``seed``; p is
        then (hits + 1) / (drawn + 1), which is never too small (Phipson and Smyth 2010).

        Args:
            first: (N,) scores of N pictures, N at least 2.
            second: (N,) scores of the same pictures.
            seed: of the resampling.

        Raises:
            ValueError: they are not of the same pictures.
        """
        one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
        if one.shape != other.shape:
            raise ValueError(f"scores of {one.shape} and {other.shape} pictures are not paired")
        differences = one - other
        if not differences.any():
            return cls(Mean(0.0, 0.0, 0.0, len(one), tuple(differences.tolist())), 1.0)
        found = permutation_test(
            (differences,),
            lambda values, axis: np.mean(values, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=PERMUTATIONS,
            batch=max(1, 2_000_000 // len(one)),
            rng=np.random.default_rng(seed),
        )
        return cls(Mean.of(differences, seed), float(found.pvalue))


def resampling(count: int, seed: int = 0, draws: int = RESAMPLES) -> NDArray[np.float64]:
    """The weights of ``count`` pictures in bootstrap samples, (draws, count); a row times scores is the sample's mean.

    Args:
        count: of pictures.
        seed: of the draws.
        draws: how many.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=draws) / count


def holm(values: Sequence[float]) -> list[float]:
    """The p values of several tests, corrected so that any false rejection has at most the level (Holm 1979).

    Args:
        values: p values; the results are in their order, each at least as large and at most 1.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    corrected = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = highest
    return corrected
