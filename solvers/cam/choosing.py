"""What a run's record says of the choice of its answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from solvers.cam.finalists import Finalist as Judged
from solvers.cam.solution import Solution
from solvers.cam.subjects import Subjects
from sygus.errors import WARNING, counted
from sygus.export.finalists import Finalist, median_optimism
from sygus.export.tables import score_text
from sygus.language.terms import OracleFunction
from sygus.language.text import term_text
from sygus.oracles.cam import Scores
from sygus.saliency.progress import track
from sygus.statistics import Mean


def recorded_finalists(solution: Solution, subjects: Subjects) -> tuple[Finalist, ...]:
    """The finalists with their scores on all three sets of pictures, best first; none where nothing was chosen."""
    if solution.choice is None:
        return ()
    oracle, judged = subjects.held_out, solution.choice.finalists
    terms, metrics = [one.judged.term for one in judged], solution.problem.metrics
    parts: list[list[dict[OracleFunction, Scores] | None]] = []

    def score(rows: range) -> None:
        part = oracle.part(rows)
        everything = torch.arange(len(rows))
        heat = part.heat_maps(terms)
        parts.append(
            [
                {symbol: part.score([maps], metric, everything)[0] for symbol, metric in metrics.items()}
                if maps.finite
                else None
                for maps in track(heat, len(heat), "finalists scored on held-out pictures")
            ]
        )
        if part is not oracle:
            part.release()

    for rows in track(oracle.spans, len(oracle.spans), "parts of the held-out pictures"):
        score(rows)
    found = []
    for one, scores in zip(judged, zip(*parts, strict=True), strict=True):
        known = [each for each in scores if each is not None]
        if len(known) == len(scores):
            joined = {symbol: np.concatenate([each[symbol] for each in known]) for symbol in metrics}
            found.append(_finalist(one, joined, solution))
    return tuple(found)


def _finalist(one: Judged, held_out: dict[OracleFunction, Scores], solution: Solution) -> Finalist:
    def means(scores: dict[OracleFunction, Scores]) -> dict[str, Mean]:
        seen = {symbol: values[~np.isnan(values)] for symbol, values in scores.items()}
        return {solution.problem.metric(symbol).name: Mean.of(values) for symbol, values in seen.items()}

    return Finalist(
        id=one.judged.id,
        term=term_text(one.judged.term),
        size=one.judged.term.size,
        objectives=one.objectives,
        feasible=one.feasible,
        probability=one.probability,
        scores={
            "search": means(dict(one.judged.outcome.scores)),
            "validation": means(dict(one.scores)),
            "held_out": means(held_out),
        },
    )


def stated_choice(solution: Solution, finalists: Sequence[Finalist]) -> str:
    """How the answer was chosen, in words; "" where there was nothing to choose."""
    if solution.best is None or not solution.problem.goals:
        return ""
    if solution.choice is None:
        return "the search pictures alone chose the answer, so its score on them is partly luck"
    choice, validation = solution.choice, solution.choice.pictures
    raced = f"{counted(len(finalists), 'finalist')} on {counted(validation, 'validation picture')}"
    if choice.leader is None:
        return f"{WARNING}{raced}: none satisfies the constraints over all pictures, so the search pictures alone chose"
    dropped = sum(not one.complete for one in choice.finalists)
    ended = f", {dropped} dropped on the way" if dropped else ""
    if choice.broken:
        ended += f", {choice.broken} left out whose maps are not finite there"
    said = f"{raced}{ended}; the answer is the best over these and the search pictures"
    if len(finalists) > 1:
        probability = f"with probability {finalists[0].probability:.2f}"
        said += (
            f", {probability} the best of them"
            if solution.problem.is_ordered
            else f"; {probability} no other is better in all objectives"
        )
    first = solution.problem.goals[0].metric
    if first is None:
        return said
    metric = solution.problem.metric(first)
    answer, median = finalists[0].optimism(metric), median_optimism(finalists, metric)
    of = f"optimism, by how much better {metric.name} is on the search pictures than held out"
    return f"{said}; {of}: {score_text(answer, metric)}, median finalist {score_text(median, metric)}"
