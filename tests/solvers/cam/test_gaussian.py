"""Gaussian processes against the formulas written out, and estimates of scores against means by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from solvers.cam import gaussian
from solvers.cam.estimates import compressed, paired
from solvers.cam.gaussian import SHARES, Kernel, Model, Process, log_improvement

CHANCE = np.random.Generator(np.random.PCG64(5))
POINTS = CHANCE.standard_normal((14, 3)).astype(np.float32) + 40
OTHERS = CHANCE.standard_normal((9, 3)).astype(np.float32) + 40
VALUES = 7 + 3 * np.sin(POINTS.sum(1, dtype=np.float64))
NOISE = CHANCE.uniform(0, 0.5, len(VALUES))


def covariance(kernel: Kernel, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The kernel's formula, one pair of points at a time; one is measured from the mean of what is known."""
    rest = 1 - sum(kernel.shares)
    maps = one.shape[1] - kernel.symbols

    def of(x: np.ndarray, y: np.ndarray) -> float:
        square = float(((x[:maps] - y[:maps]) ** 2).sum())
        near = (np.exp(-square / (2 * kernel.length**2)) + np.exp(-square / (2 * (kernel.length / 3) ** 2))) / 2
        linear = (x[:maps] @ y[:maps] / kernel.squares[0], x[maps:] @ y[maps:] / kernel.squares[1])
        return float(rest * near + kernel.shares[0] * linear[0] + kernel.shares[1] * linear[1])

    return np.array([[of(x, y) for y in other] for x in one])


def naive(
    process: Process, known: np.ndarray, values: np.ndarray, noise: np.ndarray, others: np.ndarray = OTHERS
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance by the dense formula."""
    known, others = known.astype(float) - process.origin, others.astype(float) - process.origin
    inverse = np.linalg.inv(covariance(process.kernel, known, known) + np.diag(noise))
    cross = covariance(process.kernel, others, known)
    own = np.diag(covariance(process.kernel, others, others))
    return cross @ inverse @ values, own - np.einsum("ij,jk,ik->i", cross, inverse, cross)


def test_the_belief_is_the_dense_formula() -> None:
    process = Process.fitted(POINTS, VALUES, NOISE)
    standard, noise = (VALUES - VALUES.mean()) / VALUES.std(), NOISE / VALUES.var() + process.nugget
    mean, variance = naive(process, POINTS, standard, noise)
    belief = process.belief(OTHERS)
    np.testing.assert_allclose(belief.mean, mean, atol=1e-8)
    np.testing.assert_allclose(belief.variance, variance, atol=1e-8)
    np.testing.assert_allclose(belief.deviation, np.sqrt(variance), atol=1e-6)


@pytest.mark.parametrize("shares", SHARES)
def test_every_mean_of_kernels_is_the_dense_formula(
    shares: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two columns of maps and one that counts a symbol."""
    monkeypatch.setattr(gaussian, "SHARES", (shares,))
    process = Process.fitted(POINTS, VALUES, NOISE, symbols=1)
    assert process.kernel.shares == shares
    standard, noise = (VALUES - VALUES.mean()) / VALUES.std(), NOISE / VALUES.var() + process.nugget
    mean, variance = naive(process, POINTS, standard, noise)
    belief = process.belief(OTHERS)
    np.testing.assert_allclose(belief.mean, mean, atol=1e-8)
    np.testing.assert_allclose(belief.variance, variance, atol=1e-8)


def test_what_a_symbol_does_is_expected_of_all_that_have_it() -> None:
    """Maps say nothing here; the value is three times how often the second symbol stands in a term."""
    chance = np.random.Generator(np.random.PCG64(1))
    points = np.hstack([chance.standard_normal((30, 4)), chance.integers(0, 3, (30, 2))]).astype(np.float32)
    others = np.hstack([chance.standard_normal((8, 4)) + 9, chance.integers(0, 3, (8, 2))]).astype(np.float32)
    process = Process.fitted(points, 3.0 * points[:, 5], np.zeros(30), symbols=2)
    found = process.belief(others).mean * process.scale + process.centre
    np.testing.assert_allclose(found, 3.0 * others[:, 5], atol=0.4)
    assert process.kernel.shares[1] > 0


def test_what_grows_with_the_maps_goes_on_beyond_them() -> None:
    points = CHANCE.standard_normal((20, 2)).astype(np.float32)
    process = Process.fitted(points, 2.0 * points[:, 0], np.zeros(20))
    far = np.array([[6.0, 0.0], [-6.0, 0.0]], np.float32)
    found = process.belief(far).mean * process.scale + process.centre
    np.testing.assert_allclose(found, [12.0, -12.0], rtol=0.2)


@pytest.mark.parametrize("z", [-30.0, -7.0, -2.0, -1.0, -0.999, 0.0, 1.5, 12.0])
def test_the_logarithm_of_the_expected_improvement_is_that_of_the_integral(z: float) -> None:
    """E max(z - x, 0) of a standard normal x, relative to the density at z where that is too small for a number."""

    integral, _ = quad(lambda t: t * np.exp(-0.5 * (t - z) ** 2 + 0.5 * min(z, 0.0) ** 2), 0, max(z, 0) + 12, limit=500)
    expected = np.log(integral) - 0.5 * np.log(2 * np.pi) - 0.5 * min(z, 0.0) ** 2
    assert float(log_improvement(np.array([z]))[0]) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_less_likely_improvements_are_told_apart_however_unlikely() -> None:
    z = -np.logspace(-3, 6, 2_000)
    assert (np.diff(log_improvement(z)) < 0).all()
    assert np.isfinite(log_improvement(z)).all()


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
    assert smooth.kernel.length > rough.kernel.length or smooth.nugget < rough.nugget


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


def test_from_the_best_to_the_median_differences_are_kept_whatever_their_scale() -> None:
    values = np.array([3.0, 1.0, 2.0, 7.0, 1.5])
    found, variances = compressed(values, np.zeros(5))
    np.testing.assert_allclose(found, [1 + np.log(2), 0, 1, 1 + np.log(6), 0.5])
    assert (variances == 0).all()
    again, noisy = compressed(values * 1e6 - 5e5, np.full(5, 1e12))
    np.testing.assert_allclose(again, found)
    np.testing.assert_allclose(noisy, [1 / 4, 1, 1, 1 / 36, 1])


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0], [1.0, 1.0, 1.0, 9.0]])
def test_where_the_median_is_the_best_a_scale_is_found_all_the_same(values: list[float]) -> None:
    found, variances = compressed(np.array(values), np.ones(len(values)))
    assert np.isfinite([*found, *variances]).all()
    assert found.argmin() == 0


