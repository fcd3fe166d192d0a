"""What the command line shows on stderr: progress while a run goes, and tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from solvers.cam.archive import Judged
from solvers.cam.budget import Spending
from solvers.cam.learner import Fate
from solvers.cam.run import Progress
from solvers.cam.solution import Solution
from sygus.app.terminal import duration, printable
from sygus.errors import WARNING, counted
from sygus.export.finalists import SEEN
from sygus.export.record import Record
from sygus.export.tables import LEFT_OUT, MARKS, PARTS, Compared, Row, Scale, arrow, is_best, value_text
from sygus.language.text import term_text
from sygus.saliency.progress import reported_to
from sygus.statistics import Mean

PLAIN_INTERVAL = 5.0
"""Seconds between lines where stderr is no terminal."""

ROOM = 8
"""Lines that the front may take of a terminal."""


class Display:
    """Says how far long work is: on a terminal live, elsewhere in a plain line every few seconds.

    Args:
        console: where to.
        quiet: whether to show nothing.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet
        self.live = None if quiet or not console.is_terminal else Live(console=console, transient=True)
        self.last = -PLAIN_INTERVAL
        self.listening = ExitStack()
        self.work: dict[str, str] = {}  # lines by what is done, the outermost first
        self.above: list[str] = []
        """What stays above it: what a search had spent when the work began."""

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.start()
        self.listening.enter_context(reported_to(self.working))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listening.close()
        if self.live is not None:
            self.live.stop()

    def working(self, title: str, done: int, total: int, left: float | None = None) -> None:
        """Show how far something is, below what it is a part of.

        Args:
            title: what is done.
            done: how much of it.
            total: how much there is.
            left: seconds that the rest will take, where that is known.
        """
        titles = list(self.work)
        for inner in titles[titles.index(title) :] if title in self.work else ():
            del self.work[inner]
        if done < total:
            rest = "" if left is None else f", about {duration(left)} left"
            self.work[title] = f"{title}: {done} of {total}{rest}"
        if self.work:
            self.show([*self.above, *self.work.values()])

    def show(self, lines: Sequence[str], below: Sequence[Text] = ()) -> None:
        """Show lines in place of the last.

        Args:
            lines: everywhere.
            below: beneath them, on a terminal only.
        """
        if self.quiet:
            return
        if self.live is not None:
            self.live.update(Group(*(_text(line, overflow="ellipsis", no_wrap=True) for line in lines), *below))
        elif time.monotonic() - self.last >= PLAIN_INTERVAL:
            self.last = time.monotonic()
            self.console.print(printable(" | ".join(lines)), soft_wrap=True, markup=False, highlight=False)


class ProgressDisplay(Display):
    """The state of a run.

    Args:
        console: where to.
        goals: the labels of the objectives.
        quiet: whether to show nothing.
        verbose: whether each new best gets a line that stays.
    """

    def __init__(self, console: Console, goals: Sequence[str], quiet: bool, verbose: bool = False) -> None:
        super().__init__(console, quiet)
        self.goals = goals
        self.verbose = verbose
        self.leader: Judged | None = None

    def __call__(self, progress: Progress) -> None:
        """Show it."""
        if self.quiet:
            return
        if self.verbose and progress.leader is not None and progress.leader is not self.leader:
            self.leader = progress.leader
            line = f"{progress.spending.seconds:.1f} s: new best: {self._values(progress.leader)}"
            self.console.print(printable(line), soft_wrap=True, markup=False, highlight=False)
        self.show(self._lines(progress), self._front(progress))

    def _lines(self, progress: Progress) -> list[str]:
        fates = progress.fates
        judged = ", ".join(f"{count} {OF_TERMS[fate]}" for fate, count in fates.items())
        rate = sum(fates.values()) / max(progress.spending.seconds, 1e-9)
        self.above = _budget(progress.spending, progress.learner.status().get("size"), self.console.width)
        lines = [*self.above, f"{rate:.0f} terms/s: {judged}"]
        if progress.leader is not None:
            lines.append(f"best so far: {self._values(progress.leader)}")
        return lines

    def _values(self, judged: Judged) -> str:
        values = zip(self.goals, judged.outcome.objectives, strict=True)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in values)
        return f"{shown}: {term_text(judged.term)}"

    def _front(self, progress: Progress) -> list[Text]:
        """The front's members besides the leader, as many as a terminal has room for."""
        others = [judged for judged in progress.front if judged is not progress.leader]
        if not others:
            return []
        lines = [f"  {self._values(one)}" for one in others[:ROOM]]
        if len(others) > ROOM:
            lines.append(f"  and {len(others) - ROOM} more")
        return [_text(line, overflow="ellipsis", no_wrap=True, style="dim") for line in ["on the front too:", *lines]]


OF_TERMS: Mapping[Fate, str] = {
    Fate.SCORED: "scored on all pictures",
    Fate.PRUNED: "lost a race",
    Fate.DUPLICATE: "alike",
    Fate.UNSAFE: "with unsafe divisions",
    Fate.FAILED: "maps not finite",
}
"""What became of terms, in words that stand behind their number."""


