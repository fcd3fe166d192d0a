"""Betting: what it says it wins is what the definition says, and over the orders it is never more than it may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.cam.betting import SHARES, evidence

PROPERTY = settings(max_examples=60)
Costs = np.ndarray[Any, np.dtype[np.float64]]


def reference(costs: list[int], rival: list[int]) -> list[Fraction]:
    """The capital after each picture, by the definition: one picture, one share at a time, in fractions."""
    shares = [Fraction(share) for share in SHARES]
    capital = [Fraction(1)] * len(shares)
    found = []
    level = Fraction(sum(rival), len(rival))
    for seen, cost in enumerate(costs):
        rest = [min(Fraction(one), level) for one in rival[seen:]]
        mean = sum(rest, Fraction(0)) / len(rest)
        allowed = Fraction(sum(rival) - sum(costs[:seen]), len(rest))
        risk = allowed + max(rest) - mean
        if allowed >= 0 and risk > 0:
            surprise = (cost - allowed) - (rest[0] - mean)
            capital = [k * (1 + share * surprise / risk) for k, share in zip(capital, shares, strict=True)]
        found.append(sum(capital, Fraction(0)) / len(shares))
    return found


def no_worse(maximum: int, pictures: int) -> st.SearchStrategy[tuple[list[int], list[int]]]:
    """Costs of a candidate and of a rival, the sum of the candidate's being at most the rival's."""
    costs = st.lists(st.integers(0, maximum), min_size=pictures, max_size=pictures)
    return st.tuples(costs, costs).map(lambda two: (min(two, key=sum), max(two, key=sum)))


def along(order: tuple[int, ...], costs: list[int]) -> list[int]:
    return [costs[picture] for picture in order]


# What is won


@PROPERTY
@given(st.data())
def test_the_evidence_is_the_largest_capital_of_the_definition(data: st.DataObject) -> None:
    pictures = data.draw(st.integers(1, 20))
    costs = st.lists(st.integers(0, 9), min_size=pictures, max_size=pictures)
    mine, rival = data.draw(costs), data.draw(costs)
    seen = data.draw(st.integers(0, pictures))
    found = float(evidence(np.array([mine], float)[:, :seen], np.array(rival, float))[0])
    if sum(mine[:seen]) > sum(rival):
        assert found == math.inf
    else:
        most = max([Fraction(1), *reference(mine[:seen], rival)])
        assert found == pytest.approx(math.log(most), abs=1e-9)


# Of confseq 0.0.11, with its mu_t: the logarithm of the running maximum of diversified_betting_mart(x, m, bets, N=N,
# theta=1, trunc_scale=1), where bets are κ / mu_t for κ in SHARES: after the first picture, in the middle, and after
# the last. Its own build fails on Python 3.11, and it does not import beside NumPy 2, so what it gave is written down.
CONFSEQ = [
    (0.3, 16, [0.27, 0.66, 0.6, 0.43, 0.37, 0.32, 0.19, 0.16, 0.34, 0.28],
     [-0.076161360966, 2.273634561426, 2.519400697387]),
    (0.5, 20, [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0], [0.550046336919, 1.157928865825, 2.319659962578]),
    (0.25, 96, [0.05, 0.2, 0.06, 0.19, 0.19, 0.27, 0.45, 0.36, 0.27, 0.05, 0.28, 0.48],
     [-0.883500909051, -0.883500909051, -0.883500909051]),
    (0.35, 96, [0.5, 0.63, 0.69, 0.78, 0.78, 0.6, 0.8, 0.56, 0.75, 0.55, 0.62, 0.52],
     [0.273293335, 4.01083228518, 6.838153269698]),
    (0.3, 40, [0.01, 0.04, 0.92, 0.89, 0.95, 0.0, 0.03, 0.75, 0.14, 0.84, 0.74, 0.24, 0.17, 1.0],
     [-1.234050259563, 0.403174710882, 1.496862474907]),
]  # fmt: skip


@pytest.mark.parametrize(("mean", "pictures", "costs", "expected"), CONFSEQ)
def test_against_a_rival_of_equal_costs_it_is_confseqs(
    mean: float, pictures: int, costs: list[float], expected: list[float]
) -> None:
    rival = np.full(pictures, mean)
    for seen, log in zip((1, len(costs) // 2 + 1, len(costs)), expected, strict=True):
        found = evidence(np.array([costs[:seen]]), rival)
        assert found == pytest.approx(max(0.0, log), abs=1e-9)


def test_the_unit_of_the_scores_does_not_matter_nor_do_the_other_candidates() -> None:
    generator = np.random.default_rng(1)
    costs, rival = generator.gamma(1, 9, (5, 12)), generator.gamma(1, 7, 30)
    found = evidence(costs, rival)
    assert found == pytest.approx(evidence(costs / 100, rival / 100))
    assert found.tolist() == [float(evidence(costs[[row]], rival)[0]) for row in range(5)]


def test_against_a_perfect_rival_any_cost_is_too_much() -> None:
    assert evidence(np.array([[0, 0, 0], [0, 0, 1e-5]]), np.zeros(9)).tolist() == [0, math.inf]


def test_evidence_grows_with_the_pictures_and_a_clear_loser_is_caught() -> None:
    generator = np.random.default_rng(2)
    rival = generator.uniform(0, 30, 96)
    costs = np.stack([rival, rival + 25, np.maximum(rival - 5, 0)])
    found = np.stack([evidence(costs[:, :seen], rival) for seen in range(97)])
    assert (found[1:] >= found[:-1]).all()
    assert found[8, 1] > math.log(100)
    assert (found[:, [0, 2]] < math.log(100)).all()


# What is won over all orders


@settings(PROPERTY, max_examples=15)
@given(no_worse(5, 5))
def test_over_all_orders_the_capital_is_on_average_at_most_what_was_staked(pair: tuple[list[int], list[int]]) -> None:
    """Exactly one where the candidate is as good as the rival and no bet was ever called off."""
    costs, rival = pair
    paths = [reference(along(order, costs), along(order, rival)) for order in permutations(range(5))]
    for capital in zip(*paths, strict=True):
        assert sum(capital, Fraction(0)) <= len(paths)


def test_over_all_orders_the_capital_of_an_equal_candidate_is_one() -> None:
    costs, rival = [6, 1, 2, 3, 1, 8], [3, 3, 3, 4, 2, 6]
    paths = [reference(along(order, costs), along(order, rival)) for order in permutations(range(6))]
    assert [sum(capital, Fraction(0)) for capital in zip(*paths, strict=True)] == [len(paths)] * 6


def evidences(costs: list[int], rival: list[int]) -> Costs:
    """What is won at most in each of the orders that differ; each of them stands for equally many."""
    orders = [np.array(order, float).T for order in set(permutations(zip(costs, rival, strict=True)))]
    return np.array([evidence(mine[None], theirs)[0] for mine, theirs in orders])


def dropped(won: Costs, alpha: float) -> float:
    """The share of orders in which the candidate would be dropped after some picture."""
    return float((won >= math.log(1 / alpha) - 1e-9).mean())


@PROPERTY
@given(no_worse(6, 5), st.sampled_from([0.5, 0.4, 0.3, 0.2, 0.1]))
def test_over_all_orders_a_candidate_no_worse_is_dropped_in_at_most_alpha(
    pair: tuple[list[int], list[int]], alpha: float
) -> None:
    assert dropped(evidences(*pair), alpha) <= alpha


@pytest.mark.parametrize(
    ("costs", "rival"),
    [
        ([0, 0, 0, 0, 0, 0, 70], [10] * 7),
        ([12, 12, 12, 12, 12, 10, 0], [10] * 7),
        ([10] * 7, [0, 0, 0, 0, 0, 0, 70]),
        ([14, 14, 14, 14, 14, 0, 0], [0, 0, 14, 14, 14, 14, 14]),
        ([1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1]),
        ([0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]),
        ([11, 11, 11, 11, 11, 11, 4], [10] * 7),
    ],
)
def test_over_all_orders_of_seven_pictures(costs: list[int], rival: list[int]) -> None:
    assert sum(costs) == sum(rival)
    won = evidences(costs, rival)
    assert all(dropped(won, alpha) <= alpha for alpha in (0.5, 0.3, 0.1, 0.05, 0.01))


def test_of_the_probability_that_is_allowed_much_is_used() -> None:
    """A candidate that is as good thanks to one picture is often dropped before that is seen."""
    assert 0.2 < dropped(evidences([12, 12, 12, 12, 12, 10, 0], [10] * 7), 0.5) <= 0.5


# What is won over many orders of many pictures

Draw = Callable[[np.random.Generator, int], Costs]
POPULATIONS: dict[str, Draw] = {
    "bernoulli": lambda generator, count: generator.binomial(1, 0.3, count).astype(float),
    "rare": lambda _, count: (np.arange(count) < max(1, count // 25)).astype(float),
    "nearly all": lambda _, count: (np.arange(count) >= max(1, count // 25)).astype(float),
    "skewed": lambda generator, count: generator.beta(0.3, 2, count),
    "skewed the other way": lambda generator, count: generator.beta(3, 0.4, count),
    "constant": lambda _, count: np.full(count, 0.4),
    "mixture": lambda generator, count: np.where(
        generator.random(count) < 0.5, generator.beta(9, 2, count), generator.beta(1, 30, count)
    ),
    "far apart": lambda generator, count: 10.0 ** generator.uniform(-6, 0, count),
}


def equal(costs: Costs, rival: Costs) -> tuple[Costs, Costs]:
    """The same with equal sums, the larger one made smaller."""
    ratio = costs.sum() / rival.sum()
    return (costs / ratio, rival) if ratio > 1 else (costs, rival * ratio)


@pytest.mark.parametrize("pictures", [12, 96, 400])
@pytest.mark.parametrize("theirs", ["constant", "bernoulli", "skewed", "mixture"])
@pytest.mark.parametrize("mine", POPULATIONS)
def test_over_many_orders_an_equal_candidate_is_dropped_in_at_most_alpha(mine: str, theirs: str, pictures: int) -> None:
    """At every picture, α 0.1; 500 orders exceed 0.1 by three standard errors in one of a thousand such tests."""
    generator = np.random.default_rng(pictures)
    costs, rival = equal(POPULATIONS[mine](generator, pictures), POPULATIONS[theirs](generator, pictures))
    orders = [generator.permutation(pictures) for _ in range(500)]
    won = np.array([evidence(costs[None, order[:-1]], rival[order])[0] for order in orders])
    assert (won >= math.log(10)).mean() <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 500)
