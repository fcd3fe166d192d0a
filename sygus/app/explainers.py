"""Found expressions as drop-in explainers of any model, with every feature of the language.

``SynthesizedCAM.load("runs/mine")(model, target_layers)`` explains as a class of pytorch-grad-cam does,
``SynthesizedExtractor.load("runs/mine")(model, target_layer)`` as an extractor of torchcam. The expression is read from
SyGuS-IF and evaluated by the theory's kernels; nothing of the file is executed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.export.figures import COLOURS, OPACITY, Style, overlay
from sygus.export.gallery import in_colours
from sygus.export.hooked import (
    MEASURED,
    Explained,
    Expression,
    ExpressionCAM,
    ExpressionExtractor,
    Reached,
    in_range,
    layers_explained,
    logits_of,
    targets_of,
    value_of,
    values_of,
)
from sygus.export.record import Record
from sygus.language.terms import Term
from sygus.language.text import term_text
from sygus.language.theories.cam import activation_at
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import is_whole, layer_of, named_at, parted
from sygus.oracles.expressions import parse_expression
from sygus.oracles.parameters import features_of, is_placed, variables_of
from sygus.resources import read_text
from sygus.saliency.features import FEATURES, Measurements
from sygus.saliency.networks import Network, Target, make_network, read_target, split_at
from sygus.saliency.networks.chunks import chunk_for_few
from sygus.saliency.networks.classifier import Shape, undescribed
from sygus.saliency.networks.kept import KeptNetworks


def load_expression(path: str | Path) -> Term:
    """The expression of a run, or of a file.

    Args:
        path: the folder or record of a run, or a file with an answer, a define-fun or a term.

    Returns:
        The term over features.

    Raises:
        OptionError: there is no such file, or the run found nothing.
        SycamError: it cannot be read.
    """
    return _loaded(path)[0]


def _loaded(path: str | Path) -> tuple[Term, Mapping[str, str]]:
    """The expression, and where a run is given the modules of its layers that have names."""
    file = Path(path)
    if file.is_dir() or file.suffix in (".json", ".sqlite"):
        record = Record.read(str(path))
        if record.found is None:
            raise OptionError(f"the run {path} found no expression", "take one that has an answer")
        return parse_expression(record.answer, str(path)), record.layers
    try:
        return parse_expression(read_text(file), str(path)), {}
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"cannot read '{path}' ({error})", "give a run, or a text file with an answer") from None


class _Synthesized(Expression):
    """Evaluates a term on a model's features.

    Attributes:
        model: what is explained.
        expression: the term.
        further: the features that one pass does not show, in words; "" where it shows all.
        kept: the networks that those are measured on.
    """

    model: nn.Module
    expression: Term
    further: str
    kept: KeptNetworks

    def _take(self, expression: Term, model: nn.Module, multi_label: bool, importance: str | None) -> None:
        self.expression = expression
        self.names = features_of(expression)
        self.is_whole = is_whole(expression.sort)
        self.layer = layer_of(expression.sort)
        self.further = ", ".join(name for name in self.names if parted(name)[0] not in MEASURED)
        self.placed = is_placed(expression)
        self.kept = KeptNetworks(model, multi_label=multi_label, importance=importance)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {term_text(self.expression)})"

    def values(self, features: Mapping[str, Tensor], size: tuple[int, int]) -> Tensor:
        variables = (activation_at(""), *variables_of(self.expression))
        return evaluate(self.expression, {one: features[one.name] for one in variables}, size=size)

    def heat_map(self, reached: Reached, *, eigen_smooth: bool = False) -> Tensor:
        """L of what a pass shows; and where that does not suffice, of what is measured on a copy of the model."""
        if not self.further:
            return super().heat_map(reached, eigen_smooth=eigen_smooth)
        with torch.no_grad(), torch.autocast(reached.pictures.device.type, enabled=False):
            return self._of_table(self._measured(reached), eigen_smooth)

    def _of_table(self, table: Measurements, eigen_smooth: bool) -> Tensor:
        """L of what is measured."""
        activation = named_at("activation", self.layer)
        wanted = dict.fromkeys(("activation", activation, *self.names))
        features = {name: table.layer(layer)[feature] for name in wanted for feature, layer in [parted(name)]}
        return self.heat_map_of(features, features[activation], table.network.size, eigen_smooth=eigen_smooth)

    def _measured(self, reached: Reached) -> Measurements:
        """Everything, measured on a copy of the model at the layers that a pass has reached."""
        of_class = ", ".join(name for name in self.names if FEATURES[parted(name)[0]].of_class)
        if reached.classes is None and of_class:
            raise OptionError(f"{of_class}: a target that is no class has none", "give class numbers as targets")
        pictures, paths = reached.pictures, self.kept.paths()
        if pictures.dim() != _OF_PICTURES:
            message = f"{self.further}: measured of pictures (N, C, H, W) only, not of {tuple(pictures.shape)}"
            raise OptionError(message, f"an expression over {', '.join(MEASURED)} explains signals and volumes")
        everywhere = {"": reached, **reached.beside}
        if any(one.layer not in paths for one in everywhere.values()):
            raise OptionError(f"{self.further}: the layer is no part of the model", "give a layer of this model")
        named = {name: paths[one.layer] for name, one in reached.beside.items()}
        shape, device = _shape_of(pictures), pictures.device
        if reached.classes is not None:
            self.kept.refresh(shape, device)
            rows = reached.classes
            network, layers = self.kept.at(paths[reached.layer], named, len(pictures))
        else:
            target, rows = _explained(reached)
            taken = undescribed(self.model, shape, paths[reached.layer])
            classifier = replace(taken, importance=self.kept.importance)
            chunk, name = chunk_for_few(shape[1:], len(pictures)), type(self.model).__name__
            network = make_network(classifier, name, device, chunk=chunk, target=target)
            layers = split_at(network, named)
        table = Measurements(network, pictures, rows, layers=layers)
        for name, one in everywhere.items():
            if table.layer(name)["activation"].shape != one.activation.shape:
                self.kept.clear()
                message = f"{self.further}: not measured where the layer's output is reshaped"
                raise OptionError(message, "use other features")
        return table


def _explained(reached: Reached) -> tuple[Target, Tensor]:
    """What a copy of the model gives, and which of its numbers is explained in each picture.

    Where that is no class, the copy computes every target that there is for every picture.
    """
    if reached.classes is not None:
        return read_target("predicted"), reached.classes
    keys = [id(target) if callable(target) else operator.index(target) for target in reached.targets]
    distinct = list(dict(zip(keys, reached.targets, strict=True)).values())
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}

    def numbers(returned: Any) -> Tensor:
        outputs = logits_of(returned)
        made = torch.stack([torch.stack([value_of(target, output) for target in distinct]) for output in outputs])
        return made[:, 0] if len(distinct) == 1 else made

    name = ", ".join(_name(target) for target in distinct[:_NAMED])
    rows = torch.tensor([places[key] for key in keys], device=reached.pictures.device)
    return Target("function", name, numbers, len(distinct)), rows


def _shape_of(pictures: Tensor) -> Shape:
    return pictures.shape[1], pictures.shape[2], pictures.shape[3]


def _classes(network: Network, pictures: Tensor, targets: Sequence[Explained] | None) -> Tensor | None:
    """The class explained in each picture, (N,); None where one is explained that is no class among others."""
    outputs = torch.zeros(len(pictures), len(network.classes), device=pictures.device)
    if targets is None or any(map(callable, targets)):
        outputs = network.logits(pictures)
    return values_of(outputs, targets_of(outputs, targets))[1]


_OF_PICTURES = 4
"""Dimensions of pictures (N, C, H, W)."""

_NAMED = 3
"""Targets that messages name."""


def _name(target: Explained) -> str:
    return read_target(target).text if callable(target) else f"logit {operator.index(target)}"


class SynthesizedCAM(_Synthesized, ExpressionCAM):
    """A found expression with the calling convention of pytorch-grad-cam; see :class:`ExpressionCAM`.

    Args:
        expression: over features, as from :func:`load_expression`.
        model: see there.
        target_layers: see there.
        reshape_transform: see there.
        layers: see there.
        multi_label: see there.
        importance: the module of the model whose branch weighs the channels of the first layer explained, see
            :attr:`sygus.saliency.networks.Classifier.importance`; for expressions that read it.
    """

    def __init__(
        self,
        expression: Term,
        model: nn.Module,
        target_layers: nn.Module | str | Sequence[nn.Module | str],
        reshape_transform: Callable[[Tensor], Tensor] | None = None,
        layers: Mapping[str, nn.Module | str] | None = None,
        *,
        multi_label: bool = False,
        importance: str | None = None,
    ) -> None:
        self._take(expression, model, multi_label, importance)
        super().__init__(model, target_layers, reshape_transform, layers, multi_label=multi_label)

    def explained(
        self, input_tensor: Tensor, targets: Sequence[Explained] | None, *, eigen_smooth: bool
    ) -> NDArray[np.float32]:
        """See :meth:`ExpressionCAM.explained`; where the networks are kept, the model itself need not run."""
        found = self._of_kept(input_tensor, targets, eigen_smooth) if self.further else None
        return super().explained(input_tensor, targets, eigen_smooth=eigen_smooth) if found is None else found

    def show(
        self,
        input_tensor: Tensor,
        targets: Sequence[Explained] | None = None,
        *,
        pictures: Tensor | None = None,
        colours: str = COLOURS,
        opacity: float = OPACITY,
    ) -> Image.Image:
        """The heat maps over their pictures, side by side; a notebook draws it.

        Args:
            input_tensor: as for a call.
            targets: as for a call.
            pictures: what is drawn below the maps, (N, C, H, W) in [0, 1]; None: the input, each scaled to [0, 1].
            colours: of the maps, one of ``sygus.export.figures.COLOUR_MAPS``.
            opacity: of the maps, from 0 to 1.

        Raises:
            OptionError: colours or an opacity that are not offered.
            ValueError: the input is no pictures (N, C, H, W); or as a call.
        """
        style = Style(colours, opacity)
        if input_tensor.dim() != _OF_PICTURES:
            raise ValueError(f"drawn are pictures (N, C, H, W), not {tuple(input_tensor.shape)}")
        maps = torch.from_numpy(self(input_tensor, targets))
        below = in_range(input_tensor.detach().cpu().float()) if pictures is None else pictures.detach()
        tiles = [overlay(*one, style) for one in zip(in_colours(below), maps, strict=True)]
        row = Image.new("RGB", (sum(tile.width for tile in tiles), tiles[0].height))
        for place, tile in enumerate(tiles):
            row.paste(tile, (place * tile.width, 0))
        return row

    def _of_kept(
        self, pictures: Tensor, targets: Sequence[Explained] | None, eigen_smooth: bool
    ) -> NDArray[np.float32] | None:
        """S measured on the networks that an earlier call made; None where a pass of the model is needed."""
        pictures = pictures.to(self.place or pictures.device)
        paths = self.kept.paths()
        layers = layers_explained(self.target_layers, self.named)
        if pictures.dim() != _OF_PICTURES or torch.is_autocast_enabled(pictures.device.type):
            return None
        shape = _shape_of(pictures)
        self.kept.refresh(shape, pictures.device)
        if not all(self.kept.has(paths.get(layer, "")) for layer in layers):
            return None
        named = {name: paths[layer] for name, layer in self.named.items()}
        with torch.inference_mode(mode=False), torch.no_grad():
            pictures = pictures.clone() if pictures.is_inference() else pictures.detach()
            networks = [self.kept.at(paths[layer], named, len(pictures)) for layer in layers]
            classes = _classes(networks[0][0], pictures, targets)
            if classes is None:
                return None
            tables = [Measurements(network, pictures, classes, layers=beside) for network, beside in networks]
            return self.joined([self._of_table(table, eigen_smooth) for table in tables], shape[1:])

    @classmethod
    def load(cls, path: str | Path) -> Callable[..., SynthesizedCAM]:
        """What makes explainers of models: ``SynthesizedCAM.load(path)(model, target_layers)``.

        Args:
            path: see :func:`load_expression`.

        Returns:
            What takes a model and the rest of the constructor's arguments.

        Raises:
            SycamError: see there.
        """
        expression, layers = _loaded(path)
        return partial(cls, expression, layers=layers)


class SynthesizedExtractor(_Synthesized, ExpressionExtractor):
    """A found expression with the calling convention of torchcam; see :class:`ExpressionExtractor`.

    Args:
        expression: over features, as from :func:`load_expression`.
        model: see there.
        target_layer: see there.
        layers: see there.
        multi_label: see there.
        importance: the module of the model whose branch weighs the channels of the first layer explained, see
            :attr:`sygus.saliency.networks.Classifier.importance`; for expressions that read it.
    """

    def __init__(
        self,
        expression: Term,
        model: nn.Module,
        target_layer: Any,
        layers: Mapping[str, nn.Module | str] | None = None,
        *,
        multi_label: bool = False,
        importance: str | None = None,
    ) -> None:
        self._take(expression, model, multi_label, importance)
        super().__init__(model, target_layer, layers, multi_label=multi_label)

    @classmethod
    def load(cls, path: str | Path) -> Callable[..., SynthesizedExtractor]:
        """What makes extractors of models: ``SynthesizedExtractor.load(path)(model, target_layer)``.

        Args:
            path: see :func:`load_expression`.

        Returns:
            What takes a model and the rest of the constructor's arguments.

        Raises:
            SycamError: see there.
        """
        expression, layers = _loaded(path)
        return partial(cls, expression, layers=layers)
