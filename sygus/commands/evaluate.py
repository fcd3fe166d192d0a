"""``sycam-sygus evaluate``: score methods and expressions by metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console

from solvers.settings import Settings
from solvers.solve import (
    compare,
    load_subjects,
    table_as_json,
)
from sygus.display import score_table
from sygus.errors import OptionError
from sygus.export.sygus import number_text
from sygus.expressions import read_expression
from sygus.oracles.methods import expression_method, find_methods
from sygus.saliency.metrics import find_metric


def run_evaluate(names: str, metric_names: str, expression: str | None, form: str, given: Mapping[str, Any]) -> None:
    """Print the table of scores."""
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    chosen = find_methods(names)
    metrics = [_metric(name.strip()) for name in metric_names.split(",")]
    if expression is not None:
        chosen.append(expression_method("expression", "expression", read_expression(expression)))
    subjects = load_subjects(settings)
    rows = compare(subjects, chosen, metrics)
    if form == "json":
        click.echo(json.dumps(table_as_json(rows), indent=1))
        return
    search, held_out = len(subjects.search.subject.images), len(subjects.held_out.subject.images)
    table = score_table(rows, metrics, f"{search} search pictures", f"{held_out} held-out pictures")
    Console().print(table)
    if expression is not None:
        for metric in metrics:
            click.echo(f"{metric.name} on the search pictures: {number_text(rows[-1].search[metric.name].value)}")


def _metric(name: str) -> Any:
    try:
        return find_metric(name)
    except OptionError as error:
        raise OptionError(f"--metrics: {error.message}", error.hint) from None
