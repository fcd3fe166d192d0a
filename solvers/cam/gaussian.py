"""A Gaussian process over points: what a few noisy values say of all others, exactly, in NumPy and SciPy.

The kernel is the mean of two squared exponentials, of a length and of a third of it:

    k(x, x') = ½ exp(-|x - x'|² / 2λ²) + ½ exp(-9 |x - x'|² / 2λ²)

Values are standardised, so the amplitude is 1. The length λ, as a multiple of the median distance between the points,
and a nugget, which is added to the known noise of each value, are those of a small grid under which the values are most
likely. See Rasmussen & Williams, *Gaussian Processes for Machine Learning* (2006), algorithm 2.1 and section 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.spatial.distance import pdist

Numbers = NDArray[np.float64]
Points = NDArray[np.float32]
Rows = NDArray[np.int64]

LENGTHS = (0.25, 0.5, 1.0, 2.0)
NUGGETS = (1e-3, 1e-2, 1e-1)

WIDTH = 2.0
"""Standard deviations of the confidence bound."""


def kernel(one: Numbers, other: Numbers, length: float) -> Numbers:
    """The prior covariance of the values at some points (n, d) with those at others (m, d): (n, m)."""
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * (one @ other.T)
    scaled = np.maximum(squares, 0) / (2 * length**2)
    found: Numbers = 0.5 * np.exp(-scaled) + 0.5 * np.exp(-9 * scaled)
    return found


@dataclass(frozen=True, eq=False)
class Process:
    """A process conditioned on values at points.

    Attributes:
        origin: (d,) from where points are measured: squares of what is far from it would swallow small distances.
        points: (n, d), where values are known, from there.
        nugget: added to the variance of each.
        length: λ.
        centre, scale: what values are standardised by.
        lower: (n, n) the Cholesky factor of the covariance of the values.
        weights: (n,) that covariance's inverse times the values.
    """

    origin: Numbers
    points: Numbers
    nugget: float
    length: float
    centre: float
    scale: float
    lower: Numbers
    weights: Numbers

    @classmethod
    def fitted(cls, points: Points, values: Numbers, noise: Numbers) -> Process:
        """The process of the grid under which the values are most likely.

        Args:
            points: (n, d).
            values: (n,) what is known there.
            noise: (n,) the variance of each value.
        """
        centre, scale = float(values.mean()), float(values.std()) or 1.0
        standard = (values - centre) / scale
        origin: Numbers = points.mean(0, dtype=np.float64)
        centred = points - origin
        distances = pdist(centred)
        typical = float(np.median(distances)) if len(distances) and np.median(distances) > 0 else 1.0
        best, most = None, -np.inf
        for factor in LENGTHS:
            length = factor * typical
            prior = kernel(centred, centred, length)
            for nugget in NUGGETS:
                variances = noise / scale**2 + nugget
                lower, _ = cho_factor(prior + np.diag(variances), lower=True)
                weights = cho_solve((lower, True), standard)
                likelihood = float(-0.5 * standard @ weights - np.log(np.diag(lower)).sum())
                if likelihood > most:
                    best, most = cls(origin, centred, nugget, length, centre, scale, lower, weights), likelihood
        assert best is not None
        return best

    def belief(self, points: Points) -> Belief:
        """What the process says of the values at other points (m, d)."""
        centred = points - self.origin
        cross = kernel(self.points, centred, self.length)
        explained = solve_triangular(self.lower, cross, lower=True)
        variance = np.maximum(1 - (explained**2).sum(0), 0)
        return Belief(self, centred, self.weights @ cross, variance, explained)


@dataclass(eq=False)
class Belief:
    """What a process says of points; it narrows with every point that is taken.

    Attributes:
        process: it.
        points: (m, d), from the process's origin.
        mean, variance: (m,) of the standardised values, without noise.
        explained: (n, m) the inverse Cholesky factor times the covariance of the values known with those at the points.
    """

    process: Process
    points: Numbers
    mean: Numbers
    variance: Numbers
    explained: Numbers

    def bound(self, width: float) -> Numbers:
        """The lower confidence bound, so many standard deviations below the mean, (m,)."""
        found: Numbers = self.mean - width * np.sqrt(self.variance)
        return found

    def take(self, row: int) -> None:
        """Believe that the value at a point is its mean: the others vary less, and the means stay (kriging)."""
        covariance = kernel(self.points[row : row + 1], self.points, self.process.length)[0]
        covariance -= self.explained[:, row] @ self.explained
        total = max(float(self.variance[row]) + self.process.nugget, 1e-12)
        step = covariance / np.sqrt(total)
        self.explained = np.vstack([self.explained, step])
        self.variance = np.maximum(self.variance - step**2, 0)


def likelihood_of_failing(points: Points, failing: Numbers) -> Process | None:
    """The process of whether something fails, 1, or not, 0, at points (n, d), failing (n,); None where nothing does."""
    return Process.fitted(points, failing, np.zeros(len(failing))) if failing.any() else None


@dataclass(frozen=True, eq=False)
class Model:
    """What is believed of values, and of whether constraints hold.

    Attributes:
        value: the process of the values.
        failure: that of failing; None where nothing does.
    """

    value: Process
    failure: Process | None

    def prospects(self, points: Points) -> Prospects:
        """What it says of other points (m, d)."""
        return Prospects(self.value.belief(points), None if self.failure is None else self.failure.belief(points))


@dataclass(eq=False)
class Prospects:
    """How much other points promise.

    Attributes:
        value: the belief about their values.
        failure: that about their failing; None where nothing is known to.
    """

    value: Belief
    failure: Belief | None

    def bounds(self) -> Numbers:
        """(m,) the smaller the more is promised: the lower confidence bounds of the values.

        A point where the constraints are more likely to fail than to hold comes after all others, by the bound of that.
        """
        found = self.value.bound(WIDTH)
        if self.failure is None:
            return found
        process, failing = self.failure.process, self.failure.bound(WIDTH)
        hopeless = self.failure.mean > (0.5 - process.centre) / process.scale
        return np.where(hopeless, found.max() + 1 + failing - failing.min(), found)

    def take(self, row: int) -> None:
        """Believe what is expected of a point."""
        self.value.take(row)
        if self.failure is not None:
            self.failure.take(row)
