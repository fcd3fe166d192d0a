"""How many pictures a search needs: what a pilot says of the regret and the optimism of choosing by more or fewer.

A pilot scores some candidates on some pictures. The cost of candidate i on picture p (its score, smaller being better)
is taken for

    cᵢₚ = μᵢ + bₚ + eᵢₚ

with bₚ how hard the picture is for all, and eᵢₚ what is of the pair, correlated between candidates that are alike.

*Noise.* Mean noise over n pictures is drawn as R z / √(n (P - 1)), where R (candidates, P) holds the pilot's residuals
and z is standard normal: a normal law with the pilot's own covariance, whichever candidates are alike. Means over two
dozen bounded scores are close to normal, any n may be drawn though the pilot has few pictures, and one draw serves all
sizes, so that they differ by their size and not by chance.

*Candidates.* The pilot's own means are too far apart: they hold noise, and the best of them most. They are shrunk to
their average as in a random-effects model, μᵢ ~ N(m, τ²), where i's mean cost errs by the variance sᵢ² beside what all
share, and what is left open of the true means is drawn with the pilot's covariance too. In a noisy pilot the spread τ
is poorly known; its best estimate is often zero, and then no picture would seem worth its price. So τ is drawn, from
its posterior where the share τ² / (τ² + s²) that is no noise is uniform before (Daniels 1999), as if
tr(Σ)² / tr(Σ²) candidates were independent, Σ being the residuals' covariance. A search compares more candidates than
a pilot: each further one has the noise of one of the pilot's, mixed with noise of its own so that it is as much like
that as the pilot's candidates are like those next to them.

*Choice.* As in a run: the leader and at most so many others that a paired test cannot tell from it go on through the
validation pictures, and the mean over both chooses (:mod:`solvers.cam.finalists`). What a race wrongly drops is left
out, as are the constraints, and the best of each size that comes along.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from solvers.cam.finalists import APART, MOST

Costs = NDArray[np.float64]

DRAWS = 500
"""Searches that are simulated."""

CROWD = 2000
"""The most candidates of a simulated search: the extremes of noise grow with the logarithm of their number."""

GOOD = 4
"""One in so many candidates of a pilot, the best of them, counts as good."""

SPREADS = 400
"""Values of τ that are looked at."""

WIDEST = 4
"""The largest of them, in standard deviations of the pilot's means."""

LEVEL = float(norm.ppf(0.975))
POWER = 0.8

UNSEEN = 10_000_000
"""So many held-out pictures are none that anybody has: what only they tell is not told."""

NEAR = 0.05
"""By so much of what the search gains may the regret of recommended sizes exceed the smallest there is."""


