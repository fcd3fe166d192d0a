"""Heat maps of some pictures by methods and an expression, for the command ``explain`` and for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from solvers.cam.settings import Settings
from solvers.cam.subjects import skipping
from sygus.app.estimates import costs_of, warn_of_long_work
from sygus.errors import OptionError
from sygus.export.figures import PLAIN, Style, row_captions, rows_of_heat_maps
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import Method, applicable_methods, expression_method, find_methods
from sygus.saliency.images import ImageSet, Preprocessing
from sygus.saliency.metrics import Evaluation, Subject, subject_of
from sygus.saliency.networks import Target, read_target, split_at
from sygus.saliency.progress import track


@dataclass(frozen=True, eq=False)
class Explanations:
    """Heat maps of pictures. In notebooks it shows its figure.

    Attributes:
        subject: the network's view of the pictures.
        methods: what was drawn, an expression last.
        evaluations: the maps of each; after an interrupt the last may be of the first pictures alone.
        missing: which maps an interrupt left out, in words; "" where none is missing.
    """

    subject: Subject
    methods: tuple[Method, ...]
    evaluations: tuple[Evaluation, ...]
    missing: str = ""

    @property
    def maps(self) -> Mapping[str, Tensor]:
        """By the name of the method its maps S, (N, H, W) float32 in [0, 1], on the CPU; a constant map is 0."""
        pairs = zip(self.methods, self.evaluations, strict=True)
        return {method.name: evaluation.saliency.cpu() for method, evaluation in pairs}

    @property
    def pictures(self) -> Tensor:
        """The pictures as the network sees them, (N, C, H, W) in [0, 1]."""
        return self.subject.images.pictures

    @property
    def explained(self) -> tuple[str, ...]:
        """For each picture the class that is explained, or the number, by its name."""
        network = self.subject.network
        if network.no_class:
            return (network.target.text,) * len(self.subject.images)
        return tuple(network.classes[target] for target in self.subject.targets.tolist())

    @property
    def predictions(self) -> tuple[str, ...]:
        """What the network makes of each picture: the class predicted and the one explained, or the number."""
        return predictions_of(self.subject)

    def figure(self, *, colours: str = PLAIN.colours, alpha: float = PLAIN.opacity) -> Figure:
        """A row for each picture: the picture, then each method's heat map over it, and what masking by it does.

        Args:
            colours: viridis, cividis, inferno, magma or plasma.
            alpha: opacity of the maps, from 0 to 1.

        Returns:
            The figure.

        Raises:
            OptionError: other colours, or another opacity.
        """
        return rows_of_heat_maps(
            self.pictures,
            [method.title.replace("(", "\n(") for method in self.methods],
            [evaluation.saliency for evaluation in self.evaluations],
            self._captions(),
            Style(colours, alpha),
            row_captions(self.subject.images.ids, self.explained),
        )

    def _captions(self) -> list[list[str]]:
        """What masking does to the probability, or to the number explained, under each map of each picture."""
        subject = self.subject
        if subject.network.no_class:
            name, form, clean = "y", ".3g", subject.logits[:, 0]
            masked = [subject.network.logits(one.masked)[:, 0] for one in self.evaluations]
        else:
            name, form, clean = "p", ".2f", subject.probability
            masked = [one.masked_probability for one in self.evaluations]
        return [
            [
                f"{name} {value:{form}} → {float(values[row]):{form}}" if row < len(values) else NOT_DRAWN
                for values in masked
            ]
            for row, value in enumerate(clean.tolist())
        ]

    def __repr__(self) -> str:
        return f"Explanations({len(self.subject.images)} pictures by {', '.join(one.title for one in self.methods)})"

    def _repr_png_(self) -> bytes:
        from sygus.export.plots import figure_bytes

        return figure_bytes(self.figure(), "png")


NOT_DRAWN = "not drawn"
"""The caption of a map that is missing."""


def predictions_of(subject: Subject) -> tuple[str, ...]:
    """What the network makes of each picture: the class predicted and the one explained, or the number explained.

    Args:
        subject: the network's view of the pictures.
    """
    network = subject.network
    if network.no_class:
        return tuple(f"{network.target.text} {value:.4g}" for value in subject.logits[:, 0].tolist())
    lines = []
    probabilities = network.class_probabilities(subject.logits)
    for row, target in zip(probabilities, subject.targets.tolist(), strict=True):
        best = int(row.argmax())
        line = f"{network.classes[best]} ({float(row[best]):.4f})"
        if target != best:
            line += f"; explained: {network.classes[target]} ({float(row[target]):.4f})"
        lines.append(line)
    return tuple(lines)


def explained(
    settings: Settings,
    read: Callable[[Preprocessing], ImageSet],
    names: str,
    expression: Term | None,
    note: Callable[[str], None],
    display: AbstractContextManager[object],
    begun: Callable[[Subject], None] = lambda subject: None,  # noqa: ARG005 - nobody is told
) -> Explanations:
    """Draw the heat maps of some pictures; a KeyboardInterrupt keeps those that are done.

    Args:
        settings: name the network and what is explained.
        read: gives the pictures, as the network wants them.
        names: of methods, separated by commas.
        expression: over features, to be drawn too.
        note: told how the network was split and fed, which pictures are skipped, and which maps are constant.
        display: entered while maps are drawn.
        begun: told of the pictures before anything is drawn.

    Returns:
        The maps.

    Raises:
        KeyboardInterrupt: before the first map was done.
        SycamError: bad input; it says which.
    """
    find_methods(names)  # an unknown one is an error before anything is loaded
    own = [] if expression is None else [expression_method("expression", "expression", expression)]
    network = settings.load_network()
    images = read(network.preprocessing)
    network = network.for_few(len(images))
    note(f"{network.name}: {'; '.join(network.notes)}")
    if images.skipped:
        note(skipping(images.skipped))
    subject = subject_of(network, images, strict=True)
    begun(subject)
    oracle = CamOracle(subject, layers=split_at(network, settings.modules))
    rows = applicable_methods(names, oracle, note) + own
    warn_of_long_work(rows, [oracle], note, "what is done")
    done: list[Evaluation] = []
    missing = ""
    try:
        with display:
            _draw(rows, oracle, done)
    except KeyboardInterrupt:
        if not done:
            raise
        missing = _missing(rows, done, subject.images.ids)
        note(f"interrupted; what is done is drawn, without {missing}")
    for row, evaluation in zip(rows, done, strict=False):
        for index in evaluation.empty.nonzero()[:, 0].tolist():
            note(f"{row.title}: the map of {subject.images.ids[index]} is constant, drawn as black")
    return Explanations(subject, tuple(rows[: len(done)]), tuple(done), missing)


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


def _missing(rows: Sequence[Method], done: Sequence[Evaluation], names: Sequence[str]) -> str:
    """Which maps are not drawn, in words."""
    missing = [
        f"{row.title} of {', '.join(names[len(evaluation.index) :])}"
        for row, evaluation in zip(rows, done, strict=False)
        if len(evaluation.index) < len(names)
    ]
    return "; ".join([*missing, *(row.title for row in rows[len(done) :])])


def class_or_target(value: str | Target) -> Target:
    """What is explained; a text that names nothing else is a class, by its name or number.

    Args:
        value: the text, or the target.

    Returns:
        The target.
    """
    try:
        return read_target(value)
    except OptionError:
        return Target("logit", str(value))


def joined(names: object, what: str) -> str:
    """Names as an option lists them.

    Args:
        names: these, or the list.
        what: they are, for messages.

    Returns:
        The text.

    Raises:
        OptionError: these are no names.
    """
    if isinstance(names, str):
        return names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise OptionError(f"{what} is of the type {type(names).__name__}", "give names, as a list or in a text")
    return ",".join(names)
