"""From a solution to its record: the scores of the baselines, what the journal holds, and some pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from solvers.cam.archive import Judged
from solvers.cam.baselines import baselines
from solvers.cam.choosing import recorded_finalists, stated_choice
from solvers.cam.comparison import Comparison
from solvers.cam.journal import JournalRows
from solvers.cam.learner import Fate
from solvers.cam.solution import Solution
from solvers.cam.subjects import Subjects
from sygus.errors import WARNING
from sygus.export.finalists import Entry
from sygus.export.gallery import CANDIDATES, PICTURES, Gallery
from sygus.export.record import FOUND, Measure, Objective, Pictures, Record
from sygus.language.text import term_text
from sygus.oracles.cam import CamOracle
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.methods import Method, expression_method
from sygus.oracles.sanity import sanity_of
from sygus.saliency.metrics import Evaluation, Metric
from sygus.saliency.metrics.coherence import pearson


def record_of(solution: Solution, subjects: Subjects, proposals: JournalRows) -> tuple[Record, Gallery]:
    """Score the baselines and the answer on both sets of pictures, and put together what is known of the run."""
    problem = solution.problem
    metrics = list(problem.metrics.values())
    chosen = baselines(solution.settings.baselines, problem.problem.target, subjects, metrics, solution.passes)
    found = [] if solution.best is None else [expression_method("found", FOUND, solution.best.term)]
    wanted = {metric.name: metric.direction for metric in metrics}
    wanted |= {problem.metric(goal.metric).name: goal.direction for goal in problem.goals if goal.metric is not None}
    maps = _Maps()
    comparison = Comparison(
        subjects,
        [*found, *chosen.methods],  # all others are compared with what was found
        metrics,
        lambda method, metric: method.title != FOUND and chosen.skips(method, metric),
        maps.take,
    )
    comparison.run()
    scored = comparison.rows()
    table = [*scored[len(found) :], *scored[: len(found)]]
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
                goal.direction,
                None if goal.metric is None else problem.metric(goal.metric).name,
            )
            for goal in problem.goals
        ),
        measures=tuple(Measure(metric.name, wanted[metric.name], metric.unit, metric.doc) for metric in metrics),
        table=tuple(table),
        alike=maps.alike,
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
            *solution.unscored,
            *_ties(solution, proposals),
            *(_other_way(metric) for metric in metrics if wanted[metric.name] != metric.direction),
            *sanity.notes,
        ),
    )
    sample = subjects.held_out.sample
    shown = {row.title: maps.first[row.title] for row in table}
    return record, Gallery.of(sample.subject.images.pictures, shown, _maps(solution, sample))


class _Maps:
    """What is kept of the maps of a table: the first ones, and how alike each method's are to those that were found.

    Attributes:
        first: the maps of the first held-out pictures by the method's title.
    """

    def __init__(self) -> None:
        self.first: dict[str, Tensor] = {}
        self._found: Tensor | None = None
        self._alike: dict[str, list[Tensor]] = {}

    def take(self, method: Method, evaluation: Evaluation) -> None:
        """Look at a method's maps of some pictures; those that were found come before those of all others."""
        maps, title = evaluation.saliency, method.title
        before = self.first.get(title, maps[:0])
        if len(before) < PICTURES:
            self.first[title] = torch.cat([before, maps[: PICTURES - len(before)]])
        if title == FOUND:
            self._found = maps
        elif self._found is not None:
            self._alike.setdefault(title, []).append(pearson(self._found, maps))

    @property
    def alike(self) -> dict[str, float]:
        """The mean correlation of each method's maps with those that were found; none where nothing was."""
        return {title: float(torch.cat(parts).mean()) for title, parts in self._alike.items()}


def _maps(solution: Solution, oracle: CamOracle) -> dict[int, Tensor]:
    """The saliency maps of the front and the finalists on the pictures of a gallery, one expression after another."""
    finalists = () if solution.choice is None else solution.choice.finalists
    judged = {one.id: one for one in (*solution.front, *(one.judged for one in finalists))}
    some = torch.arange(min(PICTURES, len(oracle.subject.images)))
    drawn = ((one.id, oracle.heat_maps([one.term])[0]) for one in islice(judged.values(), CANDIDATES))
    return {number: oracle.drawn(heat, some) for number, heat in drawn if heat.finite}


def _ties(solution: Solution, proposals: JournalRows) -> tuple[str, ...]:
    """A warning where every expression that was scored in full has the same scores."""
    scored = [row["objectives"] for row in proposals if row["fate"] == Fate.SCORED]
    goals = {index: goal.label for index, goal in enumerate(solution.problem.goals) if goal.metric is not None}
    if not goals or len(scored) < 2 or len({tuple(values[index] for index in goals) for values in scored}) > 1:
        return ()
    same = ", ".join(f"{label} {scored[0][index]:g}" for index, label in goals.items())
    return (f"{WARNING}all {len(scored)} expressions scored in full have the same {same}: no score chose the answer",)


def _other_way(metric: Metric) -> str:
    """What a file gets that asks for the worse scores of a metric."""
    wanted, better = ("large", "small") if metric.direction == "min" else ("small", "large")
    return (
        f"the file asks for {wanted} {metric.name}, which is better when {better}: marks, tests and verdict call "
        f"{wanted} values better, as the file does"
    )


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
