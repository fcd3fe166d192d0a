"""Figures of a comparison: best so far, ECDF, and the front of score and size. Colours are Okabe and Ito's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sygus.export.contest.findings import Findings
from sygus.export.contest.measures import Measures
from sygus.export.contest.numbers import DECADES, Floats, reached
from sygus.export.plots import BLACK, plain, plain_figure
from sygus.export.tables import arrow

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#222222")
LINES = ("-", "--", "-.", ":")
POINTS = 200
"""Of a curve."""

CURVE = (4.6, 3.2)
TITLE = 50
"""Letters over a figure."""


def figures(found: Findings) -> Mapping[str, Figure]:
    """Every figure, by file stem."""
    measures = found.measures
    plots: dict[str, Figure] = {}
    for task in range(len(measures.tasks)):
        plots[f"best-so-far-{task + 1}"] = best_so_far(measures, task)
        plots[f"front-{task + 1}"] = front_figure(found, task)
    plots["ecdf"] = ecdf(measures)
    return plots


def best_so_far(measures: Measures, task: int) -> Figure:
    """The median over the seeds with the interquartile band, every seed thin."""
    about, grid = measures.tasks[task], _grid(measures)
    figure, axes = plain_figure(CURVE)
    _logarithmic(axes, grid)
    for strategy, style in styles(measures.strategies):
        curves = np.array([_curve(measures, task, strategy, seed, grid) for seed in measures.contest.protocol.seeds])
        for curve in curves:
            axes.plot(grid, about.sign * curve, linewidth=0.4, alpha=0.35, color=style["color"])
        low, middle, high = _quartiles(curves)
        axes.fill_between(grid, about.sign * low, about.sign * high, alpha=0.18, color=style["color"], linewidth=0)
        axes.plot(grid, about.sign * middle, linewidth=1.8, label=plain(strategy), **style)
    if about.reference is not None:
        axes.axhline(about.reference, color=BLACK, linewidth=0.8, linestyle=":")
        axes.annotate("Grad-CAM", (grid[0], about.reference), fontsize=7.5, va="bottom")
    _limit(axes, measures, task)
    axes.set_xlabel(_spent(measures))
    unit = f" {about.unit}" if about.unit else ""
    axes.set_ylabel(f"{plain(about.metric)}{unit} {arrow(about)}")
    axes.set_title(plain(about.name, TITLE), fontsize=9)
    legend(axes)
    return figure


def ecdf(measures: Measures) -> Figure:
    """The share of trials and targets that each strategy has reached, over all tasks."""
    grid = _grid(measures)
    figure, axes = plain_figure(CURVE)
    for strategy, style in styles(measures.strategies):
        hits = np.concatenate([measures.hits(task, strategy) for task in range(len(measures.tasks))])
        axes.plot(grid, reached(hits, grid), linewidth=1.8, label=plain(strategy), drawstyle="steps-post", **style)
    _logarithmic(axes, grid)
    axes.set_ylim(0, 1)
    axes.set_xlabel(_spent(measures))
    axes.set_ylabel("share of trials and targets reached")
    legend(axes)
    return figure


def front_figure(found: Findings, task: int) -> Figure:
    """The fronts of all trials by score and size, and the front over all."""
    measures = found.measures
    about = measures.tasks[task]
    figure, axes = plain_figure(CURVE)
    for strategy, style in styles(measures.strategies):
        entries = [one for trial in measures.contest.of(task, strategy) for one in trial.front]
        x, y = [one.size for one in entries], [one.score for one in entries]
        axes.scatter(x, y, s=9, alpha=0.45, color=style["color"], linewidths=0, label=plain(strategy))
    points = [one for one in found.front if one.task == task]
    axes.plot([p.size for p in points], [p.score for p in points], color=BLACK, linewidth=0.9, drawstyle="steps-post")
    _limit(axes, measures, task)
    unit = f" {about.unit}" if about.unit else ""
    axes.set_xlabel("size in nodes")
    axes.set_ylabel(f"{plain(about.metric)}{unit} {arrow(about)}")
    axes.set_title(plain(about.name, TITLE), fontsize=9)
    legend(axes)
    return figure


def legend(axes: Axes) -> None:
    """The legend, beside the axes where it would cover them."""
    _, labels = axes.get_legend_handles_labels()
    where: dict[str, Any] = {} if len(labels) <= MOST_INSIDE else {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
    axes.legend(fontsize=7.5, frameon=False, **where)


MOST_INSIDE = 6
"""Labels of a legend that stands among the curves."""


def styles(strategies: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """A colour and a kind of line for each strategy."""
    lines = [(colour, line) for line in LINES for colour in COLOURS]
    return [
        (strategy, {"color": colour, "linestyle": line})
        for strategy, (colour, line) in zip(strategies, cycle(lines), strict=False)
    ]


def _grid(measures: Measures) -> Floats:
    """Where curves are drawn: what was spent, from a hundredth of the budget."""
    found: Floats = np.geomspace(max(1.0, measures.limit / DECADES), measures.limit, POINTS)
    return found


def _curve(measures: Measures, task: int, strategy: str, seed: int, grid: Floats) -> Floats:
    """A trial's best cost when so much is spent, infinite before the first."""
    (trial,) = (one for one in measures.contest.of(task, strategy) if one.seed == seed)
    points = measures.within(trial)
    costs = np.array([np.inf, *(measures.tasks[task].sign * point.score for point in points)])
    places = np.searchsorted([measures.spent(point) for point in points], grid, side="right")
    found: Floats = costs[places]
    return found


def _quartiles(curves: Floats) -> tuple[Floats, Floats, Floats]:
    """Along the trials; NaN, which is not drawn, where one is infinite."""
    with np.errstate(invalid="ignore"):
        low, middle, high = np.quantile(curves, (0.25, 0.5, 0.75), axis=0, method="inverted_cdf")
    low, middle, high = (np.where(np.isfinite(one), one, np.nan) for one in (low, middle, high))
    return low, middle, high


def _logarithmic(axes: Axes, grid: Floats) -> None:
    """Of what was spent, with few and plain numbers at the axis."""
    axes.set_xscale("log", subs=[2, 5])
    axes.set_xlim(grid[0], grid[-1])
    for axis_ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis_ticks(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _limit(axes: Axes, measures: Measures, task: int) -> None:
    """Show the range from the best to a little beyond the anchor: first scores may be far worse."""
    scale = measures.scales[task]
    ends = sorted((scale.score(-0.1), scale.score(1.5)))
    if ends[0] < ends[1]:
        axes.set_ylim(*ends)


def _spent(measures: Measures) -> str:
    return "masked passes of single pictures" if measures.contest.protocol.unit == "passes" else "terms scored"
