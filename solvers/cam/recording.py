"""From a solution to its record: the scores of the baselines, what the journal holds, and some pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from torch import Tensor

from solvers.cam.archive import Judged
from solvers.cam.baselines import baselines
from solvers.cam.choosing import recorded_finalists, stated_choice
from solvers.cam.comparison import compare
from solvers.cam.journal import JournalRows
from solvers.cam.learner import Fate
from solvers.cam.solution import Solution
from solvers.cam.subjects import Subjects
from sygus.errors import WARNING
from sygus.export.finalists import Entry
from sygus.export.gallery import Gallery
from sygus.export.record import FOUND, Measure, Objective, Pictures, Record
from sygus.export.tables import Direction
from sygus.language.text import term_text
from sygus.oracles.cam import CamOracle
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.methods import Method, expression_method
from sygus.oracles.sanity import sanity_of
from sygus.saliency.metrics import Evaluation
from sygus.saliency.metrics.coherence import pearson


def record_of(solution: Solution, subjects: Subjects, proposals: JournalRows) -> tuple[Record, Gallery]:
    """Score the baselines and the answer on both sets of pictures, and put together what is known of the run."""
    problem = solution.problem
    metrics = list(problem.metrics.values())
    chosen = baselines(solution.settings.baselines, problem.problem.target, subjects, metrics, solution.passes)
    rows = list(chosen.methods)
    if solution.best is not None:
        rows.append(expression_method("found", FOUND, solution.best.term))
    maps: dict[str, Tensor] = {}

    def keep(method: Method, evaluation: Evaluation) -> None:
        maps[method.title] = evaluation.saliency

    table = compare(subjects, rows, metrics, lambda m, metric: m.title != FOUND and chosen.skips(m, metric), keep)
    finalists = recorded_finalists(solution, subjects)
    sanity = sanity_of(subjects.search, None if solution.best is None else solution.best.term)
    record = Record(
        answer=solution.answer,
        found=None if solution.best is None else _entry(solution.best),
        ordered=problem.is_ordered,
        front=tuple(map(_entry, solution.front)),
        finalists=finalists,
        choice=stated_choice(solution, finalists),
        candidates=tuple(
            Entry(row["id"], row["term"], row["size"], tuple(row["objectives"]), bool(row["feasible"]))
            for row in proposals
            if row["fate"] == Fate.SCORED
        ),
        duplicates=_duplicates(proposals, Equivalence(solution.settings.equivalence)),
        ended=solution.ending.name.lower(),
        ending=solution.conclusion,
        racing=solution.racing,
        accounting=solution.accounting,
        certificates=None
        if solution.certificates is None
        else tuple({"term": term_text(alias), **asdict(found)} for alias, found in solution.certificates),
        objectives=tuple(
            Objective(
                goal.label,
                cast("Direction", goal.direction),
                None if goal.metric is None else problem.metric(goal.metric).name,
            )
            for goal in problem.goals
        ),
        measures=tuple(Measure(metric.name, metric.direction, metric.unit, metric.doc) for metric in metrics),
        table=tuple(table),
        alike={title: float(pearson(maps[FOUND], one).mean()) for title, one in maps.items() if title != FOUND}
        if FOUND in maps
        else {},
        search=_pictures(subjects.search),
        held_out=_pictures(subjects.held_out),
        validation=None if subjects.validation is None else _pictures(subjects.validation),
        problem=solution.protocol["problem"] | {"text": problem.problem.text},
        **{name: solution.protocol[name] for name in ("settings", "fingerprints", "versions", "machine")},
        sanity=sanity.numbers,
        notes=(
            *solution.protocol["notes"],
            *chosen.notes,
            *solution.missed,
            *_ties(solution, proposals),
            *sanity.notes,
        ),
    )
    return record, Gallery.of(subjects.held_out.subject.images.pictures, maps)


def _ties(solution: Solution, proposals: JournalRows) -> tuple[str, ...]:
    """A warning where every expression that was scored in full has the same scores."""
    scored = [row["objectives"] for row in proposals if row["fate"] == Fate.SCORED]
    goals = {index: goal.label for index, goal in enumerate(solution.problem.goals) if goal.metric is not None}
    if not goals or len(scored) < 2 or len({tuple(values[index] for index in goals) for values in scored}) > 1:
        return ()
    same = ", ".join(f"{label} {scored[0][index]:g}" for index, label in goals.items())
    return (f"{WARNING}all {len(scored)} expressions scored in full have the same {same}: no score chose the answer",)


def _entry(judged: Judged) -> Entry:
    outcome = judged.outcome
    return Entry(
        judged.id,
        term_text(judged.term),
        judged.term.size,
        outcome.objectives,
        bool(outcome.feasible),
    )


def _pictures(oracle: CamOracle) -> Pictures:
    subject = oracle.subject
    classes = subject.network.classes
    return Pictures(subject.images.name, subject.images.ids, tuple(classes[c] for c in subject.targets.tolist()))


def _duplicates(proposals: JournalRows, equivalence: Equivalence) -> dict[str, int]:
    """By what showed it: equal values on the probes, before any map was drawn; equal maps; equal mean scores."""
    keys = {row["id"]: row["key"] for row in proposals}

    def kind(row: Mapping[str, Any]) -> str:
        if row["key"] is None:
            return "equal values on the probes"
        if equivalence is Equivalence.SCORE and keys.get(row["alias"]) != row["key"]:
            return "equal scores"
        return "equal heat maps"

    return dict(Counter(kind(row) for row in proposals if row["fate"] == Fate.DUPLICATE))
