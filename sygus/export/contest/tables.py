"""The tables of a comparison as CSV and LaTeX. Nothing in the summary depends on the machine's speed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

from sygus.export.contest.findings import Findings
from sygus.export.contest.trials import SHARES, Contest
from sygus.export.contest.words import number, score
from sygus.export.escaping import latex_text

IMPROVEMENTS = (
    "data_id",
    "algorithm_name",
    "algorithm_info",
    "suite",
    "function_name",
    "function_id",
    "dimension",
    "instance",
    "run_id",
    "evaluations",
    "raw_y",
    "score",
    "direction",
    "passes",
    "terms",
    "proposals",
    "size",
    "term",
)
"""Those up to ``raw_y`` are named as iohinspector names them; ``raw_y`` is a cost, so smaller is better."""


def improvements_csv(contest: Contest) -> str:
    """Every improvement of every trial, a line each, those after the budget included."""
    protocol = contest.protocol
    rows = []
    for run, trial in enumerate(contest.trials):
        task = protocol.tasks[trial.task]
        about = (run + 1, trial.strategy, "", "sycam-sygus", task.name, trial.task + 1, task.size, trial.seed)
        run_id = protocol.seeds.index(trial.seed) + 1
        for point in trial.trace:
            spent = point.passes if protocol.unit == "passes" else point.terms
            values = (run_id, spent, task.sign * point.score, point.score, task.direction)
            rows.append((*about, *values, point.passes, point.terms, point.proposals, point.size, point.term))
    return _csv(IMPROVEMENTS, rows)


def summary_csv(found: Findings) -> str:
    """One number a line: task, strategy, what it is, at which share or target, its interval."""
    tasks = found.measures.tasks
    rows: list[Sequence[Any]] = []
    for one in found.budgets:
        about = (tasks[one.task].name, one.strategy)
        at = f"{one.share:g}"
        rows += [
            (*about, "trials with a score", at, one.found, math.nan, math.nan),
            (*about, "median", at, one.median, *one.median_interval),
            (*about, "interquartile mean", at, one.iqm, *one.iqm_interval),
            (*about, "worst seed", at, one.worst, math.nan, math.nan),
            (*about, "held out, median", at, one.held_out, math.nan, math.nan),
            (*about, "size, median", at, one.size, math.nan, math.nan),
        ]
    for target in found.targets:
        about = (tasks[target.task].name, target.strategy)
        at = f"{target.target:g}"
        rows += [
            (*about, "expected running time", at, target.time, math.nan, math.nan),
            (*about, "successes", at, target.successes, math.nan, math.nan),
        ]
    for area in found.anytime:
        rows.append((tasks[area.task].name, area.strategy, "area under ECDF", "", area.area, *area.interval))
    for pair in found.pairs:
        about = (tasks[pair.task].name, f"{pair.first} / {pair.second}")
        test = pair.improvement
        rows += [
            (*about, "probability of improvement", "", test.probability, test.low, test.high),
            (*about, "p", "", test.p, math.nan, math.nan),
            (*about, "p, Holm", "", pair.corrected, math.nan, math.nan),
        ]
    for across in found.across:
        about = ("all", f"{across.first} / {across.second}")
        rows += [
            (*about, "tasks with the better median", "", across.better, math.nan, math.nan),
            (*about, "p of signed ranks", "", across.p, math.nan, math.nan),
            (*about, "p of signed ranks, Holm", "", across.corrected, math.nan, math.nan),
        ]
    for volume in found.volumes:
        rows.append((tasks[volume.task].name, volume.strategy, "hypervolume", "", volume.volume, *volume.interval))
    for recall in found.recalls:
        about = (tasks[recall.task].name, recall.strategy)
        rows += [
            (*about, "rank in the exhaustive table", f"{recall.size}", recall.rank, math.nan, math.nan),
            (*about, "trials that found its best", f"{recall.size}", recall.best, math.nan, math.nan),
            (*about, "hits of its ten best", f"{recall.size}", recall.hits, math.nan, math.nan),
        ]
    for one_half in found.reliability:
        rows += [
            (tasks[one_half.task].name, "all", "tau of strategies", "", one_half.strategies, math.nan, math.nan),
            (tasks[one_half.task].name, "all", "tau of winners", "", one_half.winners, math.nan, math.nan),
        ]
    for counts in found.accounting:
        about = (tasks[counts.task].name, counts.strategy)
        rows += [(*about, f"{name}, median", "", value, math.nan, math.nan) for name, value in counts.counts.items()]
    return _csv(("task", "strategy", "quantity", "at", "value", "low", "high"), rows)


def costs_csv(contest: Contest) -> str:
    """What each trial cost on the machine that ran it."""
    names = dict.fromkeys(name for trial in contest.trials for name in trial.costs)
    rows = [
        (contest.protocol.tasks[trial.task].name, trial.strategy, trial.seed, *(trial.costs.get(n) for n in names))
        for trial in contest.trials
    ]
    return _csv(("task", "strategy", "seed", *names), rows)


def table_latex(found: Findings) -> str:
    """Booktabs tables, one for each task: the median with its interval at each share of the budget, and the end."""
    blocks = [_latex_of(found, task) for task in range(len(found.measures.tasks))]
    return "% needs \\usepackage{booktabs}\n" + "\n\\medskip\n\n".join(blocks)


def _latex_of(found: Findings, task: int) -> str:
    about = found.measures.tasks[task]
    direction = r"$\downarrow$" if about.direction == "min" else r"$\uparrow$"
    unit = f" {latex_text(about.unit)}" if about.unit else ""
    title = f"{latex_text(about.name)}: {latex_text(about.metric)}{unit} {direction}"
    heads = [rf"{share * 100:.0f}\,\%" for share in SHARES]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(SHARES) + 4)}}}",
        r"\toprule",
        rf"\multicolumn{{{len(SHARES) + 5}}}{{l}}{{{title}}} \\",
        " & ".join(["strategy", *heads, "IQM", "worst", "held out", "AUC"]) + r" \\",
        r"\midrule",
    ]
    areas = {one.strategy: one.area for one in found.anytime if one.task == task}
    for strategy in found.measures.strategies:
        rows = [one for one in found.budgets if one.task == task and one.strategy == strategy]
        cells = [_with_interval(one.median, one.median_interval, about.unit) for one in rows]
        last = rows[-1]
        cells += [score(value, about.unit) for value in (last.iqm, last.worst, last.held_out)]
        cells.append(number(areas[strategy]))
        lines.append(" & ".join([latex_text(strategy), *(cell.replace("-", "$-$") for cell in cells)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _with_interval(value: float, ends: tuple[float, float], unit: str) -> str:
    if not all(map(math.isfinite, ends)):
        return score(value, unit)
    return f"{score(value, unit)} [{score(ends[0], unit)}, {score(ends[1], unit)}]"


def _csv(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A value as it stands in a file, nothing for what is no number.

    A spreadsheet takes a text that begins so for a formula, and names come from other people's files.
    """
    if isinstance(value, str):
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    return "" if value is None or math.isnan(value) else value
