"""Intervals and tests of differences, against references worked out another way."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, permutation_test, ttest_rel

from sygus.statistics import Difference, Mean, holm

PROPERTY = settings(max_examples=100)


def all_signs(differences: np.ndarray) -> float:
    """The two-sided p value over every sign pattern, counted one by one."""
    observed = abs(differences.mean())
    means = [abs((np.array(signs) * differences).mean()) for signs in product((-1, 1), repeat=len(differences))]
    return sum(mean >= observed - 1e-12 for mean in means) / len(means)


@pytest.mark.parametrize("seed", range(5))
def test_few_pictures_try_every_sign_pattern(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(0.5, 1, 9), rng.normal(0, 1, 9)
    assert Difference.of(one, other).p == pytest.approx(all_signs(one - other), abs=1e-12)


def test_many_pictures_agree_with_the_t_test() -> None:
    rng = np.random.default_rng(1)
    for shift in (0.05, 0.1, 0.2):
        other = rng.normal(0, 1, 200)
        one = other + rng.normal(shift, 0.8, 200)
        assert Difference.of(one, other).p == pytest.approx(ttest_rel(one, other).pvalue, abs=0.02)


@pytest.mark.parametrize("count", [2, 13, 14, 192])
@pytest.mark.parametrize("shift", [0.0, 0.1, -0.3])
def test_it_is_the_permutation_test_of_scipy(count: int, shift: float) -> None:
    differences = np.random.default_rng(count).normal(shift, 1, count).round(1)  # rounded: there are ties
    expected = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(5)
    ).pvalue
    found = Difference.of(differences, np.zeros(count)).p
    assert found == pytest.approx(expected, abs=1e-12 if count < 14 else 0.06)


def test_p_depends_neither_on_the_order_of_the_two_nor_on_the_unit() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(0.1, 1, 300), rng.normal(0, 1, 300)
    assert Difference.of(one, other).p == Difference.of(other, one).p == Difference.of(one * 7, other * 7).p


def test_a_clear_difference_has_the_smallest_p_that_the_draws_allow() -> None:
    found = Difference.of(np.arange(50) + 10.0, np.arange(50) * 1.0)
    assert found.p == pytest.approx(2 / 10_000)
    assert (found.mean.value, found.mean.low, found.mean.high) == (10, 10, 10)


def test_no_difference_is_not_significant() -> None:
    same = np.linspace(0, 1, 30)
    assert Difference.of(same, same).p == 1


def test_unpaired_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="not paired"):
        Difference.of(np.zeros(3), np.zeros(4))


def test_holm_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@PROPERTY
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_corrects_upwards_within_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    corrected = holm(values)
    for value, other in zip(values, corrected, strict=True):
        assert value <= other <= min(1, len(values) * value) + 1e-12 or other == pytest.approx(max(corrected))
    ranked = [corrected[index] for index in sorted(range(len(values)), key=lambda index: values[index])]
    assert ranked == sorted(ranked)


def test_a_mean_keeps_the_score_of_each_picture() -> None:
    scores = np.array([1, 2, 4, 0.1], np.float32)
    mean = Mean.of(scores)
    assert mean.scores == tuple(float(score) for score in scores)
    assert mean.low <= mean.value <= mean.high


@pytest.mark.parametrize("count", [2, 131, 132, 1000])
def test_the_interval_is_that_of_all_samples_drawn_at_once(count: int) -> None:
    scores = np.random.default_rng(3).random(count).astype(np.float32)
    values = (scores.astype(np.float64),)
    whole = bootstrap(values, np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0))
    found = Mean.of(scores)
    assert (found.low, found.high) == tuple(whole.confidence_interval)
