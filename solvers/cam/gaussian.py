"""A Gaussian process over points: what a few noisy values say of all others, exactly, in NumPy and SciPy.

A point has two parts, what a term draws and what it is made of: x, features of its heat maps, and n, how often each
symbol stands in it. The kernel is the mean of up to three:

    k = ½ exp(-|x - x'|² / 2λ²) + ½ exp(-9 |x - x'|² / 2λ²),   x · x' / s,   n · n' / t,

two squared exponentials, of a length and of a third of it; a linear one, by which what grows with the maps is seen to
go on beyond what is known; and a linear one of the symbols, by which what one of them does to some terms is expected of
all. Both are measured from the mean of the points, and s and t are mean squares, so that each is 1 on average. Values
are standardised, so the amplitude is 1. Which of the linear ones take part, the length λ, as a multiple of the median
distance between the points, and a nugget, which is added to the known noise of each value, are those of a small grid
under which the values are most likely. See Rasmussen & Williams, *Gaussian Processes for Machine Learning* (2006),
algorithm 2.1 and sections 4.2.2 and 5.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.spatial.distance import pdist
from scipy.special import erfcx, log_ndtr, ndtr

Numbers = NDArray[np.float64]
Points = NDArray[np.float32]
Rows = NDArray[np.int64]

LENGTHS = (0.25, 0.5, 1.0, 2.0)
NUGGETS = (1e-3, 1e-2, 1e-1)
SHARES = ((0.0, 0.0), (1 / 2, 0.0), (0.0, 1 / 2), (1 / 3, 1 / 3))
"""Of the linear kernels of maps and symbols; the squared exponentials have the rest."""


def squared_exponentials(one: Numbers, other: Numbers, length: float) -> Numbers:
    """½ exp(-d²/2λ²) + ½ exp(-9d²/2λ²), between some points (n, d) and others (m, d): (n, m)."""
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * (one @ other.T)
    scaled = np.maximum(squares, 0) / (2 * length**2)
    found: Numbers = 0.5 * np.exp(-scaled) + 0.5 * np.exp(-9 * scaled)
    return found


def parts(points: Numbers, symbols: int) -> tuple[Numbers, Numbers]:
    """The features of maps and the counts of symbols, so many columns at the end, of points (n, d)."""
    maps = points.shape[1] - symbols
    return points[:, :maps], points[:, maps:]


@dataclass(frozen=True)
class Kernel:
    """The prior covariance of the values at points.

    Attributes:
        symbols: how many of the last columns of a point count symbols.
        length: λ.
        shares: of the linear kernels of maps and symbols.
        squares: their mean squares, s and t.
    """

    symbols: int
    length: float
    shares: tuple[float, float]
    squares: tuple[float, float]

    def __call__(self, one: Numbers, other: Numbers) -> Numbers:
        """Of some points (n, d) with others (m, d): (n, m)."""
        ours, theirs = parts(one, self.symbols), parts(other, self.symbols)
        linear = (mine @ its.T if share else 0.0 for share, mine, its in zip(self.shares, ours, theirs, strict=True))
        return self.mixed(squared_exponentials(ours[0], theirs[0], self.length), linear)

    def mixed(self, near: Numbers, linear: Iterable[Numbers | float]) -> Numbers:
        """The covariance (n, m) made of the squared exponentials, and of the products of maps and of symbols."""
        found = (1 - sum(self.shares)) * near
        for share, square, one in zip(self.shares, self.squares, linear, strict=True):
            if share:
                found += share / square * one
        return found

    def own(self, points: Numbers) -> Numbers:
        """Of each of some points (n, d) with itself: (n,)."""
        found: Numbers = np.full(len(points), 1 - sum(self.shares))
        for share, square, part in zip(self.shares, self.squares, parts(points, self.symbols), strict=True):
            found += share / square * (part**2).sum(1)
        return found


@dataclass(frozen=True, eq=False)
class Process:
    """A process conditioned on values at points.

    Attributes:
        origin: (d,) from where points are measured: squares of what is far from it would swallow small distances.
        points: (n, d), where values are known, from there.
        kernel: their prior covariance.
        nugget: added to the variance of each.
        centre, scale: what values are standardised by.
        lower: (n, n) the Cholesky factor of the covariance of the values.
        weights: (n,) that covariance's inverse times the values.
    """

    origin: Numbers
    points: Numbers
    kernel: Kernel
    nugget: float
    centre: float
    scale: float
    lower: Numbers
    weights: Numbers

    @classmethod
    def fitted(cls, points: Points, values: Numbers, noise: Numbers, symbols: int = 0) -> Process:
        """The process of the grid under which the values are most likely.

        Args:
            points: (n, d).
            values: (n,) what is known there.
            noise: (n,) the variance of each value.
            symbols: how many of the last columns of a point count symbols.
        """
        centre, scale = float(values.mean()), float(values.std()) or 1.0
        standard = (values - centre) / scale
        origin: Numbers = points.mean(0, dtype=np.float64)
        centred = points - origin
        maps, counts = parts(centred, symbols)
        distances = pdist(maps)
        typical = float(np.median(distances)) if len(distances) and np.median(distances) > 0 else 1.0
        of_maps, of_counts = (float((part**2).sum(1).mean()) or 1.0 for part in (maps, counts))
        best, most = None, -np.inf
        linear = [maps @ maps.T, counts @ counts.T]
        near = {factor: squared_exponentials(maps, maps, factor * typical) for factor in LENGTHS}
        for factor, shares in product(LENGTHS, SHARES if symbols else SHARES[:2]):
            kernel = Kernel(symbols, factor * typical, shares, (of_maps, of_counts))
            prior = kernel.mixed(near[factor], linear)
            for nugget in NUGGETS:
                variances = noise / scale**2 + nugget
                lower, _ = cho_factor(prior + np.diag(variances), lower=True)
                weights = cho_solve((lower, True), standard)
                likelihood = float(-0.5 * standard @ weights - np.log(np.diag(lower)).sum())
                if likelihood > most:
                    best, most = cls(origin, centred, kernel, nugget, centre, scale, lower, weights), likelihood
        assert best is not None
        return best

    def standardised(self, value: float) -> float:
        """A value as the process measures it."""
        return (value - self.centre) / self.scale

    def belief(self, points: Points) -> Belief:
        """What the process says of the values at other points (m, d)."""
        centred = points - self.origin
        cross = self.kernel(self.points, centred)
        explained = solve_triangular(self.lower, cross, lower=True)
        variance = np.maximum(self.kernel.own(centred) - (explained**2).sum(0), 0)
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

    @property
    def deviation(self) -> Numbers:
        """(m,) the square root of the variance; above 0."""
        return np.sqrt(np.maximum(self.variance, 1e-12))

    def log_chance_of_holding(self) -> Numbers:
        """(m,) the logarithm of the probability that the value itself is at least 0."""
        found: Numbers = log_ndtr((self.mean - self.process.standardised(0.0)) / self.deviation)
        return found

    def log_improvement(self, best: float) -> Numbers:
        """(m,) the logarithm of the expected improvement on a standardised value, of which smaller is better."""
        return np.log(self.deviation) + log_improvement((best - self.mean) / self.deviation)

    def take(self, row: int) -> None:
        """Believe that the value at a point is its mean: the others vary less, and the means stay (kriging)."""
        covariance = self.process.kernel(self.points[row : row + 1], self.points)[0]
        covariance -= self.explained[:, row] @ self.explained
        total = max(float(self.variance[row]) + self.process.nugget, 1e-12)
        step = covariance / np.sqrt(total)
        self.explained = np.vstack([self.explained, step])
        self.variance = np.maximum(self.variance - step**2, 0)


FAR = -1e4
"""Below it the tail of the expected improvement is its limit, φ(z) / z², to the last digit."""


def log_improvement(z: Numbers) -> Numbers:
    """log(φ(z) + z Φ(z)), also where that is too small for a number: there the least unlikely is still told.

    Below -1 as log φ(z) + log(1 + z √(π/2) erfcx(-z/√2)); Ament et al. (NeurIPS 2023), equation 9.
    """
    near, far = np.maximum(z, -1.0), np.minimum(z, -1.0)
    direct = np.log(np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi) + near * ndtr(near))
    share = np.where(far > FAR, 1 + far * np.sqrt(np.pi / 2) * erfcx(-far / np.sqrt(2)), far**-2)
    found: Numbers = np.where(z < -1, -0.5 * far**2 - 0.5 * np.log(2 * np.pi) + np.log(share), direct)
    return found


@dataclass(frozen=True, eq=False)
class Model:
    """What is believed of values, and of whether constraints hold.

    Attributes:
        value: the process of the values; None where none is known.
        best: the best value known, standardised.
        margins: the processes of the margins of constraints, by the constraint's number; of one that never failed none.
    """

    value: Process | None
    best: float = 0.0
    margins: Mapping[int, Process] = field(default_factory=dict)

    def prospects(self, points: Points) -> Prospects:
        """What it says of other points (m, d)."""
        value = None if self.value is None else self.value.belief(points)
        margins = {number: one.belief(points) for number, one in self.margins.items()}
        return Prospects(len(points), value, self.best, margins)


@dataclass(eq=False)
class Prospects:
    """How much other points promise.

    Attributes:
        count: how many they are, m.
        value: the belief about their values; None where nothing is known of any.
        best: what is to be improved on, standardised.
        margins: the beliefs about the margins of constraints, by number.
    """

    count: int
    value: Belief | None
    best: float
    margins: Mapping[int, Belief]
    _holds: dict[int, list[int]] = field(default_factory=dict)
    _fails: list[int] = field(default_factory=list)

    def know(self, row: int, margins: Sequence[float]) -> None:
        """What is known of the constraints at a point: their margins in order, NaN where nothing is."""
        if fails(margins):
            self._fails.append(row)
        for number, margin in enumerate(margins):
            if margin >= 0:
                self._holds.setdefault(number, []).append(row)

    def promise(self) -> Numbers:
        """(m,) the larger the more: log of the expected improvement times the probability that all constraints hold.

        Gardner et al. (ICML 2014), equation 5; where no value is known that probability alone.
        """
        found = self.improvement()
        for number, belief in self.margins.items():
            chance = belief.log_chance_of_holding()
            chance[self._holds.get(number, [])] = 0.0
            found += chance
        found[self._fails] = -np.inf
        return found

    def improvement(self) -> Numbers:
        """(m,) the logarithm of the expected improvement, whatever the constraints; 0 where no value is known."""
        return np.zeros(self.count) if self.value is None else self.value.log_improvement(self.best)

    def take(self, row: int) -> None:
        """Believe what is expected of a point: the others have to improve on that as well."""
        if self.value is not None:
            self.best = min(self.best, float(self.value.mean[row]))
            self.value.take(row)
        for belief in self.margins.values():
            belief.take(row)


def fails(margins: Sequence[float]) -> bool:
    """Whether a constraint is known to fail, by its margin."""
    return any(margin < 0 for margin in margins)
