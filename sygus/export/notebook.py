"""A run in a notebook: formula, scores and some heat maps as a piece of HTML."""

from __future__ import annotations

from collections.abc import Sequence

from sygus.export.figures import overlay
from sygus.export.gallery import Gallery
from sygus.export.latex import weight_equation
from sygus.export.record import Record
from sygus.export.report import mathml, png_data, template
from sygus.export.tables import PARTS
from sygus.oracles.expressions import parse_expression

SHOWN = 3
"""Pictures."""


def notebook_html(record: Record, gallery: Gallery | None, methods: Sequence[str]) -> str:
    """The HTML, escaped as the report page is.

    Args:
        record: of the run.
        gallery: of the same run.
        methods: whose heat maps to show, where the run has them.
    """
    formula = None
    if record.found is not None:
        formula = mathml(weight_equation(parse_expression(record.answer, "the run's answer")))
    titles: list[str] = []
    rows = []
    if gallery is not None:
        titles = [title for title in methods if title in gallery.maps]
        for index, picture in enumerate(gallery.pictures[:SHOWN] / 255):
            drawn = [png_data(overlay(picture, gallery.maps[title][index] / 255)) for title in titles]
            rows.append(list(zip(drawn, titles, strict=True)))
    page: str = template("notebook.html").render(
        record=record,
        formula=formula,
        titles=titles,
        pictures=rows,
        parts=PARTS,
    )
    return page
