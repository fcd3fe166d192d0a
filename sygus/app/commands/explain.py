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
from sygus.app.terminal import echo
from sygus.errors import OptionError
from sygus.export.figures import Style, overlay, rows_of_heat_maps, write_figure
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import read_expression
from sygus.oracles.methods import applicable_methods, expression_method, find_methods
from sygus.saliency.images.single import read_pictures
from sygus.saliency.metrics import Evaluation, Subject, subject_of
from sygus.saliency.networks import Target, load_network, read_target, split_at
from sygus.saliency.progress import track
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


def run_explain(options: ExplainOptions) -> None:
    """Print what the network predicts for each picture, and draw a row of heat maps for it.

    Args:
        options: of the command.

    Raises:
        SycamError: bad input; it says which.
    """
    default = Settings()
    settings = Settings(
        network=options.network or default.network,
        layer=options.layer,
        layers=options.layers,
        target=default.target if options.target is None else _target(options.target),
        device=options.device or default.device,
    )
    style = Style(options.colours, options.alpha)
    find_methods(options.methods)  # an unknown one is an error before anything is loaded
    own = []
    if options.expression is not None:
        own.append(expression_method("expression", "expression", read_expression(options.expression)))
    network = load_network(settings.network, settings.torch_device(), settings.layer, settings.explained)
    network = network.for_few(len(options.images))
    echo(f"note: {network.name}: {'; '.join(network.notes)}", err=True)
    subject = subject_of(network, read_pictures(options.images, network.preprocessing), strict=True)
    images = subject.images
    _report(subject)
    oracle = CamOracle(subject, layers=split_at(network, settings.modules))
    rows = applicable_methods(options.methods, oracle, lambda text: echo(f"note: {text}", err=True)) + own
    with Display(Console(stderr=True)):
        evaluations = [row.evaluation(oracle) for row in track(rows, len(rows), "methods drawn")]
    for row, evaluation in zip(rows, evaluations, strict=True):
        for index in evaluation.empty.nonzero()[:, 0].tolist():
            echo(f"note: {row.title}: the map of {images.ids[index]} is constant, drawn as black", err=True)
    folder = make_folder(Path(options.out), "--out")
    if options.grid:
        figure = rows_of_heat_maps(
            images.pictures,
            [row.title for row in rows],
            [evaluation.saliency for evaluation in evaluations],
            _captions(subject, evaluations),
            style,
        )
        write_figure(figure, folder / FIGURE)
        echo(f"heat maps: {folder / FIGURE}", err=True)
        return
    for index, name in enumerate(images.ids):
        for row, evaluation in zip(rows, evaluations, strict=True):
            path = folder / f"{index + 1:03d}-{_file_name(name)}-{_file_name(row.name)}.png"
            picture = io.BytesIO()
            overlay(images.pictures[index], evaluation.saliency[index], style).save(picture, "PNG")
            write_file(path, picture.getvalue())
    echo(f"heat maps: {len(images.ids) * len(rows)} pictures in {folder}", err=True)


def _file_name(text: str) -> str:
    """A name for a file: the last part of a path without its suffix, of plain characters."""
    return re.sub(r"[^A-Za-z0-9_+.-]+", "_", Path(text).stem)


def _captions(subject: Subject, evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """What masking does to the probability, or to the number explained, under each map of each picture."""
    if subject.network.no_class:
        name, form, clean = "y", ".3g", subject.logits[:, 0]
        masked = [subject.network.logits(one.masked)[:, 0] for one in evaluations]
    else:
        name, form, clean = "p", ".2f", subject.probability
        masked = [one.masked_probability for one in evaluations]
    return [
        [f"{name} {value:{form}} → {float(values[row]):{form}}" for values in masked]
        for row, value in enumerate(clean.tolist())
    ]


def _report(subject: Subject) -> None:
    """What the network makes of each picture: the class predicted and the one explained, or the number explained."""
    network = subject.network
    if network.no_class:
        for name, value in zip(subject.images.ids, subject.logits[:, 0].tolist(), strict=True):
            echo(f"{name}: {network.target.text} {value:.4g}")
        return
    probabilities = network.class_probabilities(subject.logits)
    for name, row, target in zip(subject.images.ids, probabilities, subject.targets.tolist(), strict=True):
        best = int(row.argmax())
        line = f"{name}: {network.classes[best]} ({float(row[best]):.4f})"
        if target != best:
            line += f"; explained: {network.classes[target]} ({float(row[target]):.4f})"
        echo(line)


def _target(text: str) -> Target:
    """What is explained; a text that names nothing else is a class, by its name or number."""
    try:
        return read_target(text)
    except OptionError:
        return Target("logit", text)
