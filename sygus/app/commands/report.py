"""``sycam-sygus report``: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path

from sygus.app.terminal import echo
from sygus.errors import SycamError
from sygus.export.gallery import Gallery
from sygus.export.record import Record, record_path
from sygus.export.report import report_page

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
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SycamError(f"--out: cannot write '{path}' ({error.strerror})", "give a file you may write") from None
    echo(str(path))