def asked(model: Model, *points: float) -> int:
    """Which of some points promises most."""
    return int(np.argmax(model.prospects(np.array(points, np.float32)[:, None]).promise()))


def test_what_is_likely_to_fail_comes_after_all_else() -> None:
    """The best values are where a constraint fails."""
    points = np.array([[0.0], [0.2], [1.0], [1.2]], np.float32)
    value = Process.fitted(points, np.array([-2.0, -1.5, 1.0, 1.5]), np.zeros(4))
    best = value.standardised(1.0)
    assert asked(Model(value, best), 0.1, 1.1) == 0
    margin = Process.fitted(points, np.array([-1.0, -1.0, 1.0, 1.0]), np.zeros(4))
    assert asked(Model(value, best, {0: margin}), 0.1, 1.1) == 1


def test_a_boundary_is_found_between_what_holds_and_what_fails() -> None:
    """The value falls towards 1 and a constraint holds up to 0.5: of what holds the last promises most."""
    points = np.linspace(0, 1, 6, dtype=np.float32)[:, None]
    value = Process.fitted(points, -points[:, 0].astype(float), np.zeros(6))
    margin = Process.fitted(points, 0.5 - points[:, 0].astype(float), np.zeros(6))
    tried = np.linspace(0, 1, 51)
    assert 0.42 <= tried[asked(Model(value, value.standardised(-0.4), {0: margin}), *tried)] <= 0.5


def test_what_is_known_of_a_constraint_is_not_guessed() -> None:
    points = np.array([[0.0], [1.0]], np.float32)
    value = Process.fitted(points, np.array([0.0, 0.0]), np.zeros(2))
    margin = Process.fitted(points, np.array([-1.0, 1.0]), np.zeros(2))
    prospects = Model(value, 0.0, {1: margin}).prospects(np.array([[0.1], [0.9]], np.float32))
    assert np.argmax(prospects.promise()) == 1
    prospects.know(0, (np.nan, 0.2))
    prospects.know(1, (-0.1, np.nan))
    assert np.argmax(prospects.promise()) == 0
    assert prospects.promise()[1] == -np.inf
    assert prospects.promise()[0] == pytest.approx(prospects.improvement()[0])


def test_where_everything_fails_it_looks_elsewhere() -> None:
    points = np.array([[0.0], [0.2], [0.4]], np.float32)
    margin = Process.fitted(points, np.array([-1.0, -1.0, -1.1]), np.zeros(3))
    assert asked(Model(None, 0.0, {0: margin}), 0.1, 9.0) == 1
