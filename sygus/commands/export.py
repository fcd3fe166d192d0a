"""``sycam-sygus export``: a run's result in another form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from sygus.errors import OptionError, SycamError
from sygus.export.latex_document import bare_formula, document
from sygus.export.record import Record
from sygus.export.symbolic import symbolic_text
from sygus.export.torch_module import torch_source
from sygus.expressions import parse_expression
from sygus.terms import Term


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


def run_export(run: str, form: str, out: str | None) -> None:
    """Print a run in one of the forms, or write it into a file."""
    text = FORMS[form](Record.read(run)).rstrip("\n") + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SycamError(f"--out: cannot write '{out}' ({error.strerror})", "give a file you may write") from None