def _budget(spending: Spending, size: int | None, width: int) -> list[str]:
    """What a search has spent of its budget, and what is left, in lines of which a narrow terminal cuts nothing off."""
    budget, seconds = spending.budget, spending.seconds
    left = f" of {budget.time:.0f} s, {max(0.0, budget.time - seconds):.0f} s left" if budget.time else ""
    nodes = "" if budget.size is None else f"up to {budget.size} nodes"
    if size:  # 0 while formulas that were given are scored
        nodes = f"terms of {size} nodes" + ("" if budget.size is None else f" of at most {budget.size}")
    counts = [
        f"{spent} {name}" + ("" if limit is None else f" of {limit}")
        for name, spent, limit in (
            ("passes", spending.forwards, budget.forwards),
            ("terms scored", spending.terms, budget.terms),
        )
        if limit is not None or name == "passes"
    ]
    first, second = "; ".join(filter(None, [f"{seconds:.0f} s{left}", nodes])), "; ".join(counts)
    whole = f"{first}; {second}"
    return [whole] if len(whole) <= width else [first, second]


@contextmanager
def shown_progress(goals: Sequence[str]) -> Iterator[Callable[[Progress], None]]:
    """Shows the progress of a run on stderr.

    Args:
        goals: the labels of the objectives.

    Yields:
        What is told of the progress.
    """
    with ProgressDisplay(Console(stderr=True), goals, quiet=False) as display:
        yield display


@contextmanager
def silent(_: Sequence[str]) -> Iterator[Callable[[Progress], None]]:
    """Shows nothing of a run.

    Yields:
        What is told of the progress.
    """
    yield lambda _: None


def marked(note: str) -> str:
    """A note as it is shown: warnings say themselves that they are."""
    return note if note.startswith(WARNING) else f"note: {note}"


Tests = Mapping[str, Sequence[Compared]]
"""By the name of a metric the found expression against the other rows."""

NO_TESTS: Tests = MappingProxyType({})
NO_HEADINGS: Mapping[str, str] = MappingProxyType({})

NARROW = 2
"""So many metrics are shown with their intervals; of more, the means alone."""


def show_scores(
    console: Console,
    rows: Sequence[Row],
    metrics: Sequence[Scale],
    counts: tuple[int, int],
    tests: Tests = NO_TESTS,
) -> None:
    """Print the table of scores, with intervals where the metrics are few.

    Args:
        console: where to.
        rows: the methods.
        metrics: the columns.
        counts: how many search pictures and how many held-out pictures there are.
        tests: a row's scores get a mark where it is tested.
    """
    search, held_out = counts
    if len(metrics) <= NARROW:
        titles = f"{search} search pictures", f"{held_out} held-out pictures"
        console.print(score_table(rows, metrics, *titles, tests))
        return
    console.print(f"mean score on {search} search pictures / on {held_out} held-out pictures, there the best in bold")
    for table in wide_table(rows, metrics, console.width, tests):
        console.print(table)


def score_table(
    rows: Sequence[Row],
    metrics: Sequence[Scale],
    search: str,
    held_out: str,
    tests: Tests = NO_TESTS,
) -> Table:
    """The methods by the metrics, on both sets of pictures, with the best of each column marked.

    Args:
        rows: the methods.
        metrics: the columns.
        search: what the search pictures are called.
        held_out: what the held-out pictures are called.
        tests: a row's scores get a mark where it is tested.

    Returns:
        The table.
    """
    table = Table(title="mean score with bootstrap 95 % interval", title_justify="left")
    table.add_column("method")
    for metric in metrics:
        for pictures in (search, held_out):
            table.add_column(f"{_heading(metric)}\n{pictures}", justify="right")
    for row in rows:
        cells = []
        for metric in metrics:
            for part in PARTS:
                mark = _mark(row, metric, tests) if part == "held_out" else ""
                text = _interval(row.mean(part, metric)) + mark
                cells.append(_text(text, style="bold" if is_best(row, rows, part, metric) else ""))
        table.add_row(_text(_title(row)), *cells)
    return table


def _mark(row: Row, metric: Scale, tests: Tests) -> str:
    """What stands behind a score: a blank and a mark, two blanks where the row is not tested, nothing without tests."""
    if metric.name not in tests:
        return ""
    return next((f" {MARKS[test.verdict]}" for test in tests[metric.name] if test.title == row.title), "  ")


def _interval(mean: Mean | None) -> str:
    return LEFT_OUT if mean is None else f"{mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]"


def _title(row: Row) -> str:
    return f"{row.title} (control)" if row.control else row.title


def _heading(metric: Scale) -> str:
    return " ".join(filter(None, [metric.name, metric.unit, arrow(metric)]))


