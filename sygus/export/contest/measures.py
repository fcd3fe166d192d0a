"""What each trial reached, and when: the arrays that tables, tests and figures are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sygus.export.contest.numbers import Floats
from sygus.export.contest.trials import SHARES, Contest, Point, Task, Trial

TARGETS = tuple(10 ** (-2 * step / 50) for step in range(51))
"""The 51 targets of an ECDF: regrets from 1, as bad as Grad-CAM, to 0.01, evenly on a logarithmic axis."""

NAMED_TARGETS = (0.5, 0.1, 0.01)
"""Those whose expected running times stand in a table."""

_SLACK = 1e-9
"""Of regrets: sums of floats are not met to the last bit."""


@dataclass(frozen=True)
class Scale:
    """How far between the best that is known and Grad-CAM a score lies.

    Attributes:
        best: the best score known of the task, of any trial or of the exhaustive table.
        anchor: Grad-CAM's score; where it has none, or none that is worse, the worst first score of a trial.
        sign: makes costs of scores.
        by_reference: whether the anchor is Grad-CAM's.
    """

    best: float
    anchor: float
    sign: int
    by_reference: bool

    def regret(self, score: float) -> float:
        """0 for the best known, 1 for the anchor; infinite where there is no score."""
        span = self.sign * (self.anchor - self.best)
        gap = self.sign * (score - self.best)
        return gap / span if span > 0 else gap

    def score(self, regret: float) -> float:
        """The score with a regret."""
        return self.best + regret * (self.anchor - self.best)


@dataclass(frozen=True, eq=False)
class Measures:
    """A comparison's trials, as arrays."""

    contest: Contest

    @cached_property
    def strategies(self) -> list[str]:
        """Their names, in the protocol's order."""
        return list(self.contest.protocol.strategies)

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks."""
        return self.contest.protocol.tasks

    @property
    def limit(self) -> int:
        """The budget."""
        return self.contest.protocol.limit

    def spent(self, point: Point) -> int:
        """What had been spent at an improvement, as the budget counts."""
        return point.passes if self.contest.protocol.unit == "passes" else point.terms

    def within(self, trial: Trial, share: float = 1.0) -> list[Point]:
        """A trial's improvements within a share of the budget: what the batch that overran it found is left out."""
        return [point for point in trial.trace if self.spent(point) <= share * self.limit]

    def leader(self, trial: Trial, share: float = 1.0) -> Point | None:
        """The last of these; None where there is none."""
        return next(reversed(self.within(trial, share)), None)

    def costs(self, task: int, strategy: str, share: float = 1.0) -> Floats:
        """Of each trial the best score by then, such that smaller is better; infinite where there is none."""
        sign = self.tasks[task].sign
        leaders = [self.leader(trial, share) for trial in self.contest.of(task, strategy)]
        return np.array([math.inf if one is None else sign * one.score for one in leaders])

    def held_out(self, task: int, strategy: str, share: float = 1.0) -> list[float]:
        """Of each trial that had a leader by then, that leader's score on the held-out pictures."""
        place = SHARES.index(share)
        found = [trial.held_out[place] for trial in self.contest.of(task, strategy)]
        return [score for score in found if score is not None]

    @cached_property
    def scales(self) -> list[Scale]:
        """Of each task."""
        return [self._scale(task) for task in range(len(self.tasks))]

    def _scale(self, task: int) -> Scale:
        about, table = self.tasks[task], self.contest.exhaustive.get(task)
        traces = [points for trial in self.contest.trials if trial.task == task if (points := self.within(trial))]
        scores = [points[-1].score for points in traces] + ([table.scores[0]] if table and table.scores else [])
        if not scores:
            return Scale(0.0, 0.0, about.sign, by_reference=False)
        best = about.sign * min(about.sign * score for score in scores)
        if about.reference is not None and about.sign * (about.reference - best) > 0:
            return Scale(best, about.reference, about.sign, by_reference=True)
        first = [about.sign * points[0].score for points in traces]
        return Scale(best, about.sign * max([*first, about.sign * best]), about.sign, by_reference=False)

    def regrets(self, task: int, strategy: str, share: float = 1.0) -> Floats:
        """Of each trial the regret of its leader by then."""
        scale, sign = self.scales[task], self.tasks[task].sign
        return np.array([scale.regret(sign * cost) for cost in self.costs(task, strategy, share)])

    def hits(self, task: int, strategy: str, targets: Sequence[float] = TARGETS) -> Floats:
        """What each trial had spent when it reached each target, (trials, targets); infinite where it never did."""
        scale = self.scales[task]
        rows = []
        for trial in self.contest.of(task, strategy):
            points = self.within(trial)
            regrets = [scale.regret(point.score) for point in points]
            row = [
                next((self.spent(p) for p, r in zip(points, regrets, strict=True) if r <= target + _SLACK), math.inf)
                for target in targets
            ]
            rows.append(row)
        return np.array(rows, np.float64)

    @cached_property
    def deterministic(self) -> list[str]:
        """The strategies all of whose seeds did the same on every task, so that they are one trial and not many."""
        found = []
        for strategy in self.strategies:
            traces = [[trial.trace for trial in self.contest.of(task, strategy)] for task in range(len(self.tasks))]
            if any(map(any, traces)) and all(len(of_task) > 1 == len(set(of_task)) for of_task in traces):
                found.append(strategy)
        return found
