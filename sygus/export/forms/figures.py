"""Every plot of a run, and its heat maps where it kept pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sygus.export.forms.form import Note, Source, files_form

KINDS = ("pdf", "png")


@files_form("figures", "PDF and PNG, into a folder", order=6)
def figure_files(source: Source, folder: Path, note: Note) -> Iterator[Path]:
    """Plots first, then heat maps."""
    from sygus.export.figures import FIGURE_METHODS, FIGURE_PICTURES, heat_map_figure, write_figure
    from sygus.export.plots import figure_bytes, figures
    from sygus.writing import write_file

    record, gallery = source.record, source.gallery
    for name, figure in figures(record).items():
        for kind in KINDS:
            path = folder / f"{name}.{kind}"
            write_file(path, figure_bytes(figure, kind))
            yield path
    if gallery is None or record.found is None or not record.measures:
        note("the run kept no pictures, so there are no heat maps")
        return
    for kind in KINDS:
        path = folder / f"heatmaps.{kind}"
        write_figure(heat_map_figure(record, gallery, FIGURE_METHODS, FIGURE_PICTURES), path)
        yield path
