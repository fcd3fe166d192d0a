"""``sycam-sygus report``: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path

from sygus.app.terminal import echo
from sygus.export.gallery import Gallery
from sygus.export.record import Record, record_path
from sygus.export.report import report_page
from sygus.writing import write_named

PAGE = "report.html"


def run_report(run: str, out: str | None) -> None:
    """Write the page.

    Args:
        run: the folder of a run, or its record.
        out: where to; by default beside the record.

    Raises:
        SycamError: there is no such run, or it cannot be written there.
    """
    folder = record_path(run).parent
    page = report_page(Record.read(run), Gallery.read(folder))
    path = folder / PAGE if out is None else Path(out)
    write_named(path, page, "--out")
    echo(str(path))
