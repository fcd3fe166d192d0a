"""``sycam-sygus evaluate``: score methods and expressions by metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console

from solvers.cam.settings import Settings
from sygus.app.display import Display, marked
from sygus.app.evaluating import Evaluated, evaluated
from sygus.app.options import SPREAD
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.language.text import measured, number_text
from sygus.oracles.cam import CamOracle, Scores
from sygus.oracles.expressions import read_expression
from sygus.oracles.methods import Method
from sygus.saliency.metrics import Metric


def run_evaluate(
    names: str, metric_names: str | None, expression: str | None, study: str | None, form: str, given: Mapping[str, Any]
) -> ExitStatus:
    """Print the table of scores; after a KeyboardInterrupt that of the methods that are done.

    Args:
        names: of methods, separated by commas; or of a group.
        metric_names: of metrics, separated by commas, with their options; or ``all``; None where they are not given.
        expression: to be scored too; None for none.
        study: whose table it is to be; None for none.
        form: of the table: table, csv, latex or json.
        given: settings, ``workers`` and ``ray`` by name, None where one is not given.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    stated = {name: value for name, value in given.items() if value is not None}
    elsewhere = {name: stated.pop(name, None) for name in SPREAD}
    settings = Settings(**stated)
    exactly = expression is not None and form == "table"
    term = None if expression is None else read_expression(expression)
    display = Display(Console(stderr=True))
    found = evaluated(
        settings,
        names,
        metric_names,
        term,
        _noted,
        display,
        study=study,
        choosing=exactly,
        **elsewhere,
    )
    table = found.table
    match form:
        case "json":
            echo(table.to_json())
        case "csv":
            echo(table.to_csv(), nl=False)
        case "latex":
            echo(table.to_latex(), nl=False)
        case _:
            table.show(Console())
            if exactly and not found.interrupted:
                _print_exactly(found)
    return ExitStatus.INTERRUPTED if found.interrupted else ExitStatus.DONE


def _noted(note: str) -> None:
    echo(marked(note), err=True)


def _print_exactly(found: Evaluated) -> None:
    """The means as a run prints them: over the pictures of the search, and over all that choose an answer."""
    oracle, row, metrics = found.subjects.validation, found.table.rows[-1], found.table.metrics
    further = {} if oracle is None else _scores(found.methods[-1], oracle, metrics)
    for metric in metrics:
        search = row.search[metric.name]
        echo(f"{metric.name} on the search pictures: {number_text(measured(search.value))}")
        if metric.name in further:
            scores = np.concatenate([np.array(search.scores, np.float32), further[metric.name]])
            value = number_text(measured(float(scores.mean(dtype=np.float64))))
            echo(f"{metric.name} on the search and validation pictures: {value}")


def _scores(method: Method, oracle: CamOracle, metrics: Sequence[Metric]) -> dict[str, Scores]:
    """The scores of all pictures by each metric's name, gathered part by part."""
    found: dict[str, list[Scores]] = {metric.name: [] for metric in metrics}

    def judge(rows: range) -> None:
        part = oracle.part(rows)
        evaluation = method.evaluation(part)
        for metric in metrics:
            found[metric.name].append(part.judge(evaluation, metric))

    for rows in oracle.spans:
        judge(rows)
    return {name: np.concatenate(scores) for name, scores in found.items()}
