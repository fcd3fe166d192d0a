"""Uncertainty of mean scores over pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

RESAMPLES = 2000


@dataclass(frozen=True)
class Mean:
    """A mean over pictures with its bootstrap 95 % interval.

    Attributes:
        value: the mean.
        low, high: the interval.
        images: how many pictures.
    """

    value: float
    low: float
    high: float
    images: int

    @classmethod
    def of(cls, scores: NDArray[np.float32], seed: int = 0) -> Mean:
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
        return cls(float(scores.mean(dtype=np.float64)), float(interval.low), float(interval.high), len(scores))