def wide_table(
    rows: Sequence[Row],
    metrics: Sequence[Scale],
    width: int,
    tests: Tests = NO_TESTS,
    headings: Mapping[str, str] = NO_HEADINGS,
) -> list[Table]:
    """The methods by many metrics, in blocks that fit; a cell holds the means on both sets of pictures.

    Args:
        rows: the methods.
        metrics: the columns.
        width: of the terminal, in characters.
        tests: a row's scores get a mark where it is tested.
        headings: by the name of a metric what stands over its column in place of it, unit and direction.

    Returns:
        The blocks, one below the other.
    """
    frame = 3
    columns = [
        (headings.get(metric.name) or _heading(metric).replace("-", "-\n"), _wide_cells(rows, metric, tests))
        for metric in metrics
    ]
    room = width - max(len("method"), *(len(_title(row)) for row in rows)) - frame - 1
    blocks: list[list[int]] = [[]]
    left = room
    for index, (heading, cells) in enumerate(columns):
        needed = frame + max(*(len(line) for line in heading.split("\n")), *(len(cell) for cell in cells))
        if needed > left and blocks[-1]:
            blocks.append([])
            left = room
        blocks[-1].append(index)
        left -= needed
    return [_block(rows, metrics, columns, block) for block in blocks]


def _wide_cells(rows: Sequence[Row], metric: Scale, tests: Tests) -> list[str]:
    values = (" / ".join(value_text(row.mean(part, metric), metric) for part in PARTS) for row in rows)
    return [value + _mark(row, metric, tests) for value, row in zip(values, rows, strict=True)]


def _block(
    rows: Sequence[Row], metrics: Sequence[Scale], columns: Sequence[tuple[str, list[str]]], block: Sequence[int]
) -> Table:
    table = Table()
    table.add_column("method", no_wrap=True)
    for index in block:
        table.add_column(columns[index][0], justify="right", vertical="bottom")
    for place, row in enumerate(rows):
        cells = []
        for index in block:
            best = is_best(row, rows, "held_out", metrics[index])
            cells.append(_text(columns[index][1][place], style="bold" if best else "", no_wrap=True))
        table.add_row(_text(_title(row)), *cells)
    return table


def accounting_line(solution: Solution) -> str:
    """What the run spent and what became of the proposals.

    Args:
        solution: of the run.

    Returns:
        One line.
    """
    counts = ", ".join(_counted(name, value) for name, value in solution.accounting.items() if name != "seconds")
    return f"{counts}; {solution.accounting['seconds']} s"


_COUNTED: Mapping[str, Callable[[Any], str]] = {
    **{str(fate): f"{{}} {words}".format for fate, words in OF_TERMS.items()},
    "proposed": "{} terms proposed".format,
    "size": "enumerated up to {} nodes".format,
    "combined": "{} combinations made".format,
    "distinct": "{} distinct in value".format,
    "pruned as alike": "{} alike in value".format,
    "not finite": "{} not finite in value".format,
    "forwards": "{} masked passes".format,
    "finalists": partial(counted, thing="finalist"),
    "validation forwards": "{} masked passes for the finalists".format,
}
"""How the counts of a run are said, where their names alone do not say it."""


def _counted(name: str, value: Any) -> str:
    return _COUNTED.get(name, f"{{}} {name}".format)(value)


def front_table(solution: Solution) -> Table:
    """The best expression of each size, or the Pareto set of objectives that are equals.

    Args:
        solution: of the run.

    Returns:
        The table.
    """
    goals = solution.problem.goals
    table = Table(title="best by size" if solution.problem.is_ordered else "Pareto set", title_justify="left")
    own_column = all(goal.label != "size" for goal in goals)
    if own_column:
        table.add_column("nodes", justify="right")
    for goal in goals:
        table.add_column(goal.label, justify="right")
    table.add_column("expression", overflow="fold")
    for judged in solution.front:
        values = (f"{value:.4g}" for value in judged.outcome.objectives)
        nodes = [str(judged.term.size)] if own_column else []
        table.add_row(*nodes, *values, _text(term_text(judged.term)))
    return table


def finalists_table(record: Record) -> Table:
    """The finalists, as many as a terminal has room for, by the first metric.

    Args:
        record: of a run that has finalists and metrics.

    Returns:
        The table.
    """
    measure, *_ = record.measures
    shown = record.finalists[:ROOM]
    counts = {} if record.validation is None else {"validation": len(record.validation.ids)}
    more = len(record.finalists) - len(shown)
    title = f"finalists by {_heading(measure)}" + (
        f", the first {len(shown)} of {len(record.finalists)}" if more else ""
    )
    table = Table(title=title, title_justify="left")
    for heading in ("nodes", *SEEN.values(), "P(best)"):
        table.add_column(heading, justify="right")
    table.add_column("expression", overflow="fold")
    for one in shown:
        means = [_cell(one.scores[part][measure.name], measure, counts.get(part)) for part in SEEN]
        share = f"{one.probability:.2f}" if one.feasible else "unfit"
        table.add_row(str(one.size), *means, share, _text(one.term))
    return table


def _cell(mean: Mean, measure: Scale, pictures: int | None) -> str:
    """A mean, with how many pictures it is over where those are not all."""
    return value_text(mean, measure) + ("" if pictures in (None, mean.images) else f" of {mean.images}")


def _text(shown: str, **options: Any) -> Text:
    """A text of rich, which a terminal does not act on."""
    return Text(printable(shown), **options)
