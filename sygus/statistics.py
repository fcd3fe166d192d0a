"""Uncertainty of mean scores over pictures, and tests of differences between methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sygus.deferred import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

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
        from scipy.stats import bootstrap  # a second of imports, which who only reads records does without

        values, rng = scores.astype(np.float64), np.random.default_rng(seed)
        batch = max(1, _REDRAWN // len(scores))  # of any size, the draws are the same
        found = bootstrap((values,), np.mean, n_resamples=RESAMPLES, batch=batch, method="percentile", rng=rng)
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
        return cls(Mean.of(differences, seed), _sign_test(differences, seed))


_BATCH = 1 << 21
"""Signs that are held at a time."""

_REDRAWN = 1 << 18
"""Scores of bootstrap samples that are held at a time."""

_DRAWN = PERMUTATIONS.bit_length()
"""Pictures from which on sign patterns are drawn."""

_ROUNDING = 1e-12
"""Of sums, as a share of that of the magnitudes: sums that differ by less are equal."""


def _sign_test(differences: NDArray[np.float64], seed: int) -> float:
    """P, two-sided: twice the smaller share of the sign patterns whose sum is as large, or as small, as was seen."""
    seen, slack = differences.sum(), _ROUNDING * np.abs(differences).sum()
    above = below = tried = 0
    for signs in _sign_patterns(len(differences), seed):
        sums = signs @ differences
        above += int((sums >= seen - slack).sum())
        below += int((sums <= seen + slack).sum())
        tried += len(signs)
    itself = int(len(differences) >= _DRAWN)  # where patterns are drawn, what was seen counts as one of them
    return min(1.0, 2 * (min(above, below) + itself) / (tried + itself))


def least_p(count: int) -> float:
    """The smallest p that the test of :class:`Difference` can have on so many pictures, before any correction."""
    return min(1.0, 2 / (PERMUTATIONS + 1 if count >= _DRAWN else 1 << count))


def _sign_patterns(count: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """All patterns of so many signs, or :data:`PERMUTATIONS` drawn ones, as the rows of matrices."""
    total = PERMUTATIONS if count >= _DRAWN else 1 << count
    rng, batch = np.random.default_rng(seed), max(1, _BATCH // count)
    for start in range(0, total, batch):
        numbers = np.arange(start, min(start + batch, total))
        if count >= _DRAWN:
            bits = rng.integers(0, 2, (len(numbers), count), dtype=np.int8)
        else:
            bits = (numbers[:, None] >> np.arange(count)).astype(np.int8) & 1
        yield bits.astype(np.float64) * 2 - 1


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
