"""Racing against full scoring: the cost, and whether the winner is the same, over many orders of the pictures.

Run ``python benchmarks/racing.py``; it takes a few minutes. Every term of channel_weights up to a size is scored in
full once; then the races are run on that table in 20 orders, with the batches and leaders that a run would have.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
import torch

from harness import report
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.race import ROWS, Mode, Racer
from solvers.cam.run import BATCH
from solvers.cam.search import space_of
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.language.elaborate import load_problem
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem
from sygus.saliency.metrics import Metric, find_metric

ORDERS = 20
SIZE = 6
NETWORKS = ("shapes-vgg", "shapes-resnet")


class Table(CamOracle):
    """Scores looked up; a candidate's heat maps are stood for by a key, its row."""

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        self.forwards = 0
        self.filled = 0

    def attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: torch.Tensor) -> Scores:  # noqa: ARG002
        """The rows of the table."""
        passes = len(heat) * len(index)
        self.forwards += passes
        self.filled += -(-passes // ROWS) * ROWS
        return self.scores[np.ix_([int(one.key) for one in heat], index.numpy())]


def distinct_heat_maps(network: str) -> tuple[CamOracle, list[HeatMaps]]:
    """The maps of every term up to the size, equal ones once, in the order of a run."""
    settings = Settings(network=network, budget=f"size={SIZE}")
    subjects = load_subjects(settings)
    problem = CamProblem(load_problem(*reversed(read_problem("channel_weights"))))
    learner = Enumerate(space_of(problem, settings, subjects.search))
    found: dict[str, HeatMaps] = {}
    while proposals := learner.ask(BATCH):
        for heat in subjects.search.heat_maps([proposal.term for proposal in proposals]):
            if heat.finite:
                found.setdefault(heat.key, heat)
    return subjects.search, list(found.values())


def race(scores: Scores, mode: Mode, seed: int, metric: Metric) -> tuple[int, int, int]:
    """The winner's row, the passes spent, and these with the rows that only fill the last pass of each look."""
    table = Table(scores)
    racer = Racer.of(mode, scores.shape[1], seed)
    rows = [HeatMaps(torch.empty(0), str(row), 0, True) for row in range(len(scores))]
    leader: int | None = None
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        unknown = np.full((len(batch), scores.shape[1]), np.nan, np.float32)
        result = racer.run(table, batch, metric, unknown, None if leader is None else scores[leader])
        for row in np.flatnonzero(~np.isnan(result).any(1)) + start:
            if leader is None or scores[row].mean(dtype=float) < scores[leader].mean(dtype=float):
                leader = int(row)
    assert leader is not None
    return leader, table.forwards, table.filled


def main() -> None:
    """Measure and report."""
    metric = find_metric("average-drop")
    rows = []
    for network in NETWORKS:
        oracle, heat = distinct_heat_maps(network)
        everything = torch.arange(len(oracle.subject.targets))
        scores = np.concatenate([oracle.score([one], metric, everything) for one in heat])
        best = scores.mean(1, dtype=float).min()
        modes: tuple[Mode, ...] = ("t", "betting", "bound", "off")
        for mode in modes:
            results = [race(scores, mode, seed, metric) for seed in range(ORDERS)]
            same = sum(scores[winner].mean(dtype=float) == best for winner, *_ in results)
            costs = [passes / scores.size for _, passes, _ in results]
            filled = [passes / scores.size for *_, passes in results]
            rows.append(
                {
                    "network": network,
                    "race": mode,
                    "expressions": len(scores),
                    "pictures": scores.shape[1],
                    "orders": ORDERS,
                    "same winner": int(same),
                    "cost, median": statistics.median(costs),
                    "cost, largest": max(costs),
                    "with filling, median": statistics.median(filled),
                }
            )
    report("racing", "racing: passes as a share of full scoring", rows)


if __name__ == "__main__":
    main()
