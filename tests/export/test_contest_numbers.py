"""Statistics of comparisons, worked by hand or beside other ways to the same number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, mannwhitneyu

from sygus.export.contest import numbers
from sygus.export.contest.numbers import Improvement


def test_the_interquartile_mean_is_of_the_middle_half() -> None:
    assert numbers.iqm(np.array([0.0, 1, 2, 3, 4, 5, 6, 100])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert math.isnan(numbers.iqm(np.array([1.0, math.inf])))


def test_the_interval_of_a_median_holds_it_and_narrows() -> None:
    rng = np.random.default_rng(3)
    few, many = rng.normal(size=10), rng.normal(size=400)
    widths = []
    for values in (few, many):
        low, high = numbers.interval(values, np.median)
        assert low <= np.median(values) <= high
        widths.append(high - low)
    assert widths[1] < widths[0]
    assert numbers.interval(few, np.median) == numbers.interval(few, np.median)
    assert all(map(math.isnan, numbers.interval(np.array([1.0, math.inf]), np.median)))
    assert numbers.interval(np.full(5, 2.0), np.median) == (2.0, 2.0)


def test_the_probability_of_improvement_counts_pairs() -> None:
    first, second = np.array([1.0, 2.0, 5.0]), np.array([2.0, 3.0])
    wins = sum(1.0 if a < b else 0.5 if a == b else 0.0 for a in first for b in second)
    found = Improvement.of(first, second)
    assert found.probability == pytest.approx(wins / 6)
    assert found.low <= found.probability <= found.high
    assert found.p == pytest.approx(mannwhitneyu(first, second).pvalue)
    other = Improvement.of(second, first)
    assert other.probability == pytest.approx(1 - found.probability)
    assert other.p == pytest.approx(found.p)


def test_trials_without_a_score_are_the_worst_and_alike() -> None:
    assert Improvement.of(np.array([1.0, 2.0]), np.array([math.inf, math.inf])).probability == 1
    none = Improvement.of(np.array([math.inf, math.inf]), np.array([math.inf, math.inf]))
    assert (none.probability, none.p) == (0.5, 1.0)


def test_a_strategy_without_chance_is_one_trial() -> None:
    """Twenty repetitions of one number are no evidence: what counts is how often the other is better than it."""
    other, number = np.array([1.0, 1.5, 2.0, 2.5, 9.0]), np.full(20, 3.0)
    found = Improvement.of(number, other, (True, False))
    assert found.probability == pytest.approx(1 / 5)
    assert found.p == pytest.approx(2 * (1 + 5) / 2**5)
    assert found.p > Improvement.of(number, other).p
    assert math.isnan(Improvement.of(number, np.full(20, 2.0), (True, True)).p)


def test_the_running_time_counts_what_failures_spent() -> None:
    assert numbers.expected_running_time(np.array([10.0, 30.0, math.inf]), 100) == (70.0, 2)
    assert numbers.expected_running_time(np.array([math.inf]), 100) == (math.inf, 0)


def test_the_ecdf_and_the_area_under_it() -> None:
    hits = np.array([[1.0, 10.0], [100.0, math.inf]])
    assert numbers.reached(hits, np.array([0.5, 1, 50, 100])).tolist() == [0, 0.25, 0.5, 0.75]
    # from 1 to 100 on a logarithmic axis: hit at once, half way, at the very end, and never
    assert numbers.area(hits, 100) == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert numbers.area(np.array([0.001]), 100) == pytest.approx(1)


def test_the_hypervolume_of_three_points() -> None:
    points = [(0.5, 0.25), (0.25, 0.5), (0.75, 0.5), (2.0, 0.1)]
    assert numbers.front([(c, s) for c, s in points if c < 1]) == [(0.5, 0.25), (0.25, 0.5)]
    assert numbers.hypervolume(points) == pytest.approx(0.5 * 0.75 + 0.25 * 0.5)
    assert numbers.hypervolume([]) == 0


def test_the_hypervolume_is_the_share_of_points_that_are_dominated() -> None:
    rng = np.random.default_rng(0)
    points, drawn = rng.random((6, 2)), rng.random((40_000, 2))
    dominated = (points[:, None] <= drawn).all(axis=2).any(axis=0)
    assert numbers.hypervolume([(float(a), float(b)) for a, b in points]) == pytest.approx(dominated.mean(), abs=0.01)


def test_friedman_is_refused_below_five_tasks() -> None:
    costs = np.array([[1.0, 2.0, 3.0]] * 4)
    assert numbers.friedman(costs) is None
    found = numbers.friedman(np.vstack([costs, [1.0, 2.0, 3.0]]))
    assert found == pytest.approx(math.exp(-5))  # chi squared with 2 degrees at 2 n for a perfect ranking
    assert numbers.friedman(np.ones((6, 2))) is None


def test_signed_ranks_over_tasks() -> None:
    assert numbers.signed_rank(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(2 / 2**5)
    assert math.isnan(numbers.signed_rank(np.zeros(6)))
    assert math.isnan(numbers.signed_rank(np.array([1.0, math.inf])))


def test_halves_of_pictures_agree_where_scores_differ_by_more_than_noise() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(6, 200))
    groups = ["a", "a", "b", "b", "c", "c"]
    level = np.repeat([0.0, 5.0, 10.0], 2)[:, None]
    strategies, winners = numbers.agreement(noise + level, groups)
    assert strategies == 1
    assert 0.7 < winners < 1
    assert abs(numbers.agreement(rng.normal(size=(30, 200)), [str(index) for index in range(30)])[1]) < 0.2
    assert math.isnan(numbers.agreement(noise, ["a"] * 6)[0])


def test_agreement_is_the_mean_of_kendalls_tau() -> None:
    scores = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 3.0]])
    assert numbers.agreement(scores, ["a", "b", "c"])[1] == pytest.approx(kendalltau([0, 1, 2], [0, 1, 3]).statistic)
