"""The found expression beside the rows of the table: whom it is tested against, how that is corrected and said."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from scipy.stats import ttest_rel

from sygus.export.record import Measure
from sygus.export.tables import (
    MARKS,
    Compared,
    Row,
    compared,
    is_best,
    table_as_csv,
    table_as_latex,
    value_text,
)
from sygus.statistics import Difference, Mean, holm

IOU, DROP = Measure("iou", "max", "", "overlap"), Measure("drop", "min", "%", "drop")
NOISE = np.random.default_rng(0).normal(0, 0.05, (40, 60))


def row(title: str, *, control: bool = False, **shifts: float) -> Row:
    """A row with a mean score for each metric, and noise of its own."""
    seed = sum(map(ord, title)) % len(NOISE)
    means = {name: Mean.of(shift + NOISE[seed]) for name, shift in shifts.items()}
    return Row(title, means, means, control=control)


FOUND = row("found", iou=0.5, drop=0.5)


def beside(*rows: Row, metric: Measure = IOU) -> dict[str, Compared]:
    return {test.title: test for test in compared(FOUND, rows, metric)}


def test_a_row_that_was_not_scored_is_not_compared() -> None:
    rows = [row("a", iou=0.4, drop=0.1), row("b", drop=0.1), row("c", iou=0.6, drop=0.1)]
    assert list(beside(*rows)) == ["a", "c"]
    assert list(beside(*rows, metric=DROP)) == ["a", "b", "c"]
    assert beside(row("b", drop=0.1)) == {}


@pytest.mark.parametrize(("metric", "low", "high"), [(IOU, "better", "behind"), (DROP, "behind", "better")])
def test_the_direction_of_the_metric_says_who_is_better(metric: Measure, low: str, high: str) -> None:
    found = beside(*(row(t, iou=s, drop=s) for t, s in (("low", 0.3), ("same", 0.5), ("high", 0.7))), metric=metric)
    assert {title: test.verdict for title, test in found.items()} == {"low": low, "same": "open", "high": high}


def test_methods_are_corrected_together_and_controls_by_themselves() -> None:
    methods = [row(title, iou=0.5 - 0.004 * place) for place, title in enumerate("abcdef", 1)]
    controls = [row("x", control=True, iou=0.49), row("y", control=True, iou=0.52)]
    found = beside(*methods[:3], *controls, *methods[3:])
    for family in (methods, controls):
        raw = [Difference.of(FOUND.held_out["iou"].scores, one.held_out["iou"].scores).p for one in family]
        assert [found[one.title].corrected for one in family] == pytest.approx(holm(raw))
    assert [test.control for test in found.values()] == [False] * 3 + [True] * 2 + [False] * 3
    assert {t: v.corrected for t, v in beside(*methods).items()} == {
        one.title: found[one.title].corrected for one in methods
    }


def test_the_verdict_is_that_of_paired_t_tests_where_nothing_is_close() -> None:
    rows = [row(f"method {place}", iou=shift) for place, shift in enumerate((0.2, 0.35, 0.44, 0.56, 0.7))]
    p = holm([float(ttest_rel(FOUND.held_out["iou"].scores, one.held_out["iou"].scores).pvalue) for one in rows])
    expected = ["open" if q >= 0.05 else "better" if place < 3 else "behind" for place, q in enumerate(p)]
    assert [test.verdict for test in beside(*rows).values()] == expected


def test_marks_are_characters_of_every_terminal() -> None:
    assert all(mark.isascii() and mark.isprintable() and len(mark) == 1 for mark in MARKS.values())
    assert len(set(MARKS.values())) == 3


def test_a_table_with_gaps_is_written_in_every_form() -> None:
    rows = [row("whole", iou=0.4, drop=0.6), row("gap", drop=0.5), FOUND]
    lines = list(csv.DictReader(io.StringIO(table_as_csv(rows, [IOU, DROP]))))
    assert [(line["method"], line["metric"]) for line in lines if line["pictures"] == "held out"] == [
        *(("whole", "iou"), ("whole", "drop")),
        ("gap", "drop"),
        *(("found", "iou"), ("found", "drop")),
    ]
    assert "gap & $-$ & $-$ &" in table_as_latex(rows, [IOU, DROP])
    assert value_text(rows[1].mean("held_out", IOU), IOU) == "-"
    assert [is_best(one, rows, "held_out", IOU) for one in rows] == [False, False, True]
