"""Found expressions as drop-in explainers of any model, with every feature of the language.

``SynthesizedCAM.load("runs/mine")(model, target_layers)`` explains as a class of pytorch-grad-cam does,
``SynthesizedExtractor.load("runs/mine")(model, target_layer)`` as an extractor of torchcam. The expression is read from
SyGuS-IF and evaluated by the theory's kernels; nothing of the file is executed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.export.hooked import MEASURED, Explained, Expression, ExpressionCAM, ExpressionExtractor, Reached, value_of
from sygus.export.record import Record
from sygus.language.terms import Term
from sygus.language.theories.cam import activation_at
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import is_whole, layer_of, named_at, parted
from sygus.oracles.cam import features_of, variables_of
from sygus.oracles.expressions import parse_expression
from sygus.resources import read_text
from sygus.saliency.features import FEATURES, Measurements
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.networks import Target, make_network, read_target, split_at
from sygus.saliency.networks.chunks import chunk_for_few
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.network import unwrapped


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
    """Evaluates a term on a model's features."""

    model: nn.Module
    expression: Term

    def _take(self, expression: Term) -> None:
        self.expression = expression
        self.names = features_of(expression)
        self.is_whole = is_whole(expression.sort)
        self.layer = layer_of(expression.sort)

    def values(self, features: Mapping[str, Tensor], size: tuple[int, int]) -> Tensor:
        variables = (activation_at(""), *variables_of(self.expression))
        return evaluate(self.expression, {one: features[one.name] for one in variables}, size=size)

    def measured(self, reached: Reached) -> Mapping[str, Tensor]:
        """What the pass shows; and where that does not suffice, everything measured on a copy of the model."""
        further = ", ".join(name for name in self.names if parted(name)[0] not in MEASURED)
        if not further:
            return super().measured(reached)
        of_class = ", ".join(name for name in self.names if FEATURES[parted(name)[0]].of_class)
        if reached.classes is None and of_class:
            raise OptionError(f"{of_class}: a target that is no class has none", "give class numbers as targets")
        size = (reached.pictures.shape[-2], reached.pictures.shape[-1])
        paths = {module: path for path, module in unwrapped(self.model).named_modules()}
        everywhere = {"": reached, **reached.beside}
        if any(one.layer not in paths for one in everywhere.values()):
            raise OptionError(f"{further}: the layer is no part of the model", "give a layer of this model")
        classifier = Classifier(self.model, Preprocessing(size, size), layer=paths[reached.layer])
        chunk = chunk_for_few(size, len(reached.pictures))
        target, rows = _explained(reached)
        device, name = reached.pictures.device, type(self.model).__name__
        network = make_network(classifier, name, device, chunk=chunk, target=target)
        layers = split_at(network, {name: paths[one.layer] for name, one in reached.beside.items()})
        table = Measurements(network, reached.pictures, rows, layers=layers)
        for name, one in everywhere.items():
            if table.layer(name)["activation"].shape != one.activation.shape:
                raise OptionError(f"{further}: not measured where the layer's output is reshaped", "use other features")
        wanted = dict.fromkeys(("activation", named_at("activation", self.layer), *self.names))
        return {name: table.layer(layer)[feature] for name in wanted for feature, layer in [parted(name)]}


def _explained(reached: Reached) -> tuple[Target, Tensor]:
    """What a copy of the model gives, and which of its numbers is explained in each picture.

    Where that is no class, the copy computes every target that there is for every picture.
    """
    if reached.classes is not None:
        return read_target("predicted"), reached.classes
    keys = [id(target) if callable(target) else operator.index(target) for target in reached.targets]
    distinct = list(dict(zip(keys, reached.targets, strict=True)).values())
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}

    def numbers(outputs: Tensor) -> Tensor:
        made = torch.stack([torch.stack([value_of(target, output) for target in distinct]) for output in outputs])
        return made[:, 0] if len(distinct) == 1 else made

    name = ", ".join(_name(target) for target in distinct[:_NAMED])
    rows = torch.tensor([places[key] for key in keys], device=reached.pictures.device)
    return Target("function", name, numbers, len(distinct)), rows


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
    """

    def __init__(
        self,
        expression: Term,
        model: nn.Module,
        target_layers: Sequence[nn.Module],
        reshape_transform: Callable[[Tensor], Tensor] | None = None,
        layers: Mapping[str, nn.Module | str] | None = None,
    ) -> None:
        self._take(expression)
        super().__init__(model, target_layers, reshape_transform, layers)

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
    """

    def __init__(
        self,
        expression: Term,
        model: nn.Module,
        target_layer: Any,
        layers: Mapping[str, nn.Module | str] | None = None,
    ) -> None:
        self._take(expression)
        super().__init__(model, target_layer, layers)

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
