"""The verdict on a run, in exact words: against methods, against controls, on few pictures, by several objectives."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sygus.app.cam import Result
from sygus.export.comparisons import NAMED, as_sentence
from sygus.export.record import FOUND, Measure, Objective, Record
from sygus.export.tables import LEVEL, Row
from sygus.statistics import Difference, Mean, least_p

IOU, DROP = Measure("iou", "max", "", "overlap"), Measure("drop", "min", "%", "drop")
NOISE = np.random.default_rng(0).normal(0, 0.05, (40, 60))
ALL = "better than every method in the table (p < 0.05)"
TESTED = "paired tests on 60 pictures, Holm-corrected"


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Record:
    return Record.read(str(finished_run))


def row(title: str, *, control: bool = False, pictures: int = 60, **shifts: float) -> Row:
    """A row with a mean score for each metric, and noise of its own."""
    seed = sum(map(ord, title)) % len(NOISE)
    means = {name: Mean.of(shift + NOISE[seed][:pictures]) for name, shift in shifts.items()}
    return Row(title, means, means, control=control)


def record_of(run: Record, *rows: Row, pictures: int = 60, goals: tuple[str | None, ...] = ("iou",)) -> Record:
    """A run of such rows, with a found expression of 0.5 in both metrics, that is asked for some of them."""
    found = row(FOUND, iou=0.5, drop=0.5, pictures=max(pictures, 2))
    names = tuple(str(index) for index in range(pictures))
    return dataclasses.replace(
        run,
        table=(*rows, found),
        measures=(IOU, DROP),
        objectives=tuple(Objective(goal or "a sum of metrics", "max", goal) for goal in goals),
        held_out=dataclasses.replace(run.held_out, ids=names, targets=names),
        alike={},
    )


WORSE = [row(title, iou=0.2, drop=0.2) for title in "abc"]
SAME = [row(title, iou=0.5, drop=0.5) for title in "stuvwxyz"]
FAKE, RANDOM = row("Fake", control=True, iou=0.9, drop=0.9), row("Random", control=True, iou=0.1, drop=0.9)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (WORSE, f"{ALL}, 3 of 3; {TESTED}"),
        (WORSE[:1], f"{ALL}, 1 of 1; {TESTED}"),
        ([*WORSE, SAME[0]], f"better than 3 of 4 methods (p < 0.05); not told apart from s; {TESTED}"),
        (
            [*WORSE, *SAME[:2], row("Z", iou=0.9)],
            f"better than 3 of 6 methods (p < 0.05); not told apart from s, t; worse than Z (p = 0.0012); {TESTED}",
        ),
        ([row("Y", iou=0.9), row("Z", iou=0.9)], f"worse than Y, Z (p < 0.05); {TESTED}"),
        ([row("Y", iou=0.9)], f"worse than Y (p < 0.001); {TESTED}"),
        (
            SAME,
            f"not told apart from {', '.join('stuvwxyz'[:NAMED])} and {len(SAME) - NAMED} more (no p < 0.05); {TESTED}",
        ),
        (
            [*WORSE, row("unscored", drop=0.1)],
            f"better than 3 of 3 methods (p < 0.05); 1 more in the table without a score; {TESTED}",
        ),
        ([], "no method in the table to compare with"),
        ([row("unscored", drop=0.1)], "no method to compare with, 1 in the table without a score"),
        ([*WORSE, RANDOM], f"{ALL}, 3 of 3; {TESTED}"),
        ([*WORSE, row("Even", control=True, iou=0.5001)], f"{ALL}, 3 of 3; {TESTED}"),
        ([*WORSE, FAKE], f"{ALL}, 3 of 3; {TESTED}; the control Fake scores better: the metric rewards what it does"),
        (
            [FAKE, row("Chance", control=True, iou=0.8), RANDOM],
            "no method in the table to compare with; "
            "the controls Fake, Chance score better: the metric rewards what they do",
        ),
    ],
)
def test_the_verdict_in_words(rows: list[Row], expected: str, run: Record) -> None:
    assert record_of(run, *rows).verdict == (f"held out, by iou: {expected}",)


def test_better_is_lower_where_the_metric_is_minimised(run: Record) -> None:
    (said,) = record_of(run, *WORSE, RANDOM, goals=("drop",)).verdict
    assert said == f"held out, by drop: worse than a, b, c (p < 0.05); {TESTED}"
    (said,) = record_of(run, row("a", drop=0.8), row("Fake", control=True, drop=0.1), goals=("drop",)).verdict
    assert said.startswith(f"held out, by drop: {ALL}, 1 of 1; ")
    assert said.endswith("the control Fake scores better: the metric rewards what it does")


def test_there_is_a_verdict_on_each_objective(run: Record) -> None:
    by_iou, by_drop = (
        f"held out, by iou: {ALL}, 3 of 3; {TESTED}",
        f"held out, by drop: worse than a, b, c (p < 0.05); {TESTED}",
    )
    for goals, expected in (
        (("iou", "drop"), (by_iou, by_drop)),
        (("drop",), (by_drop,)),
        ((None, "iou"), (by_iou,)),
        ((None,), (by_iou, by_drop)),
    ):
        assert record_of(run, *WORSE, goals=goals).verdict == expected


def test_few_pictures_are_said_to_be_too_few(run: Record) -> None:
    few = [row(title, iou=0.2, pictures=4) for title in "abc"]
    (said,) = record_of(run, *few, row("Z", iou=0.9, pictures=4), pictures=4).verdict
    assert said == (
        "held out, by iou: better on average than 3 of 4 methods; "
        "4 pictures are too few for a test against 4: no p < 0.05 is possible"
    )
    for count in (0, 1):
        assert record_of(run, *few, pictures=count).verdict == (
            f"no verdict: a test takes two held-out pictures or more, and this run has {count}",
        )
        assert record_of(run, *few, pictures=count).comparisons == []


@pytest.mark.parametrize("count", [2, 3, 5, 6, 13, 60])
def test_no_p_is_smaller_than_is_said_to_be_possible(count: int) -> None:
    assert Difference.of(np.linspace(1, 2, count), np.zeros(count)).p == pytest.approx(least_p(count))
    assert (least_p(count) < LEVEL) == (count >= 6)


def test_the_verdict_on_a_run(run: Record, finished_run: Path) -> None:
    said, nearest = run.verdict
    ((measure, tests),) = run.comparisons
    methods = [test for test in tests if not test.control]
    assert measure.name == "average-drop"
    assert said.startswith("held out, by average-drop: ")
    assert (ALL in said) == all(test.verdict == "better" for test in methods)
    mine = np.mean(run.table[-1].held_out["average-drop"].scores)
    winners = [one.title for one in run.baselines if one.control and one.held_out["average-drop"].value < mine]
    assert winners == ["Fake-CAM"]
    assert said.endswith("; the control Fake-CAM scores better: the metric rewards what it does")
    assert nearest.startswith("nearest known method: ")
    result = Result.load(finished_run)
    assert result.verdict == f"{as_sentence(said)} {as_sentence(nearest)}"
    assert result.verdict.startswith("Held out, by average-drop: ")
    assert "verdict" not in run.as_json()


def test_without_an_answer_there_is_none_to_compare(run: Record) -> None:
    none = dataclasses.replace(run, found=None, finalists=(), table=run.baselines, alike={})
    assert none.verdict == (
        "no expression that satisfies the constraints was found, so none stands beside the methods",
    )
    assert none.comparisons == []
