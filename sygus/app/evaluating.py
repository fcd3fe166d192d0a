"""Methods and expressions scored by metrics, for the command ``evaluate`` and for Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, overload

from rich.console import Console

from solvers.cam.comparison import Comparison, is_slow
from solvers.cam.settings import Settings
from solvers.cam.subjects import PARTS as SETS
from solvers.cam.subjects import Holding, Subjects, load_subjects, started_workers, subject_notes
from sygus.app.display import show_scores
from sygus.app.estimates import warn_of_long_work
from sygus.app.members import as_table
from sygus.app.studies import Study, find_study
from sygus.errors import OptionError, known
from sygus.export.tables import PARTS, Row, table_as_csv, table_as_json, table_as_latex, table_records
from sygus.language.terms import Term
from sygus.oracles.methods import GROUPS, Method, applicable_methods, expression_method, find_methods
from sygus.saliency.metrics import Metric, chosen_metrics, known_metrics
from sygus.writing import write_named


@dataclass(frozen=True, eq=False)
class ScoreTable(Sequence[Row]):
    """Scores of methods by metrics on two sets of pictures; a sequence of its rows.

    Attributes:
        rows: for each method its mean scores by the metric's name, in ``search`` and ``held_out``, each with its
            bootstrap 95 % interval and the score of every picture.
        metrics: the columns.
        pictures: how many pictures of the search were scored, and how many that are held out.
        study: whose table it is; None where it is of no study.
    """

    rows: tuple[Row, ...]
    metrics: tuple[Metric, ...]
    pictures: tuple[int, int]
    study: Study | None = None

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

    def show(self, console: Console) -> None:
        """Print the table.

        Args:
            console: where to.
        """
        if self.study is None:
            show_scores(console, self.rows, self.metrics, self.pictures)
        else:
            self.study.show(console, self.rows, self.metrics, self.pictures)

    def __str__(self) -> str:
        shown = StringIO()
        self.show(Console(file=shown, width=_WIDTH))
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
        interrupted: whether an interrupt left out methods or pictures.
    """

    table: ScoreTable
    subjects: Subjects
    methods: tuple[Method, ...]
    missing: tuple[Method, ...] = ()
    interrupted: bool = False


DEFAULT = "average-drop"
"""The metric where none is named."""

OF_GROUP = {"flavours": "win,iou(on=boxes,t=0),iou(on=boxes,t=0.25),iou(on=boxes),energy-pointing-game"}
"""The metrics of a group of methods where none are named: of the flavours Win %, Loc(δ) and Proportion."""


def evaluated(
    settings: Settings,
    names: str,
    metric_names: str | None,
    expression: Term | None,
    note: Callable[[str], None],
    display: AbstractContextManager[object],
    *,
    study: str | None = None,
    choosing: bool = False,
    at_once: int | None = None,
    workers: int | None = None,
    ray: str | None = None,
) -> Evaluated:
    """Score methods, and an expression, by metrics; a KeyboardInterrupt keeps what is done.

    That is the methods that are done, or of pictures that are too many for the memory the first ones, by all methods.

    Args:
        settings: name network and pictures.
        names: of methods, separated by commas; or of a group.
        metric_names: of metrics, separated by commas, with their options; or ``all``; None for those of the study or
            the group, else :data:`DEFAULT`.
        expression: over features, to be scored too.
        note: told what a reader of the scores should know.
        display: entered while methods are scored.
        study: whose rows come first, and whose columns are the metrics by the values of an option; None for none.
        choosing: whether the pictures that choose among finalists are loaded too.
        at_once: how many pictures are in memory at a time; None for as many as there is room for.
        workers: how many processes score; None for this one alone.
        ray: the address of the Ray cluster where they are; None for this machine.

    Returns:
        The scores, those of the expression last.

    Raises:
        KeyboardInterrupt: before the first method was done.
        SycamError: bad input; it says which.
    """
    find_methods(names)  # an unknown one is an error before anything is loaded
    of_study = None if study is None else find_study(study)
    asked = _asked(metric_names, names, of_study)
    own = [] if expression is None else [expression_method("expression", "expression", expression)]
    with ExitStack() as stack:
        serve = started_workers(workers, ray, settings, stack)
        subjects = load_subjects(settings, choosing=choosing, holding=Holding(SETS, at_once))
        serve(subjects)
        return _evaluated(subjects, names, asked, of_study, own, note, display)


