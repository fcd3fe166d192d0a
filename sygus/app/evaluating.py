"""Methods and expressions scored by metrics, for the command ``evaluate`` and for Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, overload

from rich.console import Console

from solvers.cam.comparison import compared, is_slow
from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, load_subjects, subject_notes
from sygus.app.display import show_scores
from sygus.app.estimates import warn_of_long_work
from sygus.app.members import as_table
from sygus.errors import OptionError, known
from sygus.export.tables import PARTS, Row, table_as_csv, table_as_json, table_as_latex, table_records
from sygus.language.terms import Term
from sygus.oracles.methods import ALL, QUICK, Method, applicable_methods, expression_method, find_methods
from sygus.saliency.metrics import Metric, chosen_metrics, known_metrics
from sygus.writing import write_named


@dataclass(frozen=True, eq=False)
class ScoreTable(Sequence[Row]):
    """Scores of methods by metrics on two sets of pictures; a sequence of its rows.

    Attributes:
        rows: for each method its mean scores by the metric's name, in ``search`` and ``held_out``, each with its
            bootstrap 95 % interval and the score of every picture.
        metrics: the columns.
        pictures: how many pictures of the search there are, and how many are held out.
    """

    rows: tuple[Row, ...]
    metrics: tuple[Metric, ...]
    pictures: tuple[int, int]

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def records(self) -> Any:
        """One record for each method, set of pictures and metric: its mean, interval and number of pictures.

        A pandas DataFrame where pandas is installed, else a list of dictionaries.
        """
        return as_table(table_records(self.rows, self.metrics))

    def to_csv(self, path: str | Path | None = None) -> str:
        """The table as CSV, as ``sycam-sygus evaluate --format csv`` prints it.

        Args:
            path: where to write it too.

        Returns:
            The text.

        Raises:
            SycamError: it cannot be written there.
        """
        return _written(table_as_csv(self.rows, self.metrics), path)

    def to_latex(self, path: str | Path | None = None) -> str:
        """The table in LaTeX.

        Args:
            path: where to write it too.

        Returns:
            The text.

        Raises:
            SycamError: it cannot be written there.
        """
        return _written(table_as_latex(self.rows, self.metrics), path)

    def to_json(self, path: str | Path | None = None) -> str:
        """The table in JSON, with the score of each picture.

        Args:
            path: where to write it too.

        Returns:
            The text.

        Raises:
            SycamError: it cannot be written there.
        """
        return _written(json.dumps(table_as_json(self.rows), indent=1), path)

    def __str__(self) -> str:
        shown = StringIO()
        show_scores(Console(file=shown, width=_WIDTH), self.rows, self.metrics, self.pictures)
        return shown.getvalue()

    def __repr__(self) -> str:
        return str(self)


_WIDTH = 120
"""Characters of a line, where a table is shown as text."""


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        write_named(Path(path), text, "path")
    return text


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What was scored, and on what.

    Attributes:
        table: the scores.
        subjects: the network with the pictures.
        methods: of the rows, in their order.
        missing: the methods without a row, after an interrupt.
    """

    table: ScoreTable
    subjects: Subjects
    methods: tuple[Method, ...]
    missing: tuple[Method, ...] = ()


def evaluated(
    settings: Settings,
    names: str,
    metric_names: str,
    expression: Term | None,
    note: Callable[[str], None],
    display: AbstractContextManager[object],
    *,
    choosing: bool = False,
) -> Evaluated:
    """Score methods, and an expression, by metrics; a KeyboardInterrupt keeps the methods that are done.

    Args:
        settings: name network and pictures.
        names: of methods, separated by commas; or ``quick``, or ``all``.
        metric_names: of metrics, separated by commas, with their options; or ``all``.
        expression: over features, to be scored too.
        note: told what a reader of the scores should know.
        display: entered while methods are scored.
        choosing: whether the pictures that choose among finalists are loaded too.

    Returns:
        The scores, those of the expression last.

    Raises:
        KeyboardInterrupt: before the first method was done.
        SycamError: bad input; it says which.
    """
    find_methods(names)  # an unknown one is an error before anything is loaded
    wanted = None if metric_names.strip() == "all" else _chosen(metric_names)
    own = [] if expression is None else [expression_method("expression", "expression", expression)]
    subjects = load_subjects(settings, choosing=choosing)
    for line in subject_notes(subjects):
        note(line)
    chosen = applicable_methods(names, subjects.search, note) + own
    metrics = _applicable(subjects, note) if wanted is None else wanted
    for metric in metrics:
        _require(metric, subjects)
    named = names not in (ALL, QUICK) and wanted is not None

    def skip(method: Method, metric: Metric) -> bool:
        return not named and method not in own and is_slow(method, metric)

    _report_skipped(chosen, metrics, skip, note)
    keeps = "the methods that are done" if len(chosen) > 1 else ""
    warn_of_long_work(chosen, [subjects.search, subjects.held_out], note, keeps)
    rows: list[Row] = []
    try:
        with display:
            rows.extend(compared(subjects, chosen, metrics, skip))  # what it held before an interrupt it keeps
    except KeyboardInterrupt:
        if not rows:
            raise
        missing = ", ".join(method.title for method in chosen[len(rows) :])
        note(f"interrupted; what is done is printed, without {missing}")
    _report_black_maps(rows, note)
    counts = len(subjects.search.subject.images), len(subjects.held_out.subject.images)
    table = ScoreTable(tuple(rows), tuple(metrics), counts)
    return Evaluated(table, subjects, tuple(chosen[: len(rows)]), tuple(chosen[len(rows) :]))


def _report_skipped(
    chosen: list[Method], metrics: list[Metric], skip: Callable[[Method, Metric], bool], note: Callable[[str], None]
) -> None:
    for method in chosen:
        left_out = [metric.name for metric in metrics if skip(method, metric)]
        if left_out:
            reason = "each explains many times; name method and metric to compute it"
            note(f"{method.title} is not scored by {', '.join(left_out)}: {reason}")


def _chosen(names: str) -> list[Metric]:
    try:
        found = chosen_metrics(names)
    except OptionError as error:
        raise OptionError(f"--metrics: {error.message}", error.hint) from None
    return list({metric.name: metric for metric in found}.values())


def _applicable(subjects: Subjects, note: Callable[[str], None]) -> list[Metric]:
    """Every metric that these pictures allow; says which are left out and why."""
    found = []
    for metric in known_metrics().values():
        lacking = metric.lacking(subjects.search.subject) or metric.lacking(subjects.held_out.subject)
        if lacking:
            note(f"{metric.name} is left out: it {lacking}")
        else:
            found.append(metric)
    return found


def _require(metric: Metric, subjects: Subjects) -> None:
    """Check that what was named can be computed, before anything is.

    Raises:
        OptionError: the pictures lack what the metric needs, or it compares with an unknown method.
    """
    for oracle in subjects.parts:
        try:
            metric.require(oracle.subject)
        except OptionError as error:
            raise OptionError(f"--metrics: {error.message}", error.hint) from None
    for name in metric.references:
        if name not in subjects.search.references:
            hint = known(subjects.search.references, name)
            raise OptionError(f"--metrics: '{metric.name}' compares with '{name}', which is unknown", hint)


def _report_black_maps(rows: Sequence[Row], note: Callable[[str], None]) -> None:
    """Say how many maps were constant, and so scored as black."""
    for row in rows:
        counts = [f"{black} {called}" for black, called in zip(row.black, PARTS.values(), strict=True) if black]
        if counts:
            note(f"{row.title}: constant maps scored as black: {', '.join(counts)}")
