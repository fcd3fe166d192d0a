"""``sycam-sygus evaluate``: score methods and expressions by metrics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from solvers.cam.comparison import compared, is_slow
from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, load_subjects, subject_notes
from sygus.app.display import Display, marked, show_scores
from sygus.app.estimates import warn_of_long_work
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.errors import OptionError, known
from sygus.export.tables import PARTS, Row, table_as_csv, table_as_json, table_as_latex
from sygus.language.text import number_text
from sygus.oracles.expressions import read_expression
from sygus.oracles.methods import ALL, QUICK, Method, applicable_methods, expression_method, find_methods
from sygus.saliency.metrics import Metric, chosen_metrics, known_metrics


def run_evaluate(
    names: str, metric_names: str, expression: str | None, form: str, given: Mapping[str, Any]
) -> ExitStatus:
    """Print the table of scores; after a KeyboardInterrupt that of the methods that are done.

    Args:
        names: of methods, separated by commas; or ``quick``, or ``all``.
        metric_names: of metrics, separated by commas, with their options; or ``all``.
        expression: to be scored too; None for none.
        form: of the table: table, csv, latex or json.
        given: settings by name, None where one is not given.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    find_methods(names)  # an unknown one is an error before anything is loaded
    wanted = None if metric_names.strip() == "all" else _chosen(metric_names)
    own = [] if expression is None else [expression_method("expression", "expression", read_expression(expression))]
    exactly = expression is not None and form == "table"
    subjects = load_subjects(settings, choosing=exactly)
    for note in subject_notes(subjects):
        echo(marked(note), err=True)
    chosen = applicable_methods(names, subjects.search, lambda text: echo(f"note: {text}", err=True)) + own
    metrics = _applicable(subjects) if wanted is None else wanted
    for metric in metrics:
        _require(metric, subjects)
    named = names not in (ALL, QUICK) and wanted is not None

    def skip(method: Method, metric: Metric) -> bool:
        return not named and method not in own and is_slow(method, metric)

    _report_skipped(chosen, metrics, skip)
    drawn_on = [subjects.search, subjects.held_out]
    warn_of_long_work(chosen, drawn_on, lambda text: echo(f"note: {text}", err=True))
    rows: list[Row] = []
    status = ExitStatus.DONE
    try:
        with Display(Console(stderr=True)):
            rows.extend(compared(subjects, chosen, metrics, skip))  # what it held before an interrupt it keeps
    except KeyboardInterrupt:
        if not rows:
            raise
        status = ExitStatus.INTERRUPTED
        missing = ", ".join(method.title for method in chosen[len(rows) :])
        echo(f"interrupted; what is done is printed, without {missing}", err=True)
    _report_black_maps(rows)
    match form:
        case "json":
            echo(json.dumps(table_as_json(rows), indent=1))
        case "csv":
            echo(table_as_csv(rows, metrics), nl=False)
        case "latex":
            echo(table_as_latex(rows, metrics), nl=False)
        case _:
            _print_table(rows, metrics, subjects)
            if exactly and status is ExitStatus.DONE:
                _print_exactly(own[0], rows[-1], metrics, subjects)
    return status


def _print_exactly(method: Method, row: Row, metrics: list[Metric], subjects: Subjects) -> None:
    """The means as a run prints them: over the pictures of the search, and over all that choose an answer."""
    oracle = subjects.validation
    validation = None if oracle is None else method.evaluation(oracle)
    for metric in metrics:
        search = row.search[metric.name]
        echo(f"{metric.name} on the search pictures: {number_text(search.value)}")
        if oracle is not None and validation is not None:
            scores = np.concatenate([np.array(search.scores, np.float32), oracle.judge(validation, metric)])
            value = number_text(float(scores.mean(dtype=np.float64)))
            echo(f"{metric.name} on the search and validation pictures: {value}")


def _report_skipped(chosen: list[Method], metrics: list[Metric], skip: Callable[[Method, Metric], bool]) -> None:
    for method in chosen:
        left_out = [metric.name for metric in metrics if skip(method, metric)]
        if left_out:
            reason = "each explains many times; name method and metric to compute it"
            echo(f"note: {method.title} is not scored by {', '.join(left_out)}: {reason}", err=True)


def _print_table(rows: list[Row], metrics: list[Metric], subjects: Subjects) -> None:
    counts = len(subjects.search.subject.images), len(subjects.held_out.subject.images)
    show_scores(Console(), rows, metrics, counts)


def _chosen(names: str) -> list[Metric]:
    try:
        found = chosen_metrics(names)
    except OptionError as error:
        raise OptionError(f"--metrics: {error.message}", error.hint) from None
    return list({metric.name: metric for metric in found}.values())


def _applicable(subjects: Subjects) -> list[Metric]:
    """Every metric that these pictures allow; says on stderr which are left out and why."""
    found = []
    for metric in known_metrics().values():
        lacking = metric.lacking(subjects.search.subject) or metric.lacking(subjects.held_out.subject)
        if lacking:
            echo(f"note: {metric.name} is left out: it {lacking}", err=True)
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


def _report_black_maps(rows: list[Row]) -> None:
    """Say on stderr how many maps were constant, and so scored as black."""
    for row in rows:
        counts = [f"{black} {called}" for black, called in zip(row.black, PARTS.values(), strict=True) if black]
        if counts:
            echo(f"note: {row.title}: constant maps scored as black: {', '.join(counts)}", err=True)
