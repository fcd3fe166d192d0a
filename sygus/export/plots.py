"""Plots of a run: score by candidate, score by size or the Pareto set, differences to each baseline picture by picture.

Colours are those of Okabe and Ito, told apart with every kind of colour vision; shapes differ too.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sygus.errors import OptionError
from sygus.export.finalists import Entry
from sygus.export.record import Measure, Record
from sygus.export.tables import arrow

BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#767676", "#222222"
SIZE = (4.2, 2.9)
"""Inches: readable on a narrow screen, a column wide in print."""

LONGEST = 28
"""Letters of a name beside an axis."""

MANY = 2000
"""More points than these are drawn as pixels."""


def score_curve(record: Record) -> Figure:
    """The first objective of each candidate in the order of the proposals, and the best so far that is feasible."""
    sign = -1 if record.objectives[0].direction == "max" else 1
    figure, axes = plain_figure(SIZE)
    _points(axes, record.candidates, lambda entry: entry.id)
    feasible = [entry for entry in record.candidates if entry.feasible]
    best = [sign * value for value in accumulate((sign * entry.objectives[0] for entry in feasible), min)]
    if feasible:
        last = max(entry.id for entry in record.candidates)
        axes.step([*(e.id for e in feasible), last], [*best, best[-1]], where="post", color=ORANGE, label="best so far")
    axes.set_xlabel("proposal")
    axes.set_ylabel(_label(record, 0))
    _legend(axes)
    return figure


def front_plot(record: Record) -> Figure:
    """The first objective by size with the best of each size; or two objectives with their Pareto set."""
    figure, axes = plain_figure(SIZE)
    pareto = not record.ordered and len(record.objectives) > 1
    along: Callable[[Entry], float] = (lambda entry: entry.objectives[1]) if pareto else (lambda entry: entry.size)
    _points(axes, record.candidates, along)
    front = sorted(record.front, key=along)
    style: dict[str, Any] = {"color": ORANGE, "marker": "D", "markersize": 5, "linewidth": 1.5}
    name = "Pareto set" if pareto else "best by size"
    axes.plot([along(e) for e in front], [e.objectives[0] for e in front], linestyle="--", label=name, **style)
    if all(float(along(entry)).is_integer() for entry in record.candidates):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(_label(record, 1) if pareto else "size in nodes")
    axes.set_ylabel(_label(record, 0))
    _legend(axes)
    return figure


def difference_plot(record: Record, measure: Measure) -> Figure:
    """Found expression minus each baseline, picture by picture, on the held-out pictures; a bar marks the mean."""
    found = record.found_row
    assert found is not None
    rows = [row for row in record.baselines if not row.control and measure.name in row.held_out]
    mine = np.array(found.held_out[measure.name].scores)
    differences = [mine - np.array(row.held_out[measure.name].scores) for row in rows]
    figure, axes = plain_figure((SIZE[0], 0.7 + 0.3 * len(rows)))
    jitter, many = np.random.default_rng(0), len(rows) * len(mine) > MANY
    better = -1 if measure.direction == "min" else 1
    for place, values in enumerate(differences):
        height = place + jitter.uniform(-0.25, 0.25, len(values))
        colours = np.where(better * values > 0, BLUE, np.where(values == 0, GREY, ORANGE))
        axes.scatter(values, height, s=6, c=colours, alpha=0.5, linewidths=0, rasterized=many)
        axes.plot([values.mean()] * 2, [place - 0.38, place + 0.38], color=BLACK, linewidth=2)
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [plain(row.title) for row in rows])
    axes.invert_yaxis()
    unit = f" {measure.unit}" if measure.unit else ""
    axes.set_xlabel(f"difference in {plain(measure.name + unit)}\nblue: the found expression is better")
    return figure


def figures(record: Record) -> Mapping[str, Figure]:
    """Every plot that the record has, by file stem."""
    plots: dict[str, Figure] = {}
    if record.objectives and record.candidates:
        plots |= {"curve": score_curve(record), "front": front_plot(record)}
    if record.found is not None:
        for index, measure in enumerate(record.measures):
            plots[f"differences{index + 1 if index else ''}"] = difference_plot(record, measure)
    return plots


def drawn_points(figure: Figure) -> list[NDArray[np.float64]]:
    """Where the points of a plot are, once :func:`figure_bytes` has drawn it.

    Returns:
        For each series (n, 2), in points of 1/72 inch from the left and the top of the figure.
    """
    axes = figure.axes[0]
    width, height = figure.get_size_inches() * 72
    series = []
    for drawn in axes.collections:
        shares = axes.transData.transform(np.asarray(drawn.get_offsets(), float)) / figure.bbox.size
        series.append(np.column_stack([shares[:, 0] * width, (1 - shares[:, 1]) * height]))
    return series


def figure_bytes(figure: Figure, form: str) -> bytes:
    """The figure as ``pdf``, ``png`` or ``svg``, the same bytes for the same figure.

    Raises:
        OptionError: another form.
    """
    if form not in ("pdf", "png", "svg"):
        raise OptionError(f"unknown form of figures '{form}'", "use pdf, png or svg")
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[form]
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "sycam-sygus"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # shown as a box
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def plain_figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """An empty figure of so many inches, with two axes."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8.5)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    return figure, axes


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """As the plots draw candidates: first those that meet the constraints, then the others."""
    return sorted(entries, key=lambda entry: not entry.feasible)


def _points(axes: Axes, entries: Sequence[Entry], along: Callable[[Entry], float]) -> None:
    """Every candidate; those that break a constraint as crosses."""
    for feasible, marker, colour, label in ((True, "o", BLUE, "candidate"), (False, "x", GREY, "breaks a constraint")):
        chosen = [entry for entry in in_order(entries) if entry.feasible == feasible]
        if chosen:
            x, y = [along(entry) for entry in chosen], [entry.objectives[0] for entry in chosen]
            many = len(chosen) > MANY
            axes.scatter(x, y, s=12, marker=marker, c=colour, alpha=0.6, linewidths=1, label=label, rasterized=many)


def _label(record: Record, index: int) -> str:
    objective = record.objectives[index]
    units = {measure.name: measure.unit for measure in record.measures}
    unit = units.get(objective.metric or "", "")
    return " ".join(filter(None, [plain(objective.label), unit, arrow(objective)]))


def plain(text: str, longest: int = LONGEST) -> str:
    """Text without matplotlib's mathematics, cut to what there is room for, beside an axis by default."""
    shown = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return shown.replace("$", r"\$")


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=8, frameon=False)
