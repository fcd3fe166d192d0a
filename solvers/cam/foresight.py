"""What is known of the constraints before a score is paid: what the heat maps alone decide."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sygus.oracles.cam import CamOracle, HeatMaps
from sygus.oracles.objective import CamProblem, Objectives


class Foresight:
    """Computes the metrics of constraints that cost no masked pass, where no objective is one of them.

    What an objective says is what a budget in terms is for; it is not looked up here, whatever it costs. Metrics that
    explain a picture in several situations, or are joint over the pictures, are left to the run as well.

    Args:
        problem: what is asked.
        oracle: of the search pictures.
    """

    def __init__(self, problem: CamProblem, oracle: CamOracle) -> None:
        size, goals = oracle.subject.network.size, {goal.metric for goal in problem.goals}
        self._oracle, self._again = oracle, problem.explains_again
        self._metrics = {
            symbol: metric
            for symbol, metric in problem.metrics.items()
            if symbol not in goals and not metric.joint and not metric.passes(size) and metric.explanations(size) <= 1
        }
        self._objectives = Objectives(problem, oracle)

    def __bool__(self) -> bool:
        """Whether a constraint stands on such metrics alone, so that there is something to foresee."""
        constraints = self._objectives.problem.problem.constraints
        return any(self._metrics.keys() >= set(self._objectives.reads(one)) for one in constraints)

    def __call__(self, heat: Sequence[HeatMaps]) -> list[tuple[float, ...]]:
        """The margins of every constraint, in the file's order, NaN where scores must be paid."""
        keyed = [one.of_term if self._again else one for one in heat]
        index = torch.arange(len(self._oracle.subject.images))
        scores = {symbol: self._oracle.attempt(keyed, metric, index) for symbol, metric in self._metrics.items()}
        found = []
        for number, one in enumerate(heat):
            assert one.term is not None, "learners have the maps of terms"
            found.append(self._objectives.margins(one.term, {symbol: rows[number] for symbol, rows in scores.items()}))
        return found
