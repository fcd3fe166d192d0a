"""Pictures of heat maps."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from sygus.errors import OptionError
from sygus.export.gallery import Gallery, in_colours
from sygus.export.record import FOUND, Record
from sygus.export.tables import score_text
from sygus.writing import write_file

COLOURS = "viridis"
"""The colour map of heat maps."""

COLOUR_MAPS = (COLOURS, "cividis", "inferno", "magma", "plasma")
"""Those offered: even in brightness and readable with every kind of colour vision, which jet is not."""

OPACITY = 0.6

WIDEST = 8
"""Pictures beside one another, at most."""

FIGURE_METHODS = ("Grad-CAM", "Grad-CAM++", FOUND)
"""The titles of the methods whose heat maps are shown beside one another."""

FIGURE_PICTURES = 4
"""Pictures in a figure of heat maps."""


@dataclass(frozen=True)
class Style:
    """How heat maps lie over pictures: one of :data:`COLOUR_MAPS`, and how opaque, from 0 to 1."""

    colours: str = COLOURS
    opacity: float = OPACITY

    def __post_init__(self) -> None:
        if self.colours not in COLOUR_MAPS:
            raise OptionError(f"--colours: '{self.colours}' is not offered", f"choose one of {', '.join(COLOUR_MAPS)}")
        if not 0 <= self.opacity <= 1:
            raise OptionError(f"--alpha: {self.opacity} is no opacity", "give a number from 0 to 1")


PLAIN = Style()


def overlay(picture: Tensor, saliency: Tensor, style: Style = PLAIN) -> Image.Image:
    """A heat map over its picture in grey, at the picture's size.

    Args:
        picture: (3, H, W) in [0, 1].
        saliency: (H, W) in [0, 1].
        style: colours and opacity.
    """
    grey = picture.mean(0, keepdim=True).permute(1, 2, 0).cpu().numpy()
    coloured = colormaps[style.colours](saliency.cpu().numpy())[..., :3]
    mixed = style.opacity * coloured + (1 - style.opacity) * grey
    return Image.fromarray((mixed * 255).round().astype(np.uint8))


def rows_of_heat_maps(
    pictures: Tensor,
    titles: Sequence[str],
    maps: Sequence[Tensor],
    captions: Sequence[Sequence[str]],
    style: Style = PLAIN,
    rows: Sequence[str] = (),
) -> Figure:
    """A figure: a row per picture, the picture first and then each method's heat map over it; of many several rows.

    Args:
        pictures: (n, C, H, W) in [0, 1].
        titles: of the columns after the picture.
        maps: for each column its saliency maps (n, H, W) in [0, 1]; of fewer, the last rows stay empty there.
        captions: for each row the text under each of those columns.
        style: of the heat maps.
        rows: for each row the text under its picture, as from :func:`row_captions`; empty for none.
    """
    pictures = in_colours(pictures)
    count, cells = len(pictures), len(titles) + 1
    folded = math.ceil(cells / WIDEST)  # into so many rows of about equal length
    columns = math.ceil(cells / folded)
    lines = max((text.count("\n") for text in rows), default=0)
    height = (1.85 + 0.12 * lines) * count * folded + 0.25 * (count if folded > 1 else 1)
    figure = Figure(figsize=(1.6 * columns, height), layout="constrained")
    axes = figure.subplots(count * folded, columns, squeeze=False).reshape(count, folded * columns)
    for row in range(count):
        picture = pictures[row].permute(1, 2, 0).cpu().numpy()
        axes[row, 0].imshow(picture)
        if rows:
            axes[row, 0].set_xlabel(rows[row], fontsize=8, parse_math=False)
        for column, saliency in enumerate(maps, start=1):
            if row < len(saliency):
                axes[row, column].imshow(overlay(pictures[row], saliency[row], style))
            axes[row, column].set_xlabel(captions[row][column - 1], fontsize=8)
    for titled in axes if folded > 1 else axes[:1]:
        for axis, title in zip(titled, ["picture", *titles], strict=False):  # the last places of a fold stay empty
            axis.set_title(title, fontsize=9)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure of heat maps into a file, whose suffix decides the format.

    Raises:
        WriteError: it cannot be written.
    """
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=150)
    write_file(path, content.getvalue())


def row_captions(names: Sequence[str], explained: Sequence[str]) -> list[str]:
    """What stands under the pictures of a figure: the file, without its folders, and below it the class explained.

    Args:
        names: of the pictures.
        explained: in each picture.
    """
    return [f"{_short(Path(name).name)}\n{_short(what)}" for name, what in zip(names, explained, strict=True)]


def _short(text: str) -> str:
    """The text on a line below a picture: of a long one the beginning and the end, as of files that are numbered."""
    line = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
    half = CAPTION // 2
    return line if len(line) <= CAPTION else f"{line[: CAPTION - half - 1]}…{line[-half:]}"


CAPTION = 24
"""Characters of a line below a picture."""


def heat_map_figure(record: Record, gallery: Gallery, methods: Sequence[str], count: int) -> Figure:
    """The first pictures of the gallery, none chosen, with the heat maps of some methods.

    Over each column stands the method's mean score on all held-out pictures, under each map its score on the picture.

    Args:
        record: of the run, which has a metric.
        gallery: the same run's.
        methods: their titles; those that the run does not have, or not scored, are left out.
        count: how many pictures.
    """
    measure = record.measures[0]
    rows = {row.title: row for row in record.table if row.title in gallery.maps}
    chosen = [rows[title] for title in methods if title in rows and measure.name in rows[title].held_out]
    means = [row.held_out[measure.name] for row in chosen]

    def shown_as(score: float) -> str:
        return score_text(score, measure) + measure.unit

    titles = [f"{r.title}\n{shown_as(m.value)} on {m.images}" for r, m in zip(chosen, means, strict=True)]
    shown = range(min(count, len(gallery.pictures)))
    captions = [[f"{measure.name} {shown_as(mean.scores[index])}" for mean in means] for index in shown]
    maps = [gallery.maps[row.title] / 255 for row in chosen]
    names = row_captions(record.held_out.ids[: len(shown)], record.held_out.targets[: len(shown)])
    return rows_of_heat_maps(gallery.pictures[: len(shown)] / 255, titles, maps, captions, rows=names)
