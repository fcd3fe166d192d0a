"""``sycam-sygus explain``: draw the heat maps of some pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from solvers.cam.settings import Settings
from sygus.app.display import Display
from sygus.app.terminal import echo
from sygus.errors import OptionError
from sygus.export.figures import Style, overlay, rows_of_heat_maps
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import read_expression
from sygus.oracles.methods import applicable_methods, expression_method, find_methods
from sygus.saliency.images.single import read_pictures
from sygus.saliency.metrics import Subject
from sygus.saliency.networks import Network, load_network, split_at
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
        device=options.device or default.device,
    )
    style = Style(options.colours, options.alpha)
    find_methods(options.methods)  # an unknown one is an error before anything is loaded
    own = []
    if options.expression is not None:
        own.append(expression_method("expression", "expression", read_expression(options.expression)))
    network = load_network(settings.network, settings.torch_device(), settings.layer).for_few(len(options.images))
    echo(f"note: {network.name}: {'; '.join(network.notes)}", err=True)
    target = None if options.target is None else _class_of(network, options.target)
    images = read_pictures(options.images, network.preprocessing)
    probabilities = torch.softmax(network.logits(images.pictures).float(), 1)
    predicted = probabilities.argmax(1)
    targets = predicted if target is None else torch.full_like(predicted, target)
    explained = probabilities.gather(1, targets[:, None])[:, 0]
    _report(network, images.ids, probabilities, targets)
    oracle = CamOracle(Subject(network, images, targets, explained), layers=split_at(network, settings.modules))
    rows = applicable_methods(options.methods, oracle, lambda text: echo(f"note: {text}", err=True)) + own
    with Display(Console(stderr=True)):
        evaluations = [row.evaluation(oracle) for row in track(rows, len(rows), "methods drawn")]
    for row, evaluation in zip(rows, evaluations, strict=True):
        for index in evaluation.empty.nonzero()[:, 0].tolist():
            echo(f"note: {row.title}: the map of {images.ids[index]} is constant, drawn as black", err=True)
    folder = make_folder(Path(options.out), "--out")
    if options.grid:
        rows_of_heat_maps(
            images.pictures,
            [row.title for row in rows],
            [evaluation.saliency for evaluation in evaluations],
            [_captions(p, i, [e.masked_probability for e in evaluations]) for i, p in enumerate(explained.tolist())],
            folder / FIGURE,
            style,
        )
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


def _captions(clean: float, row: int, masked: Sequence[Tensor]) -> list[str]:
    """What masking does to the probability, under each map of a picture."""
    return [f"p {clean:.2f} → {float(values[row]):.2f}" for values in masked]


def _report(network: Network, names: Sequence[str], probabilities: Tensor, targets: Tensor) -> None:
    for name, row, target in zip(names, probabilities, targets.tolist(), strict=True):
        best = int(row.argmax())
        line = f"{name}: {network.classes[best]} ({float(row[best]):.4f})"
        if target != best:
            line += f"; explained: {network.classes[target]} ({float(row[target]):.4f})"
        echo(line)


def _class_of(network: Network, text: str) -> int:
    """The number of a class, given by its name or number.

    Raises:
        OptionError: the network has no such class.
    """
    if text in network.classes:
        return network.classes.index(text)
    if text.isdecimal() and int(text) < len(network.classes):
        return int(text)
    shown = ", ".join(network.classes[:10]) + (", …" if len(network.classes) > 10 else "")
    raise OptionError(
        f"--target: '{network.name}' has no class '{text}'", f"give a number below {len(network.classes)}, or {shown}"
    )
