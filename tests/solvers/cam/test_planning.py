"""Forecasts from a pilot: beside closed forms, beside searches by brute force, and what must hold of every pilot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from solvers.cam.finalists import APART, MOST
from solvers.cam.pilot import race_share
from solvers.cam.planning import NEAR, Forecast, Forecasts, Pilot, advise, forecast
from solvers.cam.settings import Settings
from sygus.saliency.metrics import METRICS

Costs = NDArray[np.float64]


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


class World:
    """Candidates with known true means, and noise: of the picture, of five kinds of candidates, of both."""

    def __init__(self, seed: int, candidates: int, spread: float) -> None:
        chance = generator(seed)
        self.true = 0.3 + spread * chance.standard_normal(candidates)
        self.kinds = 0.04 * chance.standard_normal((candidates, 5))

    def costs(self, pictures: int, chance: np.random.Generator) -> Costs:
        shared = 0.2 * chance.standard_normal(pictures)
        alike = self.kinds @ chance.standard_normal((5, pictures))
        found: Costs = self.true[:, None] + shared + alike + 0.1 * chance.standard_normal((len(self.true), pictures))
        return found

    def searched(self, search: int, validation: int, chance: np.random.Generator) -> tuple[float, float]:
        """Regret and optimism of one search, by its pictures one by one."""
        first, second = self.costs(search, chance), self.costs(validation, chance)
        order = np.argsort(first.mean(axis=1))
        leader, finalists = order[0], []
        for one in order:
            worse = first[one] - first[leader]
            if worse.mean() <= APART * worse.std(ddof=1) / math.sqrt(search) and len(finalists) <= MOST:
                finalists.append(one)
        chosen = leader
        if validation:
            means = np.concatenate([first, second], axis=1).mean(axis=1)
            chosen = min(finalists, key=lambda one: means[one])
        common = first.mean() - self.true.mean()  # of all candidates alike, and so of no choice; zero on average
        return self.true[chosen] - self.true.min(), self.true[chosen] - first[chosen].mean() + common


def two(difference: float, pictures: int = 2000) -> Pilot:
    """Two candidates with independent noise of variance 1, and just this difference; a third one that is hopeless.

    Beside it the means of the others err by so little that they are taken for true.
    """
    noise = generator(0).standard_normal((3, pictures))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, keepdims=True)
    return Pilot(noise + np.array([[0.0], [difference], [20.0]]))


@pytest.mark.parametrize("search", [12, 24, 96])
def test_two_candidates_by_the_closed_form(search: int) -> None:
    """The worse is chosen with Φ(-δ/θ), and the smaller of two normal means lies θφ(δ/θ) below its true one."""
    difference = 0.15
    error = math.sqrt(2 / search)
    (one,) = forecast(two(difference), 3, [(search, 0)], seed=1, draws=5000).each
    assert one.regret == pytest.approx(difference * norm.cdf(-difference / error), rel=0.1)
    assert one.optimism == pytest.approx(error * norm.pdf(difference / error), rel=0.08)
    assert one.deviation == pytest.approx(1, rel=0.02)
    assert one.finalists == 1


def test_two_finalists_are_told_by_all_pictures() -> None:
    difference = 0.1  # so small that both are finalists but in one search of a hundred
    (one,) = forecast(two(difference), 3, [(50, 150)], seed=2, draws=5000).each
    assert one.regret == pytest.approx(difference * norm.cdf(-difference / math.sqrt(2 / 200)), rel=0.1)
    assert 1.97 < one.finalists <= 2


@pytest.mark.parametrize(("search", "validation"), [(32, 0), (32, 64), (64, 256)])
def test_searches_by_brute_force_regret_as_much(search: int, validation: int) -> None:
    """On average over worlds: a single pilot is as noisy as what it is to tell."""
    said, true = [], []
    for seed in range(12):
        world, chance = World(seed, 40, 0.02), generator(1000 + seed)
        (one,) = forecast(Pilot(world.costs(96, chance)), 40, [(search, validation)], seed).each
        said.append((one.regret, one.optimism))
        true += [world.searched(search, validation, chance) for _ in range(60)]
    errors = np.hypot(*(np.std(found, axis=0) / math.sqrt(len(found)) for found in (true, said)))
    for mean, truth, error in zip(np.mean(said, axis=0), np.mean(true, axis=0), errors, strict=True):
        assert mean == pytest.approx(truth, rel=0.1, abs=3 * error)


def test_a_search_of_more_candidates_than_the_pilot_has() -> None:
    said, true, ignored = [], [], []
    for seed in range(12):
        world, chance = World(seed, 160, 0.02), generator(2000 + seed)
        pilot = Pilot(world.costs(96, chance)[:32])
        said.append(forecast(pilot, 160, [(48, 0)], seed).each[0].optimism)
        ignored.append(forecast(pilot, 32, [(48, 0)], seed).each[0].optimism)
        true += [world.searched(48, 0, chance)[1] for _ in range(40)]
    assert np.mean(said) == pytest.approx(np.mean(true), rel=0.2)
    assert np.mean(ignored) < np.mean(said)


def test_noise_between_pictures_and_candidates_is_that_of_the_world() -> None:
    found = []
    for seed in range(10):
        pilot = Pilot(World(seed, 60, 0.05).costs(200, generator(seed)))
        found.append((pilot.between_pictures, pilot.spread))
        assert 1 < pilot.independent < 60
        assert 0 < pilot.neighbours < 1
    pictures, candidates = np.mean(found, axis=0)
    assert pictures == pytest.approx(math.sqrt(0.2**2 + 5 * 0.04**2 + 0.1**2), rel=0.05)
    assert candidates == pytest.approx(0.05, rel=0.15)


def test_the_difference_of_good_candidates_is_paired() -> None:
    chance = generator(3)
    shared, own = chance.standard_normal(1000), 0.1 * chance.standard_normal((8, 1000))
    costs = shared + own + np.arange(8)[:, None]
    pilot = Pilot(costs)
    assert pilot.between_pictures == pytest.approx(1, rel=0.05)
    assert pilot.of_differences == pytest.approx(0.1 * math.sqrt(2), rel=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_more_pictures_regret_no_more(seed: int) -> None:
    chance = generator(seed)
    candidates, pictures = int(chance.integers(2, 50)), int(chance.integers(8, 120))
    spread = float(chance.choice([0.0, 0.01, 0.1]))
    pilot = Pilot(World(seed, candidates, spread).costs(pictures, chance))
    searches, times = (24, 48, 96, 192, 384), (0, 1, 2, 4, 8)
    sizes = [(search, each * search) for search in searches for each in times]
    found = forecast(pilot, 3 * candidates, sizes, seed)
    regrets = np.array([one.regret for one in found.each]).reshape(len(searches), len(times))
    chance_alone = 0.02 * regrets.max()
    assert (np.diff(regrets, axis=0) <= chance_alone).all()
    assert (np.diff(regrets, axis=1) <= chance_alone).all()
    assert (regrets >= 0).all()
    assert regrets.max() <= found.gain


def test_the_same_seed_says_the_same() -> None:
    pilot = Pilot(World(0, 20, 0.05).costs(40, generator(0)))
    sizes = [(24, 0), (24, 96)]
    said = [forecast(pilot, 50, sizes, seed) for seed in (0, 0, 1)]
    assert repr(said[0]) == repr(said[1]) != repr(said[2])


@pytest.mark.parametrize("means", [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
def test_without_noise_there_is_neither_regret_nor_optimism(means: list[float]) -> None:
    pilot = Pilot(np.repeat(np.array(means)[:, None], 10, axis=1))
    for one in forecast(pilot, 9, [(24, 0), (24, 24)], seed=0).each:
        assert one.regret == pytest.approx(0)
        assert one.optimism == pytest.approx(0)
        assert one.half_width(100) == 0


def test_the_reference_is_told_as_often_as_a_paired_test_finds() -> None:
    world, chance = World(5, 12, 0.05), generator(5)
    costs = world.costs(1500, chance)
    reference = costs.mean(axis=0) + 0.1 * chance.standard_normal(1500) + 0.02
    (one,) = forecast(Pilot(costs, reference), 12, [(400, 1600)], seed=0).each
    best = int(costs.mean(axis=1).argmin())
    difference = reference - costs[best]
    assert one.lead == pytest.approx(difference.mean(), rel=0.1)
    assert one.lead_deviation == pytest.approx(difference.std(), rel=0.1)
    held_out = 40
    samples = difference[chance.integers(0, 1500, (4000, held_out))]
    statistic = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / math.sqrt(held_out))
    assert one.power(held_out) == pytest.approx((statistic > norm.ppf(0.975)).mean(), abs=0.05)


def test_what_is_needed_has_the_power() -> None:
    one = Forecast(96, 384, 0.0, 0.0, 10.0, lead=0.03, lead_deviation=0.2, deviation=0.2)
    assert one.needed is not None
    assert one.power(one.needed) >= 0.8 > one.power(one.needed - 1)
    for nothing in (-0.01, 0.0, 1e-17, 1e-320):
        assert replace(one, lead=nothing).needed is None
    assert replace(one, lead=math.nan, lead_deviation=math.nan).needed is None
    assert one.half_width(100) == pytest.approx(1.96 * 0.02, rel=1e-3)


def made(search: int, validation: int, regret: float, lead: float = 0.05) -> Forecast:
    return Forecast(search, validation, regret, 0.0, 5.0, lead, lead_deviation=0.2, deviation=0.2)


def pictures(one: Forecast, held_out: int) -> float:
    return one.search + one.validation + held_out


def test_the_cheapest_of_those_with_little_regret_is_recommended() -> None:
    near, far = 0.01 + NEAR * 0.9, 0.01 + NEAR * 1.1
    options = (made(24, 0, far), made(24, 96, near), made(96, 0, near), made(96, 384, 0.01))
    found = advise(Forecasts(1.0, options), [192, 96, 384], pictures, None)
    assert found is not None
    assert (found.forecast.search, found.forecast.validation) == (96, 0)
    assert found.held_out == 192  # 96 have a power of 0.69
    assert found.told


def test_what_is_not_there_is_not_recommended() -> None:
    options = (made(24, 96, 0.5), made(96, 384, 0.01))
    forecasts = Forecasts(1.0, options)
    some = advise(forecasts, [96, 192], pictures, 300)
    assert some is not None
    assert (some.forecast.search, some.held_out) == (24, 96)
    assert not some.told
    assert advise(forecasts, [96, 192], pictures, 200) is None


def test_without_a_lead_the_interval_is_as_narrow_as_the_gain() -> None:
    found = advise(Forecasts(0.02, (made(24, 0, 0.0, lead=-1.0),)), [96, 192, 384, 768], pictures, None)
    assert found is not None
    assert not found.told
    assert found.forecast.half_width(found.held_out) <= 0.02 < found.forecast.half_width(found.held_out // 2)


def test_what_racing_leaves() -> None:
    metric, chance = METRICS["deletion"], generator(0)
    scores = (0.3 + 0.01 * chance.standard_normal((20, 64))).astype(np.float32)
    scores[0] -= 0.1
    assert race_share(scores, metric, Settings(race="off"), 100) == 1
    assert race_share(scores, metric, Settings(), 64) == pytest.approx(8 / 64)
    assert race_share(np.repeat(scores[:1], 5, axis=0), metric, Settings(), 96) == 1
    betting = race_share(scores, metric, Settings(race="betting"), 96)
    assert 0 < betting < 1
