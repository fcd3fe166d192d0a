"""Outcomes as rewards: ranks among the complete ones, and pairs for those that lost a race."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from solvers.cam.learner import Fate, Outcome, Space
from solvers.cam.rewards import MOST_RIVALS, Rewards
from solvers.cam.testing import space_for

HALF = (1.0, 1.0, 9.0, 9.0)
"""Scores on four pictures, of which the last two are hard."""


@pytest.fixture(scope="module")
def space() -> Space:
    """Smaller average drop is better, then fewer nodes."""
    return space_for("gradcam_plus", 5)


def scored(space: Space, *scores: float, size: float = 5, feasible: bool = True, fate: Fate = Fate.SCORED) -> Outcome:
    metric = space.goals[0].metric
    assert metric is not None
    values = np.array(scores, np.float32)
    return Outcome(fate, (float(values.mean()), size), len(values), feasible, {metric: values})


def lost(space: Space, *scores: float) -> Outcome:
    """NaN where a picture was not seen."""
    metric = space.goals[0].metric
    assert metric is not None
    values = np.array(scores, np.float32)
    return Outcome(Fate.PRUNED, images=int((~np.isnan(values)).sum()), scores={metric: values})


def test_a_reward_is_the_rank_among_the_complete(space: Space) -> None:
    rewards = Rewards(space)
    best, worse, larger, unfit = (
        rewards.stand(one)
        for one in (
            scored(space, 1),
            scored(space, 2),
            scored(space, 2, size=7),
            scored(space, 0.5, feasible=False),
        )
    )
    assert [rewards.reward(one) for one in (best, worse, larger, unfit)] == [7 / 8, 5 / 8, 3 / 8, 1 / 8]
    assert rewards.reward(rewards.worst) == 0
    assert rewards.stand(scored(space, 1, fate=Fate.DUPLICATE)) == best
    assert rewards.reward(best) == 7 / 8  # a duplicate is not counted again
    assert rewards.better(worse, best) == rewards.better(best, worse) == rewards.better(best, None) == best
    for fate in (Fate.UNSAFE, Fate.FAILED):
        assert rewards.stand(Outcome(fate)) == rewards.worst
    assert rewards.stand(scored(space, float("nan"))) == rewards.worst


def test_fit_is_the_way_from_the_median_to_the_best(space: Space) -> None:
    rewards = Rewards(space)
    standings = {value: rewards.stand(scored(space, value)) for value in (10.0, 6.0, 4.0, 3.0, 2.0)}
    # The median is 4, the best 2.
    assert {v: rewards.fit(s) for v, s in standings.items()} == {10: 0, 6: 0, 4: 0, 3: 0.5, 2: 1}
    assert rewards.fit(rewards.worst) == 0
    assert rewards.fit(rewards.stand(scored(space, 1.0, feasible=False))) == 0
    alone = Rewards(space)
    assert alone.fit(alone.stand(scored(space, 1.0))) == 0  # nothing to compare with


def test_while_nothing_is_feasible_fit_is_among_what_is_not(space: Space) -> None:
    rewards = Rewards(space)
    one, other = (rewards.stand(scored(space, value, feasible=False)) for value in (1.0, 2.0))
    assert (rewards.fit(one), rewards.fit(other)) == (1, 0)
    rewards.stand(scored(space, 5.0))
    assert rewards.fit(one) == 0


def test_one_that_lost_a_race_is_paired_on_the_pictures_that_both_saw(space: Space) -> None:
    nan = float("nan")
    rewards = Rewards(space)
    good, bad = rewards.stand(scored(space, *HALF)), rewards.stand(scored(space, 4, 4, 12, 12))
    # Its mean, 2, is smaller than the leader's, 5, but on these pictures the leader's is 1.
    between = rewards.stand(lost(space, 2, 2, nan, nan))
    assert between == bad
    assert rewards.reward(between) < rewards.reward(good)
    # Its mean, 10, is the largest of all, but these are the hard pictures.
    assert rewards.stand(lost(space, nan, nan, 10, 10)) == bad
    assert rewards.stand(lost(space, 5, nan, nan, nan)) == rewards.worst
    assert rewards.stand(lost(space, 1, nan, nan, nan)) == good
    unknown = Outcome(Fate.PRUNED, images=8)
    assert rewards.stand(unknown) == rewards.worst
    assert Rewards(space).stand(lost(space, 1, nan, nan, nan)) == Rewards(space).worst


def test_one_that_lost_to_a_constraint_is_paired_with_what_is_not_feasible(space: Space) -> None:
    rewards = Rewards(space)
    rewards.stand(scored(space, 3, 3))
    unfit = rewards.stand(scored(space, 4, 4, feasible=False))
    assert rewards.stand(lost(space, 1, 1)) == unfit
    assert rewards.stand(lost(space, 5, 5)) == rewards.worst


def test_equal_objectives_are_ranked_one_by_one() -> None:
    space = space_for("pareto", 5)  # average drop, then nodes; none outranks the other
    assert not space.ordered
    rewards = Rewards(space)
    small, good, neither = (
        rewards.stand(Outcome(Fate.SCORED, values, 4, True)) for values in ((3.0, 2.0), (1.0, 6.0), (3.0, 6.0))
    )
    assert rewards.reward(small) == rewards.reward(good) == pytest.approx((1 / 3 + 5 / 6) / 2)
    assert rewards.reward(neither) == pytest.approx(1 / 3)
    assert rewards.fit(neither) == 0


def test_without_objectives_what_is_feasible_comes_first(space: Space) -> None:
    rewards = Rewards(replace(space, goals=()))
    fit, unfit = (rewards.stand(Outcome(Fate.SCORED, (), 4, feasible)) for feasible in (True, False))
    assert (rewards.reward(fit), rewards.reward(unfit)) == (0.75, 0.25)
    assert rewards.fit(fit) == rewards.fit(unfit) == 0


def test_of_many_rivals_the_best_is_kept_and_a_state_goes_on(space: Space) -> None:
    rewards = Rewards(space)
    for value in range(3 * MOST_RIVALS, 0, -1):
        rewards.stand(scored(space, value, value))
    again = Rewards(space)
    again.load_state_dict(json.loads(json.dumps(rewards.state_dict())))
    nan = float("nan")
    for one, value in product((rewards, again), (1.0, 2.0, 100.0, 700.5)):
        assert one.stand(lost(space, value, nan)) == rewards.stand(lost(space, value, nan))
        assert one.reward(one.stand(scored(space, value, fate=Fate.DUPLICATE))) == pytest.approx(
            1 - (np.floor(value) - (value % 1 == 0) / 2) / (3 * MOST_RIVALS)
        )
    assert rewards.stand(lost(space, 1, nan)) == ((0.0, 1.0, 5.0),)
    assert len(rewards.state_dict()["rivals"]) <= MOST_RIVALS
