"""``sycam-sygus explain``: draw the heat maps of some pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from solvers.cam.settings import Settings
from sygus.app.display import Display
from sygus.app.explaining import Explanations, class_or_target, explained, predictions_of
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.export.figures import Style, overlay, write_figure
from sygus.oracles.expressions import read_expression
from sygus.saliency.images.single import read_pictures
from sygus.saliency.metrics import Subject
from sygus.writing import make_folder, write_file

FIGURE = "heatmaps.png"


@dataclass(frozen=True)
class ExplainOptions:
    """The options of the command; None where they are not given."""

    images: Sequence[str]
    network: str | None
    layer: str | None
    layers: str | None
    methods: str
    expression: str | None
    target: str | None
    out: str
    device: str | None
    alpha: float
    colours: str
    grid: bool


def run_explain(options: ExplainOptions) -> ExitStatus:
    """Print what the network predicts for each picture, and draw a row of heat maps for it.

    After a KeyboardInterrupt the maps that are done are drawn.

    Args:
        options: of the command.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    default = Settings()
    settings = Settings(
        network=options.network or default.network,
        layer=options.layer,
        layers=options.layers,
        target=default.target if options.target is None else class_or_target(options.target),
        device=options.device or default.device,
    )
    style = Style(options.colours, options.alpha)
    found = explained(
        settings,
        lambda preprocessing: read_pictures(options.images, preprocessing),
        options.methods,
        None if options.expression is None else read_expression(options.expression),
        lambda note: echo(f"note: {note}", err=True),
        Display(Console(stderr=True)),
        _report,
    )
    folder = make_folder(Path(options.out), "--out")
    if options.grid:
        write_figure(found.figure(colours=style.colours, alpha=style.opacity), folder / FIGURE)
        echo(f"heat maps: {folder / FIGURE}", err=True)
    else:
        _write_overlays(found, style, folder)
        count = sum(len(evaluation.index) for evaluation in found.evaluations)
        echo(f"heat maps: {count} pictures in {folder}", err=True)
    return ExitStatus.INTERRUPTED if found.missing else ExitStatus.DONE


def _report(subject: Subject) -> None:
    for name, prediction in zip(subject.images.ids, predictions_of(subject), strict=True):
        echo(f"{name}: {prediction}")


def _write_overlays(found: Explanations, style: Style, folder: Path) -> None:
    """A file for each map."""
    for index, name in enumerate(found.subject.images.ids):
        for row, evaluation in zip(found.methods, found.evaluations, strict=True):
            if index < len(evaluation.index):
                path = folder / f"{index + 1:03d}-{_file_name(name)}-{_file_name(row.name)}.png"
                picture = io.BytesIO()
                overlay(found.pictures[index], evaluation.saliency[index], style).save(picture, "PNG")
                write_file(path, picture.getvalue())


def _file_name(text: str) -> str:
    """A name for a file: the last part of a path without its suffix, of plain characters."""
    return re.sub(r"[^A-Za-z0-9_+.-]+", "_", Path(text).stem)
