"""The report of a comparison: one page, CSV, LaTeX and figures in its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from sygus.errors import counted
from sygus.export.contest.figures import figures
from sygus.export.contest.findings import AtBudget, Findings, Pair, findings
from sygus.export.contest.measures import NAMED_TARGETS
from sygus.export.contest.page import Cell, Section, Table, numeric, page
from sygus.export.contest.tables import costs_csv, improvements_csv, summary_csv, table_latex
from sygus.export.contest.trials import SHARES, Contest
from sygus.export.contest.words import number, paragraph, score
from sygus.export.plots import figure_bytes
from sygus.export.tables import arrow
from sygus.writing import make_folder, write_file

PAGE = "report.html"
SUMMARY = "summary.csv"
FORMS = ("pdf",)
"""Of the figures."""


def write_report(contest: Contest, folder: Path) -> Findings:
    """Write everything into a folder.

    Args:
        contest: whose trials are all there.
        folder: of the comparison, or another one.

    Returns:
        What was found.

    Raises:
        WriteError: it cannot be written.
    """
    found = findings(contest)
    plots = figures(found)
    make_folder(folder, "--out")
    texts = {
        SUMMARY: summary_csv(found),
        "improvements.csv": improvements_csv(contest),
        "costs.csv": costs_csv(contest),
        "table.tex": table_latex(found),
        PAGE: report_page(found, plots),
    }
    for name, text in texts.items():
        write_file(folder / name, text)
    for name, figure in plots.items():
        for form in FORMS:
            write_file(make_folder(folder / "figures", "--out") / f"{name}.{form}", figure_bytes(figure, form))
    return found


def report_page(found: Findings, plots: Mapping[str, Figure]) -> str:
    """The page."""
    measures = found.measures
    title = f"{', '.join(measures.strategies)} on {counted(len(measures.tasks), 'task')}"
    sections = [
        _curves(found, plots),
        _budgets(found),
        _targets(found, plots),
        _pairs(found),
        _fronts(found, plots),
        _recalls(found),
        _reliability(found),
        _accounting(found),
        _costs(found),
        _protocol(found),
    ]
    return page(title, paragraph(found), sections)


def _curves(found: Findings, plots: Mapping[str, Figure]) -> Section:
    caption = (
        "Best score so far: the median over the seeds, the band of the middle half, and every seed. The terms of "
        "a batch are charged one after another."
    )
    tasks = range(len(found.measures.tasks))
    return Section("curves", "Best so far", (), (), [(plots[f"best-so-far-{task + 1}"], caption) for task in tasks])


def _budgets(found: Findings) -> Section:
    prose = (
        "Scores on the search pictures when a share of the budget is spent, with bootstrap 95 % intervals over the "
        "seeds: the median, the interquartile mean (IQM), the worst seed. Held out is the median of the leaders' "
        "scores on pictures that no search saw: what they lose from one to the other is the winner's curse.",
    )
    tables = []
    for index, task in enumerate(found.measures.tasks):
        rows = [one for one in found.budgets if one.task == index]
        best = {share: _best(rows, share, task.sign) for share in SHARES}

        def shown(value: float, unit: str = task.unit) -> str:
            return score(value, unit)

        cells = [
            (
                Cell(one.strategy),
                numeric(100 * one.share, lambda value: f"{value:.0f} %"),
                numeric(one.median, shown, one.median_interval, best=one.median == best[one.share]),
                numeric(one.iqm, shown, one.iqm_interval),
                numeric(one.worst, shown),
                numeric(one.held_out, shown),
                numeric(one.size, number),
                numeric(one.found, number),
            )
            for one in rows
        ]
        reference = "" if task.reference is None else f"; Grad-CAM {shown(task.reference)}"
        if task.reference_held_out is not None:
            reference += f", held out {shown(task.reference_held_out)}"
        caption = f"{task.name}: {task.metric} {task.unit} {arrow(task)}{reference}"
        heads = ("strategy", "budget", "median", "IQM", "worst", "held out", "size", "trials with a score")
        tables.append(Table(caption, heads, cells))
    return Section("budgets", "Fixed budget", prose, tables)


def _best(rows: Sequence[AtBudget], share: float, sign: int) -> float:
    return sign * min(sign * one.median for one in rows if one.share == share)


def _targets(found: Findings, plots: Mapping[str, Figure]) -> Section:
    measures = found.measures
    unit = measures.contest.protocol.unit
    anchors = ", ".join(
        f"{task.name}: {'Grad-CAM' if scale.by_reference else 'the worst first score'} "
        f"{score(scale.anchor, task.unit)} to {score(scale.best, task.unit)}"
        for task, scale in zip(measures.tasks, measures.scales, strict=True)
    )
    prose = (
        f"Targets are regrets: 0 is the best score known of a task, 1 the anchor ({anchors}). The expected running "
        "time counts what trials that miss a target have spent; beside it how many reached it. The area is that under "
        "the share of trials and of 51 targets (regrets from 1 to 0.01) reached, on a logarithmic axis from 1 % of "
        "the budget.",
    )
    areas = {(one.task, one.strategy): one for one in found.anytime}
    rows = []
    for (task, strategy), area in areas.items():
        times = [one for one in found.targets if (one.task, one.strategy) == (task, strategy)]
        cells = [
            Cell(number(one.time, 4), one.time, f"{one.successes}/{one.trials}")
            for one in sorted(times, key=lambda one: -one.target)
        ]
        about = (Cell(strategy), Cell(measures.tasks[task].name))
        rows.append((*about, *cells, numeric(area.area, number, area.interval)))
    heads = ("strategy", "task", *(f"regret {target:g}" for target in NAMED_TARGETS), "area under ECDF")
    table = Table(f"Expected running time, in {unit}", heads, rows, texts=2)
    caption = "The share of trials and targets reached, over all tasks."
    return Section("targets", "Fixed target", prose, [table], [(plots["ecdf"], caption)])


def _pairs(found: Findings) -> Section:
    tasks = found.measures.tasks
    prose = [
        "The probability that a trial of the first strategy ends better than one of the second (A12, ties half), with "
        "its bootstrap 95 % interval, and the Mann-Whitney test, corrected by Holm's method over all pairs and tasks. "
        "Within a task the trials are the seeds; those of a strategy without chance are one, against which the sign "
        "test is made. Over tasks the blocks are the tasks.",
    ]
    rows = [
        (
            Cell(pair.first),
            Cell(pair.second),
            Cell(tasks[pair.task].name),
            Cell(_verdict(pair)),
            numeric(pair.improvement.probability, number, (pair.improvement.low, pair.improvement.high)),
            numeric(pair.improvement.p, lambda value: number(value, 2)),
            numeric(pair.corrected, lambda value: number(value, 2)),
        )
        for pair in found.pairs
    ]
    heads = ("first", "second", "task", "verdict at 5 %", "P(first better)", "p", "p, Holm")
    tables = [Table("Pairs of strategies within a task", heads, rows, texts=4)] if rows else []
    if found.across:
        over = [
            (
                Cell(one.first),
                Cell(one.second),
                numeric(one.better, number),
                numeric(one.tasks, number),
                numeric(one.p, lambda value: number(value, 2)),
                numeric(one.corrected, lambda value: number(value, 2)),
            )
            for one in found.across
        ]
        caption = "Over tasks: Wilcoxon's signed ranks of the median regrets"
        over_heads = ("first", "second", "tasks with the better median", "tasks", "p", "p, Holm")
        tables.append(Table(caption, over_heads, over, texts=2))
    if found.friedman is not None:
        prose.append(f"Friedman's test that all strategies are alike, over the tasks: p = {number(found.friedman, 2)}.")
    return Section("pairs", "Who is better", prose, tables)


def _verdict(pair: Pair) -> str:
    if math.isnan(pair.corrected):
        return "no chance in either, so no test"
    return f"{pair.verdict} better" if pair.verdict else "not told apart"


def _fronts(found: Findings, plots: Mapping[str, Figure]) -> Section:
    measures = found.measures
    prose = (
        "Smaller expressions are worth more. The hypervolume is of each trial's front of regret and size, as shares "
        "of the anchor and of the largest size; the front over all trials names in how many trials of whom each "
        "point was found.",
    )
    rows = [
        (
            Cell(one.strategy),
            Cell(measures.tasks[one.task].name),
            numeric(one.volume, number, one.interval),
        )
        for one in found.volumes
    ]
    tables = [Table("Hypervolume, the median over the seeds", ("strategy", "task", "hypervolume"), rows, texts=2)]
    points = [
        (
            Cell(measures.tasks[one.task].name),
            numeric(one.score, lambda value, unit=measures.tasks[one.task].unit: score(value, unit)),  # type: ignore[misc]
            numeric(one.size, number),
            Cell(", ".join(f"{name} {count}" for name, count in one.by.items())),
            Cell(one.term, code=True),
        )
        for one in found.front
    ]
    tables.append(Table("The front over all trials", ("task", "score", "size", "found by", "expression"), points))
    caption = "Fronts of all trials by score and size; the line is the front over all."
    tasks = range(len(measures.tasks))
    return Section("fronts", "Score and size", prose, tables, [(plots[f"front-{task + 1}"], caption) for task in tasks])


def _recalls(found: Findings) -> Section:
    if not found.recalls:
        return Section("recalls", "Beside the exhaustive table")
    prose = (
        "Every class of expressions up to a size was scored in full. The rank is how many of them are better than a "
        "trial's winner, plus one; hits are how many of the ten best are among the trial's hundred best. A winner may "
        "be larger than the table goes.",
    )
    rows = [
        (
            Cell(one.strategy),
            Cell(found.measures.tasks[one.task].name),
            numeric(one.size, number),
            numeric(one.classes, lambda value: f"{value:,.0f}"),
            numeric(one.rank, number),
            numeric(one.best, number),
            numeric(one.beyond, number),
            numeric(one.hits, lambda value: f"{value:.0%}"),
        )
        for one in found.recalls
    ]
    heads = (
        "strategy",
        "task",
        "up to size",
        "classes",
        "median rank",
        "trials at rank 1",
        "winners beyond it",
        "hits of the ten best",
    )
    table = Table("The winners' ranks in the exhaustive table", heads, rows, texts=2)
    return Section("recalls", "Beside the exhaustive table", prose, [table])


def _reliability(found: Findings) -> Section:
    prose = (
        "How far the metric can be trusted to rank: the held-out pictures are split into random halves, and Kendall's "
        "τ says how well the rankings by the two agree, of strategies (by the median of their winners) and of the "
        "distinct winners themselves. 1 is full agreement, 0 none.",
    )
    rows = [
        (
            Cell(found.measures.tasks[one.task].name),
            numeric(one.strategies, number),
            numeric(one.winners, number),
            numeric(one.count, number),
        )
        for one in found.reliability
    ]
    table = Table(
        "Agreement of halves of the held-out pictures", ("task", "strategies", "winners", "winners counted"), rows
    )
    return Section("reliability", "Reliability of the metric", prose if rows else (), [table] if rows else [])


def _accounting(found: Findings) -> Section:
    names = list(dict.fromkeys(name for one in found.accounting for name in one.counts))
    rows = [
        (
            Cell(one.strategy),
            Cell(found.measures.tasks[one.task].name),
            *(numeric(one.counts.get(name, 0), lambda value: f"{value:,.0f}") for name in names),
        )
        for one in found.accounting
    ]
    cache = found.measures.contest.protocol.conditions.get("cache")
    prose = (
        f"What became of the proposals, the median over the seeds. Cache policy: {cache}. Passes are those that the "
        "scores stand for, whether a trial made them itself or another one had; the last batch may overrun the "
        "budget, and what it found does not count.",
    )
    return Section(
        "accounting", "Accounting", prose, [Table("Medians over the seeds", ("strategy", "task", *names), rows, 2)]
    )


def _costs(found: Findings) -> Section:
    names = list(dict.fromkeys(name for one in found.accounting for name in one.costs))
    rows = [
        (
            Cell(one.strategy),
            Cell(found.measures.tasks[one.task].name),
            *(numeric(one.costs.get(name, float("nan")), lambda value: number(value, 4)) for name in names),
        )
        for one in found.accounting
    ]
    prose = (
        "What a trial took on the machine that ran it, the median over the seeds; with the shared cache, less than it "
        "would have taken alone, by the passes that others had made. Seconds without those of scoring are the "
        "learner's own, and those of drawing maps.",
    )
    return Section("costs", "Costs", prose, [Table("Medians over the seeds", ("strategy", "task", *names), rows, 2)])


def _protocol(found: Findings) -> Section:
    protocol = found.measures.contest.protocol
    conditions = {name: _flat(value) for name, value in protocol.conditions.items()}
    lines = {
        "digest": protocol.digest,
        "budget": f"{protocol.limit:,} {protocol.unit}",
        "seeds": f"{len(protocol.seeds)}, from {protocol.seeds[0]} to {protocol.seeds[-1]}",
        **conditions,
        **{f"code of {name}": code for name, code in protocol.strategies.items()},
        "exhaustive table": f"up to size {protocol.exhaustive}" if protocol.exhaustive else "none",
    }
    for task, grounds in zip(protocol.tasks, protocol.grounds, strict=True):
        for name, value in grounds.items():
            shown = _flat(value)
            lines[f"{task.name}: {name}"] = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    rows = [(Cell(name), Cell(value)) for name, value in lines.items()]
    return Section("protocol", "Protocol", (), [Table("What the results depend on", ("what", "value"), rows, 2)])


_SHOWN = 400
"""Characters of a value; the protocol's file has all of it."""


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_flat(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(_flat, value))
    return str(value)
