"""``sycam-sygus export``: a run's result in another form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from solvers.cam.job import FIGURE_METHODS, FIGURE_PICTURES, prepare
from sygus.errors import OptionError, SycamError
from sygus.export.figures import heat_map_figure
from sygus.export.gallery import Gallery
from sygus.export.latex_document import bare_formula, document
from sygus.export.plots import figure_bytes, figures
from sygus.export.record import Record, record_path
from sygus.export.symbolic import symbolic_text
from sygus.export.torch_module import torch_source
from sygus.language.terms import Term
from sygus.oracles.expressions import parse_expression


def term_of(record: Record) -> Term:
    """The expression that a run found.

    Raises:
        OptionError: it found none.
        SourceError: the record's answer does not parse.
    """
    if record.found is None:
        raise OptionError("RUN: the search found no expression", "export a run that has an answer")
    return parse_expression(record.answer, "the run's answer")


FORMS: Mapping[str, Callable[[Record], str]] = {
    "sygus": lambda record: record.answer,
    "latex": lambda record: bare_formula(term_of(record)),
    "latex-document": document,
    "json": lambda record: json.dumps(record.as_json(), indent=1),
    "sympy": lambda record: symbolic_text(term_of(record)),
    "torch": lambda record: torch_source(term_of(record)),
}
"""The forms, as text."""


FIGURES = "figures"


def run_export(run: str, form: str, out: str | None) -> None:
    """Print a run in one of the forms, or write it into a file; figures go into a folder."""
    if form == FIGURES:
        _export_figures(run, out)
        return
    text = FORMS[form](Record.read(run)).rstrip("\n") + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SycamError(f"--out: cannot write '{out}' ({error.strerror})", "give a file you may write") from None


def _export_figures(run: str, out: str | None) -> None:
    """Every plot of the run, and its heat maps where it kept pictures."""
    if out is None:
        raise OptionError("--out: figures are files", "name a folder for them")
    record, gallery = Record.read(run), Gallery.read(record_path(run).parent)
    folder = prepare(Path(out))
    for name, figure in figures(record).items():
        for form in ("pdf", "png"):
            (folder / f"{name}.{form}").write_bytes(figure_bytes(figure, form))
            click.echo(str(folder / f"{name}.{form}"))
    if gallery is None or record.found is None or not record.measures:
        click.echo("note: the run kept no pictures, so there are no heat maps", err=True)
        return
    for form in ("pdf", "png"):
        path = folder / f"heatmaps.{form}"
        heat_map_figure(record, gallery, FIGURE_METHODS, FIGURE_PICTURES, path)
        click.echo(str(path))
