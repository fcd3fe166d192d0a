"""Gaussian processes against the formulas written out, and estimates of scores against means by hand."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.cam.estimates import normal_scores, paired
from solvers.cam.gaussian import Model, Process, likelihood_of_failing

CHANCE = np.random.Generator(np.random.PCG64(5))
POINTS = CHANCE.standard_normal((14, 3)).astype(np.float32) + 40
OTHERS = CHANCE.standard_normal((9, 3)).astype(np.float32) + 40
VALUES = 7 + 3 * np.sin(POINTS.sum(1, dtype=np.float64))
NOISE = CHANCE.uniform(0, 0.5, len(VALUES))


def covariance(one: np.ndarray, other: np.ndarray, length: float) -> np.ndarray:
    squares = ((one[:, None].astype(float) - other[None].astype(float)) ** 2).sum(2)
    return (np.exp(-squares / (2 * length**2)) + np.exp(-squares / (2 * (length / 3) ** 2))) / 2


def naive(process: Process, known: np.ndarray, values: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance by the dense formula."""
    inverse = np.linalg.inv(covariance(known, known, process.length) + np.diag(noise))
    cross = covariance(OTHERS, known, process.length)
    return cross @ inverse @ values, 1 - np.einsum("ij,jk,ik->i", cross, inverse, cross)


def test_the_belief_is_the_dense_formula() -> None:
    process = Process.fitted(POINTS, VALUES, NOISE)
    standard, noise = (VALUES - VALUES.mean()) / VALUES.std(), NOISE / VALUES.var() + process.nugget
    mean, variance = naive(process, POINTS, standard, noise)
    belief = process.belief(OTHERS)
    np.testing.assert_allclose(belief.mean, mean, atol=1e-8)
    np.testing.assert_allclose(belief.variance, variance, atol=1e-8)
    np.testing.assert_allclose(belief.bound(1.5), mean - 1.5 * np.sqrt(variance), atol=1e-7)


def test_what_is_taken_is_believed_at_its_mean() -> None:
    process = Process.fitted(POINTS, VALUES, NOISE)
    belief = process.belief(OTHERS)
    before = belief.mean.copy()
    known, noise = POINTS, NOISE / VALUES.var() + process.nugget
    values = (VALUES - VALUES.mean()) / VALUES.std()
    for row in (4, 0, 7):
        belief.take(row)
        known = np.concatenate([known, OTHERS[row : row + 1]])
        values, noise = np.append(values, before[row]), np.append(noise, process.nugget)
    mean, variance = naive(process, known, values, noise)
    np.testing.assert_allclose(belief.variance, variance, atol=1e-8)
    np.testing.assert_allclose(mean, before, atol=1e-8)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_of_the_grid_the_likeliest_is_taken(factor: float) -> None:
    points = CHANCE.standard_normal((60, 2)).astype(np.float32)
    smooth = Process.fitted(points, points[:, 0].astype(float), np.zeros(60))
    rough = Process.fitted(points, CHANCE.standard_normal(60) * factor, np.zeros(60))
    assert smooth.length > rough.length or smooth.nugget < rough.nugget


def test_alike_points_and_values_do_no_harm() -> None:
    process = Process.fitted(np.ones((5, 3), np.float32), np.full(5, 2.0), np.zeros(5))
    belief = process.belief(np.ones((2, 3), np.float32))
    np.testing.assert_allclose(belief.mean, 0)
    assert (belief.variance < 1e-2).all()


def test_lost_races_are_compared_on_the_pictures_that_were_seen() -> None:
    nan = np.nan
    scores = np.array(
        [
            [0.1, 0.9, 0.5, 0.7],  # the best on all: mean 0.55
            [0.3, 1.1, 0.7, 0.9],
            [0.2, 1.0, nan, nan],  # 0.1 worse than the best on what it saw; its own mean is 0.6
            [nan, nan, 0.4, nan],  # 0.1 better
        ]
    )
    values, variances = paired(scores, np.ones(4, bool))
    np.testing.assert_allclose(values, [0.55, 0.75, 0.65, 0.45])
    np.testing.assert_allclose(variances, 0, atol=1e-12)  # the differences do not vary


def test_few_pictures_leave_more_error_than_many_and_all_leave_none() -> None:
    scores = CHANCE.standard_normal((6, 96))
    scores[1, 8:] = scores[2, 32:] = np.nan
    _, variances = paired(scores, np.array([True] * 6))
    best = int(np.nanargmin(np.where(np.isnan(scores).any(1), np.nan, scores.mean(1))))
    assert variances[1] > 2 * variances[2] > 0
    assert (variances[[0, 3, 4, 5]] == 0).all()
    spread = (scores[2] - scores[best])[:32].var()
    assert variances[2] == pytest.approx(spread / 32 * (1 - 32 / 96), rel=0.5)


def test_before_any_is_complete_the_mean_of_each_picture_is_what_terms_are_compared_with() -> None:
    nan = np.nan
    values, _ = paired(np.array([[1.0, 5.0, nan], [2.0, nan, nan], [nan, 6.0, nan]]), np.ones(3, bool))
    centre = (1.5 + 5.5 + 3.5) / 3
    np.testing.assert_allclose(values, [centre - 0.5, centre + 0.5, centre + 0.5])


def test_ranks_have_no_scale() -> None:
    values = np.array([3.0, 1.0, 2.0])
    found, variances = normal_scores(values, np.zeros(3))
    assert np.argsort(found).tolist() == [1, 2, 0]
    np.testing.assert_allclose(found, normal_scores(values * 1e6, np.zeros(3))[0])
    assert (variances == 0).all()
    _, noisy = normal_scores(values, np.full(3, 1.0))
    assert (noisy > 0).all()


def test_what_is_likely_to_fail_comes_after_all_else() -> None:
    """The best values are where everything fails."""
    points = np.array([[0.0], [0.2], [1.0], [1.2]], np.float32)
    value = Process.fitted(points, np.array([-2.0, -1.5, 1.0, 1.5]), np.zeros(4))
    others = np.array([[0.1], [1.1]], np.float32)
    assert likelihood_of_failing(points, np.zeros(4)) is None
    assert int(np.argmin(Model(value, None).prospects(others).bounds())) == 0
    failure = likelihood_of_failing(points, np.array([1.0, 1.0, 0.0, 0.0]))
    assert int(np.argmin(Model(value, failure).prospects(others).bounds())) == 1


def test_where_everything_fails_it_looks_elsewhere() -> None:
    points = np.array([[0.0], [0.2], [0.4]], np.float32)
    value = Process.fitted(points, np.array([0.0, 1.0, 2.0]), np.zeros(3))
    model = Model(value, likelihood_of_failing(points, np.ones(3)))
    assert int(np.argmin(model.prospects(np.array([[0.1], [9.0]], np.float32)).bounds())) == 1
