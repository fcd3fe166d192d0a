"""Comparisons that never ran, small enough to work their tables out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from solvers.cam.subjects import load_subjects
from sygus.export.contest import numbers, report
from sygus.export.contest.trials import KEPT, SHARES, Contest, Exhaustive, Point, Protocol, Scored, Task, Trial

subjects_once = cache(load_subjects)


def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test needs many resamples, figures that it does not look at, or the same network more than once."""
    monkeypatch.setenv("SYCAM_SYGUS_CACHE", "")
    monkeypatch.setattr(numbers, "RESAMPLES", 30)
    monkeypatch.setattr(numbers, "SPLITS", 3)
    monkeypatch.setattr(report, "FORMS", ())
    monkeypatch.setattr("solvers.cam.contest.contest.load_subjects", subjects_once)


def task_of(name: str = "toy on net", **changes: object) -> Task:
    values = {
        "name": name,
        "file": "toy.sy",
        "network": "net",
        "metric": "drop",
        "unit": "%",
        "direction": "min",
        "size": 9,
        "each": 10,
        "reference": 40.0,
        "reference_held_out": 41.0,
    }
    return Task(**(values | changes))  # type: ignore[arg-type]


def trial_of(strategy: str, seed: int, steps: Sequence[tuple[int, float]], task: int = 0, term: str = "x") -> Trial:
    """A trial whose best score was so much when so many passes were spent; sizes grow by one a step."""
    trace = tuple(Point(passes, passes, passes, score, 3 + place, term) for place, (passes, score) in enumerate(steps))
    kept = [Scored(f"{point.score}", point.score, point.size, term) for point in trace if point.passes <= 100]
    last = [next((p for p in reversed(trace) if p.passes <= share * 100), None) for share in SHARES]
    return Trial(
        task=task,
        strategy=strategy,
        seed=seed,
        ending="spent",
        accounting={"proposed": 10, "scored": len(trace), "passes": 100},
        costs={"seconds": 1.5},
        trace=trace,
        best=tuple(reversed(kept))[:KEPT],
        front=tuple(kept),
        held_out=tuple(None if point is None else point.score + 1 for point in last),
        pictures=() if last[-1] is None else (last[-1].score, last[-1].score + 2),
    )


def contest_of(
    curves: Mapping[str, Sequence[Sequence[tuple[int, float]]]],
    tasks: Sequence[Task] = (task_of(),),
    tables: Mapping[int, Exhaustive] | None = None,
    term: str = "x",
) -> Contest:
    """By strategy the steps of each seed, the same on every task."""
    seeds = len(next(iter(curves.values())))
    protocol = Protocol(
        conditions={"budget": "forwards=100", "cache": "shared"},
        unit="passes",
        limit=100,
        tasks=tuple(tasks),
        grounds=tuple({"grammar": "0"} for _ in tasks),
        strategies=dict.fromkeys(curves, "code"),
        seeds=tuple(range(seeds)),
        exhaustive=5 if tables else 0,
    )
    trials = tuple(
        trial_of(strategy, seed, steps, task, term)
        for task in range(len(tasks))
        for strategy, each in curves.items()
        for seed, steps in enumerate(each)
    )
    return Contest(protocol, trials, tables or {})
