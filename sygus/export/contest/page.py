"""Sections of a page: prose, figures and tables as values; every text is escaped where they become HTML."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from sygus.export.report import framed, plot_html


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what is shown.
        sort: by what a column is sorted; None for a text, NaN for a number that there is not.
        aside: shown softly behind it.
        best: whether it stands out.
        code: whether it is an expression.
    """

    text: str
    sort: float | None = None
    aside: str = ""
    best: bool = False
    code: bool = False

    @property
    def number(self) -> bool:
        """Whether it is one."""
        return self.sort is not None

    @property
    def value(self) -> str:
        """What a script sorts by; "" comes last."""
        if self.sort is None or math.isnan(self.sort):
            return ""
        return "1e300" if math.isinf(self.sort) else repr(self.sort)


Show = Callable[[float], str]
"""A number as text."""


def numeric(value: float, show: Show, ends: tuple[float, float] | None = None, *, best: bool = False) -> Cell:
    """The cell of a number, with its interval where it has one."""
    there = ends is not None and all(map(math.isfinite, ends))
    aside = f"[{show(ends[0])}, {show(ends[1])}]" if there and ends is not None else ""
    return Cell(show(value), float(value), aside, best)


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        caption: over it.
        heads: of its columns.
        rows: their cells; the first of each is its heading.
        texts: how many of the first columns are no numbers.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: int = 1


@dataclass(frozen=True)
class Section:
    """A section of a page."""

    anchor: str
    title: str
    prose: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[tuple[Figure, str]] = ()


def page(title: str, summary: str, sections: Sequence[Section]) -> str:
    """The page; only this package's script and style are allowed on it."""
    shown = [section for section in sections if section.tables or section.plots or section.prose]
    return framed(
        "contest.html",
        title=title,
        summary=summary,
        sections=[(section.anchor, section.title) for section in shown],
        content=shown,
        plot=plot_html,
    )
