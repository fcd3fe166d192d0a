"""The tables of a comparison as CSV and LaTeX. Nothing in the summary depends on the machine's speed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
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


SUMMARY = ("task", "strategy", "quantity", "at", "value", "low", "high")

Line = tuple[str, str, str, str, float, float, float]
"""Of the summary."""

NO_INTERVAL = (math.nan, math.nan)


def summary_csv(found: Findings) -> str:
    """One number a line: task, strategy, what it is, at which share or target or size, its interval."""
    lines = [*_of_budgets(found), *_of_targets(found), *_of_pairs(found), *_of_fronts(found), *_of_others(found)]
    return _csv(SUMMARY, lines)


def _of_budgets(found: Findings) -> Iterator[Line]:
    for one in found.budgets:
        name, at = found.measures.tasks[one.task].name, f"{one.share:g}"
        yield name, one.strategy, "trials with a score", at, one.found, *NO_INTERVAL
        yield name, one.strategy, "median", at, one.median, *one.median_interval
        yield name, one.strategy, "interquartile mean", at, one.iqm, *one.iqm_interval
        yield name, one.strategy, "worst seed", at, one.worst, *NO_INTERVAL
        yield name, one.strategy, "held out, median", at, one.held_out, *NO_INTERVAL
        yield name, one.strategy, "size, median", at, one.size, *NO_INTERVAL


def _of_targets(found: Findings) -> Iterator[Line]:
    for one in found.targets:
        name, at = found.measures.tasks[one.task].name, f"{one.target:g}"
        yield name, one.strategy, "expected running time", at, one.time, *NO_INTERVAL
        yield name, one.strategy, "successes", at, one.successes, *NO_INTERVAL
    for area in found.anytime:
        yield found.measures.tasks[area.task].name, area.strategy, "area under ECDF", "", area.area, *area.interval


def _of_pairs(found: Findings) -> Iterator[Line]:
    for pair in found.pairs:
        name, both, test = found.measures.tasks[pair.task].name, f"{pair.first} / {pair.second}", pair.improvement
        yield name, both, "probability of improvement", "", test.probability, test.low, test.high
        yield name, both, "p", "", test.p, *NO_INTERVAL
        yield name, both, "p, Holm", "", pair.corrected, *NO_INTERVAL
    for one in found.across:
        both = f"{one.first} / {one.second}"
        yield "all", both, "tasks with the better median", "", one.better, *NO_INTERVAL
        yield "all", both, "p of signed ranks", "", one.p, *NO_INTERVAL
        yield "all", both, "p of signed ranks, Holm", "", one.corrected, *NO_INTERVAL
    if found.friedman is not None:
        yield "all", "all", "p of Friedman", "", found.friedman, *NO_INTERVAL


def _of_fronts(found: Findings) -> Iterator[Line]:
    for one in found.volumes:
        yield found.measures.tasks[one.task].name, one.strategy, "hypervolume", "", one.volume, *one.interval
    for recall in found.recalls:
        name, at = found.measures.tasks[recall.task].name, str(recall.size)
        yield name, recall.strategy, "rank in the exhaustive table", at, recall.rank, *NO_INTERVAL
        yield name, recall.strategy, "trials that found its best", at, recall.best, *NO_INTERVAL
        yield name, recall.strategy, "hits of its ten best", at, recall.hits, *NO_INTERVAL


def _of_others(found: Findings) -> Iterator[Line]:
    for one in found.reliability:
        name = found.measures.tasks[one.task].name
        yield name, "all", "tau of strategies", "", one.strategies, *NO_INTERVAL
        yield name, "all", "tau of winners", "", one.winners, *NO_INTERVAL
    for counts in found.accounting:
        name = found.measures.tasks[counts.task].name
        for quantity, value in counts.counts.items():
            yield name, counts.strategy, f"{quantity}, median", "", value, *NO_INTERVAL


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