def _evaluated(
    subjects: Subjects,
    names: str,
    asked: _Asked,
    of_study: Study | None,
    own: Sequence[Method],
    note: Callable[[str], None],
    display: AbstractContextManager[object],
) -> Evaluated:
    """The scores on pictures that are loaded; see :func:`evaluated`."""
    for line in subject_notes(subjects):
        note(line)
    metrics = asked.applicable(subjects, note)
    first = [] if of_study is None else find_methods(",".join(of_study.methods))
    above = {method.name for method in first}
    others = applicable_methods(names, subjects.search, note, also=[subjects.held_out])
    chosen = [*first, *(method for method in others if method.name not in above), *own]
    named = names not in GROUPS and not asked.together

    def skip(method: Method, metric: Metric) -> bool:
        return not named and method not in own and is_slow(method, metric)

    _report_skipped(chosen, metrics, skip, note)
    many = len(subjects.search.spans) > 1 or len(subjects.held_out.spans) > 1
    keeps = "the methods that are done" if len(chosen) > 1 else ""
    warn_of_long_work(
        chosen, [subjects.search, subjects.held_out], note, "the pictures that are done" if many else keeps
    )
    comparison, interrupted = Comparison(subjects, chosen, metrics, skip), False
    try:
        with display:
            comparison.run()
    except KeyboardInterrupt:
        if not comparison.done:
            raise
        interrupted = True
        note(", ".join(["interrupted; what is done is printed", *_unfinished(comparison)]))
    rows, count = comparison.rows(), len(comparison.done)
    _report_black_maps(rows, note)
    table = ScoreTable(tuple(rows), tuple(metrics), comparison.pictures, of_study)
    return Evaluated(table, subjects, tuple(chosen[:count]), tuple(chosen[count:]), interrupted)


def _unfinished(comparison: Comparison) -> list[str]:
    """What an interrupt left out, in words."""
    subjects, methods = comparison.subjects, comparison.methods[len(comparison.done) :]
    there = tuple(len(one.subject.images) for one in (subjects.search, subjects.held_out))
    (search, held_out), (of_search, of_held_out) = comparison.pictures, there
    said = f"of the first {search} of {of_search} search pictures and {held_out} of {of_held_out} held out"
    without = f"without {', '.join(method.title for method in methods)}"
    return [*([said] if comparison.pictures != there else []), *([without] if methods else [])]


def _report_skipped(
    chosen: list[Method], metrics: list[Metric], skip: Callable[[Method, Metric], bool], note: Callable[[str], None]
) -> None:
    for method in chosen:
        left_out = [metric.name for metric in metrics if skip(method, metric)]
        if left_out:
            reason = "each explains many times; name method and metric to compute it"
            note(f"{method.title} is not scored by {', '.join(left_out)}: {reason}")


@dataclass(frozen=True)
class _Asked:
    """The metrics that are asked for.

    Attributes:
        metrics: these.
        together: whether they were asked for as a whole, so that those that the pictures do not allow are left out.
        option: that names them, for messages.
    """

    metrics: tuple[Metric, ...]
    together: bool
    option: str

    def applicable(self, subjects: Subjects, note: Callable[[str], None]) -> list[Metric]:
        """The metrics of the table; says which are left out and why.

        Raises:
            OptionError: the pictures lack what a metric needs that is not left out, or they allow none of them, or it
                compares with an unknown method.
        """
        found = []
        for metric in self.metrics:
            lacking = next(filter(None, (metric.lacking(one.subject) for one in subjects.parts)), "")
            if lacking and self.together:
                note(f"{metric.name} is left out: it {lacking}")
            else:
                found.append(metric)
        for metric in found or self.metrics:
            _require(metric, subjects, self.option)
        return found


def _asked(names: str | None, methods: str, study: Study | None) -> _Asked:
    """The metrics of these names; where there are none, those of the study or of the group of methods."""
    option, together = "--metrics", names is None and study is None and methods in OF_GROUP
    if names is None and study is not None:
        names, option = ",".join(study.metrics), "--study"
    names = OF_GROUP.get(methods, DEFAULT) if names is None else names
    if names.strip() == "all":
        every = known_metrics().values() if study is None else study.columns(study.all_metrics())
        return _Asked(tuple(every), study is None, option)
    try:
        found = chosen_metrics(names)
        found = found if study is None else study.columns(found)
    except OptionError as error:
        raise OptionError(f"{option}: {error.message}", error.hint) from None
    return _Asked(tuple({metric.name: metric for metric in found}.values()), together, option)


def _require(metric: Metric, subjects: Subjects, option: str) -> None:
    """Check that what was named can be computed, before anything is.

    Raises:
        OptionError: the pictures lack what the metric needs, or it compares with an unknown method.
    """
    for oracle in subjects.parts:
        try:
            metric.require(oracle.subject)
        except OptionError as error:
            raise OptionError(f"{option}: {error.message}", error.hint) from None
    for name in metric.references:
        if name not in subjects.search.references:
            hint = known(subjects.search.references, name)
            raise OptionError(f"{option}: '{metric.name}' compares with '{name}', which is unknown", hint)


def _report_black_maps(rows: Sequence[Row], note: Callable[[str], None]) -> None:
    """Say how many maps were constant, and so scored as black."""
    for row in rows:
        counts = [f"{black} {called}" for black, called in zip(row.black, PARTS.values(), strict=True) if black]
        if counts:
            note(f"{row.title}: constant maps scored as black: {', '.join(counts)}")
