"""``sycam-sygus evaluate``: score methods and expressions by metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console

from solvers.cam.settings import Settings
from sygus.app.display import Display, marked, show_scores
from sygus.app.evaluating import Evaluated, evaluated
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.language.text import number_text
from sygus.oracles.expressions import read_expression


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
    exactly = expression is not None and form == "table"
    term = None if expression is None else read_expression(expression)
    found = evaluated(settings, names, metric_names, term, _noted, Display(Console(stderr=True)), choosing=exactly)
    table = found.table
    match form:
        case "json":
            echo(table.to_json())
        case "csv":
            echo(table.to_csv(), nl=False)
        case "latex":
            echo(table.to_latex(), nl=False)
        case _:
            show_scores(Console(), table.rows, table.metrics, table.pictures)
            if exactly and not found.missing:
                _print_exactly(found)
    return ExitStatus.INTERRUPTED if found.missing else ExitStatus.DONE


def _noted(note: str) -> None:
    echo(marked(note), err=True)


def _print_exactly(found: Evaluated) -> None:
    """The means as a run prints them: over the pictures of the search, and over all that choose an answer."""
    oracle, row = found.subjects.validation, found.table.rows[-1]
    validation = None if oracle is None else found.methods[-1].evaluation(oracle)
    for metric in found.table.metrics:
        search = row.search[metric.name]
        echo(f"{metric.name} on the search pictures: {number_text(search.value)}")
        if oracle is not None and validation is not None:
            scores = np.concatenate([np.array(search.scores, np.float32), oracle.judge(validation, metric)])
            value = number_text(float(scores.mean(dtype=np.float64)))
            echo(f"{metric.name} on the search and validation pictures: {value}")
