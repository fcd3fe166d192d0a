"""Plots hold the numbers of the run."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from sygus.errors import OptionError
from sygus.export.plots import difference_plot, drawn_points, figure_bytes, figures, front_plot, score_curve
from sygus.export.record import Objective, Record


@pytest.fixture(scope="module")
def record(finished_run: Path) -> Record:
    return Record.read(str(finished_run))


def points(figure: Figure) -> set[tuple[float, float]]:
    return {tuple(point) for drawn in figure.axes[0].collections for point in np.asarray(drawn.get_offsets())}


def test_the_curve_shows_every_candidate_and_the_best_so_far(record: Record) -> None:
    figure = score_curve(record)
    assert points(figure) == {(entry.id, entry.objectives[0]) for entry in record.candidates}
    (line,) = figure.axes[0].lines
    feasible = [entry for entry in record.candidates if entry.feasible]
    best = np.minimum.accumulate([entry.objectives[0] for entry in feasible])
    assert line.get_xdata()[:-1].tolist() == [entry.id for entry in feasible]
    assert line.get_ydata()[:-1].tolist() == best.tolist()


def test_the_best_so_far_rises_where_the_objective_is_maximised(record: Record) -> None:
    objectives = (Objective("gain", "max", None), record.objectives[1])
    line = score_curve(dataclasses.replace(record, objectives=objectives)).axes[0].lines[0]
    assert (np.diff(line.get_ydata()) >= 0).all()
    assert max(e.objectives[0] for e in record.candidates if e.feasible) == line.get_ydata()[-1]


def test_the_front_is_the_best_by_size_or_the_pareto_set(record: Record) -> None:
    (line,) = front_plot(record).axes[0].lines
    assert sorted(zip(line.get_xdata(), line.get_ydata(), strict=True)) == sorted(
        (entry.size, entry.objectives[0]) for entry in record.front
    )
    pareto = front_plot(dataclasses.replace(record, ordered=False))
    assert points(pareto) == {(entry.objectives[1], entry.objectives[0]) for entry in record.candidates}
    assert pareto.axes[0].get_xlabel() == "size ↓"


def test_differences_are_paired_and_controls_left_out(record: Record) -> None:
    axes = difference_plot(record, record.measures[0]).axes[0]
    rows = [row for row in record.baselines if not row.control]
    assert [label.get_text() for label in axes.get_yticklabels()] == [row.title for row in rows]
    assert record.found_row is not None
    mine = np.array(record.found_row.held_out["average-drop"].scores)
    for row, drawn, bar in zip(rows, axes.collections, axes.lines, strict=False):
        difference = mine - np.array(row.held_out["average-drop"].scores)
        assert np.asarray(drawn.get_offsets())[:, 0] == pytest.approx(difference)
        assert bar.get_xdata()[0] == pytest.approx(difference.mean())


@pytest.mark.parametrize(("form", "magic"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_files_are_of_their_form_and_the_same_each_time(record: Record, form: str, magic: bytes) -> None:
    first, second = (figure_bytes(score_curve(record), form) for _ in range(2))
    assert first == second
    assert first.startswith(magic)


def test_unknown_forms_and_runs_without_objectives(record: Record) -> None:
    with pytest.raises(OptionError, match="use pdf, png or svg"):
        figure_bytes(score_curve(record), "bmp")
    bare = dataclasses.replace(
        record,
        objectives=(),
        candidates=tuple(dataclasses.replace(entry, objectives=()) for entry in record.candidates),
    )
    assert set(figures(bare)) == {"differences"}


def test_it_is_known_where_points_were_drawn(record: Record) -> None:
    figure = score_curve(record)
    figure_bytes(figure, "svg")
    width, height = figure.get_size_inches() * 72
    for drawn, places in zip(figure.axes[0].collections, drawn_points(figure), strict=True):
        values = np.asarray(drawn.get_offsets(), float)
        assert ((places > 0) & (places < (width, height))).all()
        for axis, sign in ((0, 1), (1, -1)):  # the second counts from the top
            slope, start = np.polyfit(values[:, axis], places[:, axis], 1)
            assert sign * slope > 0
            assert places[:, axis] == pytest.approx(slope * values[:, axis] + start, abs=1e-6)
    text = figure_bytes(figure, "svg").decode()
    *drawn, _legend = np.array(re.findall(r'<use [^>]*x="([^"]+)" y="([^"]+)" style="fill: #0072b2', text), float)
    assert drawn
    for place in drawn:
        assert np.abs(drawn_points(figure)[0] - place).max(axis=1).min() < 1e-3
    assert len(drawn) == len(drawn_points(figure)[0])
