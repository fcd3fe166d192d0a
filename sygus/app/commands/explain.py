"""``sycam-sygus explain``: draw the heat maps of some pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from solvers.cam.settings import Settings
from sygus.app.display import Display
from sygus.app.estimates import costs_of, warn_of_long_work
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.errors import OptionError
from sygus.export.figures import Style, overlay, row_captions, rows_of_heat_maps
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import read_expression
from sygus.oracles.methods import Method, applicable_methods, expression_method, find_methods
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


def run_explain(options: ExplainOptions) -> ExitStatus:
    """Print what the network predicts for each picture, and draw a row of heat maps for it.

    After a KeyboardInterrupt the maps that are done are drawn, and the others named.

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
    read = read_pictures(options.images, network.preprocessing)
    if read.skipped:
        echo(f"note: {len(read.skipped)} pictures cannot be read and are skipped: {'; '.join(read.skipped)}", err=True)
    subject = subject_of(network, read, strict=True)
    images = subject.images
    _report(subject)
    oracle = CamOracle(subject, layers=split_at(network, settings.modules))
    rows = applicable_methods(options.methods, oracle, lambda text: echo(f"note: {text}", err=True)) + own
    warn_of_long_work(rows, [oracle], lambda text: echo(f"note: {text}", err=True))
    done: list[Evaluation] = []
    status = ExitStatus.DONE
    try:
        with Display(Console(stderr=True)):
            _draw(rows, oracle, done)
    except KeyboardInterrupt:
        if not done:
            raise
        status = ExitStatus.INTERRUPTED
        _report_missing(rows, done, images.ids)
    _write(options, style, rows[: len(done)], done)
    return status


def _draw(rows: Sequence[Method], oracle: CamOracle, done: list[Evaluation]) -> None:
    """Draw the maps of one method after the other; ``done`` grows, also by the pictures of one that is interrupted."""
    for row in track(rows, len(rows), "methods drawn", costs_of(rows, [oracle])):
        maps: list[Tensor] = []
        try:
            maps.extend(map(row.saliency, _groups(row, oracle)))  # what it held before an interrupt it keeps
        finally:
            if maps:
                drawn = torch.cat(maps)
                done.append(oracle.evaluation(drawn, torch.arange(len(drawn))))


def _write(options: ExplainOptions, style: Style, rows: Sequence[Method], done: Sequence[Evaluation]) -> None:
    """Write the figure, or the overlays, and say where they are."""
    subject = done[0].subject
    images = subject.images
    for row, evaluation in zip(rows, done, strict=True):
        for index in evaluation.empty.nonzero()[:, 0].tolist():
            echo(f"note: {row.title}: the map of {images.ids[index]} is constant, drawn as black", err=True)
    folder = make_folder(Path(options.out), "--out")
    if options.grid:
        rows_of_heat_maps(
            images.pictures,
            [row.title for row in rows],
            [evaluation.saliency for evaluation in done],
            _captions(subject, done),
            folder / FIGURE,
            style,
            row_captions(images.ids, _explained(subject)),
        )
        echo(f"heat maps: {folder / FIGURE}", err=True)
        return
    for index, name in enumerate(images.ids):
        for row, evaluation in zip(rows, done, strict=True):
            if index < len(evaluation.index):
                path = folder / f"{index + 1:03d}-{_file_name(name)}-{_file_name(row.name)}.png"
                picture = io.BytesIO()
                overlay(images.pictures[index], evaluation.saliency[index], style).save(picture, "PNG")
                write_file(path, picture.getvalue())
    echo(f"heat maps: {sum(len(evaluation.index) for evaluation in done)} pictures in {folder}", err=True)


def _groups(method: Method, oracle: CamOracle) -> Iterator[CamOracle]:
    """The pictures that a method draws at a time: one, where its channels fill the passes, so that each is kept."""
    count = len(oracle.subject.images)
    if count == 1 or not method.by_channel:
        yield oracle
        return
    for place in track(range(count), count, f"pictures by {method.title}"):
        index = torch.tensor([place])
        probability = None if oracle.subject.network.no_class else oracle.subject.probability[index]
        one = oracle.subject.showing(oracle.subject.pictures[index], index, probability)
        yield CamOracle(one, layers=oracle.layers)


def _report_missing(rows: Sequence[Method], done: Sequence[Evaluation], names: Sequence[str]) -> None:
    """Say which maps are missing, and that those drawn are not all."""
    missing = [
        f"{row.title} of {', '.join(names[len(evaluation.index) :])}"
        for row, evaluation in zip(rows, done, strict=False)
        if len(evaluation.index) < len(names)
    ]
    missing += [row.title for row in rows[len(done) :]]
    echo(f"interrupted; what is done is drawn, without {'; '.join(missing)}", err=True)


def _file_name(text: str) -> str:
    """A name for a file: the last part of a path without its suffix, of plain characters."""
    return re.sub(r"[^A-Za-z0-9_+.-]+", "_", Path(text).stem)


NOT_DRAWN = "not drawn"
"""The caption of a map that is missing."""


def _captions(subject: Subject, evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """What masking does to the probability, or to the number explained, under each map of each picture."""
    if subject.network.no_class:
        name, form, clean = "y", ".3g", subject.logits[:, 0]
        masked = [subject.network.logits(one.masked)[:, 0] for one in evaluations]
    else:
        name, form, clean = "p", ".2f", subject.probability
        masked = [one.masked_probability for one in evaluations]
    return [
        [
            f"{name} {value:{form}} → {float(values[row]):{form}}" if row < len(values) else NOT_DRAWN
            for values in masked
        ]
        for row, value in enumerate(clean.tolist())
    ]


def _explained(subject: Subject) -> list[str]:
    """What is explained in each picture: the class, or the number."""
    network = subject.network
    if network.no_class:
        return [network.target.text] * len(subject.images)
    return [network.classes[target] for target in subject.targets.tolist()]


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
