"""How good outcomes are beside one another, as numbers that a learner can climb."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

import numpy as np

from solvers.cam.learner import Fate, Outcome, Space
from sygus.oracles.cam import Scores

Standing: TypeAlias = tuple[tuple[float, ...], ...]
"""Where an outcome stands, smaller before larger, by criterion: one where earlier objectives outrank later ones, else
one for each objective. First comes 0 for what is feasible, 1 for what is not, 2 for what has no scores."""

MOST_RIVALS = 256
"""Complete outcomes whose scores are kept, to compare others with on the pictures that both saw."""


class Rewards:
    """Outcomes as rewards, by their ranks among the complete ones of a search.

    A complete outcome stands where its objectives put it, after all feasible ones where it is not feasible. One that
    lost a race has no mean to compare. It is paired with each complete one on the pictures that both saw, in the first
    objective that is a metric: one that comes off no worse than k of them stands with the k-th from below. Where it
    saw all pictures there, it lost to a constraint, and is paired with those that are not feasible.

    What is unsafe or failed stands last. Standings are kept, rewards change: a rank is among what is known so far.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        criteria = 1 if space.ordered else len(space.goals)
        self.worst: Standing = ((2.0,),) * criteria
        self._ranked: list[list[tuple[float, ...]]] = [[] for _ in range(criteria)]
        self._rivals: list[_Rival] = []
        goal = next((goal for goal in space.goals if goal.metric is not None), None)
        self._metric = goal.metric if goal is not None else None
        self._sign = goal.rank(1.0) if goal is not None else 1.0

    def stand(self, outcome: Outcome) -> Standing:
        """Where an outcome stands; what was scored in full is what later ones are ranked among."""
        if not outcome.complete:
            return self._paired(outcome) if outcome.images else self.worst
        if not all(map(isfinite, outcome.objectives)):
            return self.worst
        last, ranks = float(not outcome.feasible), self.space.rank(outcome)
        standing = ((last, *ranks),) if self.space.ordered else tuple((last, rank) for rank in ranks)
        if outcome.fate is Fate.SCORED:
            for ranked, place in zip(self._ranked, standing, strict=True):
                insort(ranked, place)
            self._keep(standing, outcome)
        return standing

    def _keep(self, standing: Standing, outcome: Outcome) -> None:
        """Take it as a rival; of too many, every second goes, but never the best."""
        if self._metric is None or self._metric not in outcome.scores:
            return
        self._rivals.append(_Rival(standing, outcome.scores[self._metric]))
        if len(self._rivals) > MOST_RIVALS:
            self._rivals = self._best_first(self._rivals)[::2]

    def _best_first(self, rivals: list[_Rival]) -> list[_Rival]:
        return sorted(rivals, key=lambda rival: -self.reward(rival.standing))

    def _paired(self, outcome: Outcome) -> Standing:
        if self._metric is None or self._metric not in outcome.scores:
            return self.worst
        scores = outcome.scores[self._metric]
        seen = ~np.isnan(scores)
        rivals = [rival for rival in self._rivals if not (seen.all() and rival.feasible)]
        behind = [self._sign * float(np.sum(scores[seen] - r.scores[seen], dtype=np.float64)) for r in rivals]
        level = sum(difference <= 0 for difference in behind)
        return self._best_first(rivals)[-level].standing if level else self.worst

    def reward(self, standing: Standing) -> float:
        """Which share of the complete outcomes it stands before, those level counted half: from 0 to 1."""
        return sum(map(_share, self._ranked, standing)) / max(1, len(self._ranked))

    def fit(self, standing: Standing) -> float:
        """How far it has come from the median to the best, by the first objective where that outranks the others.

        1 is the best and 0 the median, or worse. As long as something is feasible, it is among what is feasible.
        """
        return sum(map(_part, self._ranked, standing)) / max(1, len(self._ranked))

    def better(self, one: Standing, other: Standing | None) -> Standing:
        """The one with the larger reward."""
        return one if other is None or self.reward(one) > self.reward(other) else other

    def state_dict(self) -> dict[str, Any]:
        """The ranks, and the scores of those that others are paired with."""
        rivals = [[rival.standing, rival.scores.astype(float).tolist()] for rival in self._rivals]
        return {"ranked": self._ranked, "rivals": rivals}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        self._ranked = [[tuple(place) for place in ranked] for ranked in state["ranked"]]
        self._rivals = [_Rival(standing_of(place), np.array(row, np.float32)) for place, row in state["rivals"]]


@dataclass(frozen=True, eq=False, slots=True)
class _Rival:
    """A complete outcome, with its score on each picture in the first objective that is a metric."""

    standing: Standing
    scores: Scores

    @property
    def feasible(self) -> bool:
        return self.standing[0][0] == 0


def standing_of(read: list[list[float]]) -> Standing:
    """A standing, as JSON gives it back."""
    return tuple(tuple(place) for place in read)


def _share(ranked: list[tuple[float, ...]], place: tuple[float, ...]) -> float:
    """The part of the list that comes after a place, what equals it counted half."""
    before, through = bisect_left(ranked, place), bisect_right(ranked, place)
    return (len(ranked) - (before + through) / 2) / len(ranked) if ranked else 0.0


def _part(ranked: list[tuple[float, ...]], place: tuple[float, ...]) -> float:
    """The part of the way from the median to the best, of those that are feasible if any is."""
    if not ranked or len(place) < 2 or place[0] != ranked[0][0]:
        return 0.0
    best, median = ranked[0][1], ranked[bisect_left(ranked, (place[0] + 1,)) // 2][1]
    return min(1.0, max(0.0, (median - place[1]) / (median - best))) if median > best else 0.0
