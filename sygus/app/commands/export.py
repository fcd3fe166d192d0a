"""``sycam-sygus export``: a run's result in another form."""

from __future__ import annotations

from pathlib import Path

from sygus.app.terminal import echo
from sygus.errors import OptionError
from sygus.export.forms import FORMS, Form, Source
from sygus.export.record import Record, record_path
from sygus.writing import make_folder, write_named


def run_export(run: str, form: str, out: str | None) -> None:
    """Print a run in one of the forms, or write it into a file; forms that are files go into a folder.

    Args:
        run: the folder of a run, or its record.
        form: the name of one of the forms.
        out: where to; None for stdout.

    Raises:
        SycamError: there is no such run, it found nothing, or it cannot be written there.
    """
    chosen = FORMS[form]
    if chosen.text is None:
        _export_files(run, chosen, out)
        return
    text = chosen.text(_source(run)).rstrip("\n") + "\n"
    if out is None:
        echo(text, nl=False)
        return
    write_named(Path(out), text, "--out")


def _export_files(run: str, form: Form, out: str | None) -> None:
    assert form.files is not None
    if out is None:
        raise OptionError(f"--out: {form.name} are files", "name a folder for them")
    source = _source(run)
    for path in form.files(source, make_folder(Path(out), "--out"), lambda text: echo(f"note: {text}", err=True)):
        echo(str(path))


def _source(run: str) -> Source:
    return Source(Record.read(run), record_path(run).parent)