@dataclass(frozen=True, eq=False)
class Pilot:
    """The costs of some candidates on some pictures.

    Attributes:
        costs: (candidates, pictures), the smaller the better; at least 2 of each.
        reference: (pictures,) those of a method to be told from; None where there is none.
    """

    costs: Costs
    reference: Costs | None = None

    @cached_property
    def means(self) -> Costs:
        """Of each candidate, (candidates,)."""
        found: Costs = self.costs.mean(axis=1)
        return found

    @cached_property
    def shared(self) -> Costs:
        """How hard each picture is for all, (pictures,), about zero."""
        found: Costs = self.costs.mean(axis=0) - self.costs.mean()
        return found

    @cached_property
    def own(self) -> Costs:
        """What is of the pair, (candidates, pictures): zero on average in both directions."""
        found: Costs = self.costs - self.means[:, None] - self.shared
        return found

    @cached_property
    def errors(self) -> Costs:
        """The variances sᵢ² of the means beside what all share, (candidates,)."""
        count, pictures = self.costs.shape
        found: Costs = (self.own**2).sum(axis=1) / (pictures - 1) / pictures * count / (count - 1)
        return found

    @property
    def between_pictures(self) -> float:
        """The standard deviation of a candidate's costs over the pictures; of the candidates the median."""
        return float(np.median(self.costs.std(axis=1, ddof=1)))

    @property
    def of_differences(self) -> float:
        """The same of the paired difference of a good candidate and the best."""
        best, *others = np.argsort(self.means, kind="stable")[: max(2, len(self.means) // GOOD)]
        return float(np.median((self.costs[others] - self.costs[best]).std(axis=1, ddof=1)))

    @property
    def independent(self) -> float:
        """As how many independent candidates the noise of these is."""
        squares = float((self.own**2).sum())
        return squares**2 / float(((self.own @ self.own.T) ** 2).sum()) if squares else 1.0

    @property
    def neighbours(self) -> float:
        """The correlation of the noise of a candidate and the one most like it; of the candidates the median."""
        lengths = np.linalg.norm(self.own, axis=1)
        noisy = self.own[lengths > 0] / lengths[lengths > 0, None]
        if len(noisy) < 2:
            return 1.0
        alike = noisy @ noisy.T
        np.fill_diagonal(alike, -1.0)
        return float(np.clip(np.median(alike.max(axis=1)), 0.0, 1.0))

    @cached_property
    def spreads(self) -> tuple[Costs, Costs]:
        """Values of τ, and the probability of each."""
        total = float(self.means.var(ddof=1))
        if total == 0:
            return np.zeros(1), np.ones(1)
        spreads = math.sqrt(total) * np.linspace(0, WIDEST, SPREADS + 1)[1:]
        variance = spreads**2 + self.errors.mean()
        likelihood = -self.independent / 2 * (np.log(variance) + total / variance)
        posterior = likelihood + np.log(spreads) - 2 * np.log(variance)
        weights = np.exp(posterior - posterior.max())
        return spreads, weights / weights.sum()

    @property
    def spread(self) -> float:
        """The standard deviation τ of the candidates' true means, by the posterior on average."""
        spreads, weights = self.spreads
        return float(spreads @ weights)


@dataclass(frozen=True)
class Forecast:
    """What is to be expected of a choice by so many pictures, on average over searches.

    Attributes:
        search, validation: how many pictures.
        regret: by how much the best candidate is truly better than the chosen one.
        optimism: by how much the chosen one is better on the search pictures than on others.
        finalists: how many there are.
        lead: by how much the chosen one is truly better than the reference; NaN without one.
        lead_deviation: the standard deviation of their paired difference; NaN without one.
        deviation: the standard deviation of the chosen one's score over pictures.
    """

    search: int
    validation: int
    regret: float
    optimism: float
    finalists: float
    lead: float
    lead_deviation: float
    deviation: float

    def half_width(self, held_out: int) -> float:
        """Of the 95 % interval of the score on so many held-out pictures."""
        return LEVEL * self.deviation / math.sqrt(held_out)

    def power(self, held_out: int) -> float:
        """With which probability the reference is found to be worse on so many, two-sided at 5 %; NaN without one."""
        if not self.lead_deviation:
            return float(self.lead > 0)
        return float(norm.cdf(self.lead * math.sqrt(held_out) / self.lead_deviation - LEVEL))

    @property
    def needed(self) -> int | None:
        """How many held-out pictures tell it from the reference with 80 % power; None where no number does."""
        root = (LEVEL + float(norm.ppf(POWER))) * self.lead_deviation
        if not self.lead > 0 or root > self.lead * math.sqrt(UNSEEN):
            return None
        return max(2, math.ceil((root / self.lead) ** 2))


@dataclass(frozen=True)
class Forecasts:
    """The forecasts of several sizes.

    Attributes:
        gain: by how much the best candidate is truly better than the average one.
        each: in the order of the sizes.
    """

    gain: float
    each: tuple[Forecast, ...]


def forecast(
    pilot: Pilot, candidates: int, sizes: Sequence[tuple[int, int]], seed: int, draws: int = DRAWS
) -> Forecasts:
    """Simulate searches that choose by so many search and validation pictures.

    Args:
        pilot: what is known.
        candidates: how many a search compares; where they are fewer than the pilot's, as many as those.
        sizes: search and validation pictures, those at least 2, these at least 0.
        seed: of the draws.
        draws: how many searches.
    """
    crowd = _Crowd(pilot, min(candidates, CROWD), np.random.Generator(np.random.PCG64(seed)), draws)
    gain = float((crowd.true.mean(axis=0) - crowd.true.min(axis=0)).mean())
    return Forecasts(gain, tuple(crowd.chosen_by(search, validation) for search, validation in sizes))


class _Crowd:
    """The candidates of simulated searches, with their true means (candidates, draws) and their noise.

    Attributes:
        loadings: of the pilot's pictures, (candidates, P); with ``alone``, the variance of noise that is a further
            candidate's own, they make the noise.
    """

    def __init__(self, pilot: Pilot, candidates: int, chance: np.random.Generator, draws: int) -> None:
        count, pictures = pilot.costs.shape
        self.pilot = pilot
        self.columns = np.arange(draws)
        like = np.concatenate([np.arange(count), chance.integers(0, count, max(0, candidates - count))])
        further = np.arange(len(like)) >= count
        near = np.where(further, pilot.neighbours, 1.0)
        own = np.sqrt(near)[:, None] * pilot.own[like] / math.sqrt(pictures - 1)
        self.alone = (1 - near) * (pilot.own[like] ** 2).sum(axis=1) / (pictures - 1)
        self.true = self._true(like, self._noise(own, chance) / math.sqrt(pictures), chance)
        self.loadings = own + pilot.shared / math.sqrt(pictures - 1)
        self.variance = (self.loadings**2).sum(axis=1) + self.alone
        self.searched, self.validated = self._noise(self.loadings, chance), self._noise(self.loadings, chance)

    def _true(self, like: NDArray[np.int64], error: Costs, chance: np.random.Generator) -> Costs:
        """What the true means may be, given the pilot's and an error as theirs."""
        spreads, weights = self.pilot.spreads
        spread = chance.choice(spreads, size=len(self.columns), p=weights) ** 2
        total = spread + self.pilot.errors[like, None]
        kept = np.divide(spread, total, out=np.zeros_like(total), where=total > 0)
        means = self.pilot.means
        found: Costs = means.mean() + kept * (means[like, None] - means.mean()) + np.sqrt(kept) * error
        return found

    def _noise(self, loadings: Costs, chance: np.random.Generator) -> Costs:
        """Of one picture, (candidates, draws)."""
        found: Costs = loadings @ chance.standard_normal((loadings.shape[1], len(self.columns)))
        found += np.sqrt(self.alone)[:, None] * chance.standard_normal(found.shape)
        return found

    def chosen_by(self, search: int, validation: int) -> Forecast:
        """What is to be expected of a choice by so many pictures."""
        seen = self.true + self.searched / math.sqrt(search)
        leaders = seen.argmin(axis=0)
        chosen, finalists = leaders, 1.0
        if validation:
            entered = self._finalists(seen, leaders, search)
            later = self.true + self.validated / math.sqrt(validation)
            chosen = np.where(entered, search * seen + validation * later, np.inf).argmin(axis=0)
            finalists = float(entered.sum(axis=0).mean())
        true = self.true[chosen, self.columns]
        lead, lead_deviation = self._lead(chosen, true)
        return Forecast(
            search,
            validation,
            regret=float((true - self.true.min(axis=0)).mean()),
            optimism=float((true - seen[chosen, self.columns]).mean()),
            finalists=finalists,
            lead=lead,
            lead_deviation=lead_deviation,
            deviation=float(np.sqrt(self.variance[chosen].mean())),
        )

    def _finalists(self, seen: Costs, leaders: NDArray[np.int64], search: int) -> NDArray[np.bool_]:
        """Who goes on, (candidates, draws)."""
        common = self.loadings @ self.loadings[leaders].T
        squares = self.variance[:, None] + self.variance[leaders] - 2 * common
        behind = seen - seen[leaders, self.columns]
        alike = behind <= APART * np.sqrt(np.maximum(squares, 0) / search)
        alike[leaders, self.columns] = True
        if len(seen) > MOST + 1:
            last = np.partition(behind, MOST, axis=0)[MOST]
            alike &= behind <= last
        found: NDArray[np.bool_] = alike
        return found

    def _lead(self, chosen: NDArray[np.int64], true: Costs) -> tuple[float, float]:
        reference = self.pilot.reference
        if reference is None:
            return math.nan, math.nan
        mean = float(reference.mean())
        theirs = (reference - mean) / math.sqrt(len(reference) - 1)
        squares = ((self.loadings[chosen] - theirs) ** 2).sum(axis=1) + self.alone[chosen]
        return float((mean - true).mean()), float(np.sqrt(squares.mean()))


@dataclass(frozen=True)
class Advice:
    """Sizes that are recommended.

    Attributes:
        forecast: of the search and validation pictures.
        held_out: how many to hold out.
        told: whether so many tell the answer from the reference.
    """

    forecast: Forecast
    held_out: int
    told: bool


def advise(
    forecasts: Forecasts, held_out: Sequence[int], price: Callable[[Forecast, int], float], there: int | None
) -> Advice | None:
    """The cheapest sizes whose regret is near the smallest, with the fewest held-out pictures that tell the reference.

    Where the reference is not expected to be worse, or there is none, the interval of the score is to be no wider, each
    way, than what the search gains. Where no number of pictures suffices it is the largest that there is.

    Args:
        forecasts: what to choose from.
        held_out: numbers of held-out pictures.
        price: of sizes, in whatever counts.
        there: how many pictures there are; None for any number.

    Returns:
        None where there are too few pictures for any of the sizes.
    """
    options = list(_affordable(forecasts, sorted(held_out), there))
    if not options:
        return None
    floor = min(one.forecast.regret for one in options)
    near = [one for one in options if one.forecast.regret <= floor + NEAR * forecasts.gain]
    pictures = {id(one): one.forecast.search + one.forecast.validation for one in near}
    return min(near, key=lambda one: (not one.told, price(one.forecast, one.held_out), pictures[id(one)]))


def _affordable(forecasts: Forecasts, held_out: Sequence[int], there: int | None) -> Iterator[Advice]:
    for one in forecasts.each:
        left = math.inf if there is None else there - one.search - one.validation
        fitting = [count for count in held_out if count <= left]
        if fitting:
            needed = one.needed
            enough = one.half_width(1) ** 2 / forecasts.gain**2 if needed is None and forecasts.gain else needed or 0
            sufficing = [count for count in fitting if count >= enough]
            yield Advice(one, sufficing[0] if sufficing else fitting[-1], bool(sufficing) and needed is not None)
