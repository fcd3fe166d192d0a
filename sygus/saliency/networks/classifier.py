"""What a classifier is before it is split: a module, what it wants to be fed, and which layer to explain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.devices import is_out_of_memory
from sygus.saliency.foreign import blamed
from sygus.saliency.images.geometry import Preprocessing

Triple: TypeAlias = tuple[float, float, float]
Shape: TypeAlias = tuple[int, int, int]
"""C, H, W of pictures."""
Colours: TypeAlias = tuple[float, ...]
"""A number for each channel of a picture."""
Output: TypeAlias = Literal["logits", "probabilities", "sigmoid"]
"""What a model gives in place of logits, by name."""

IMAGENET_PREPROCESSING = Preprocessing.square(224, resize=256)
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A classifier, as a family of networks or a user's function describes it.

    Attributes:
        model: takes normalised pictures (B, 3, H, W), or of as many channels as ``mean`` has numbers.
        preprocessing: what it expects of the geometry of its pictures.
        mean: subtracted from each channel of a picture in [0, 1]; one number for networks of grey pictures.
        deviation: what each channel is divided by.
        classes: their names; empty: they are numbered.
        layer: the layer explained by default; None: it is found, see :mod:`sygus.saliency.networks.layers`.
        grid: for layers that give tokens (B, T, C): rows, columns, and how many tokens before them belong to no
            place; ``"channels-last"`` for maps (B, h, w, C); None: it is guessed.
        output: picks the logits (B, classes) from what the model returns; None or ``"logits"``: a tensor is the logits,
            else they are what is named ``logits``. Or what that is where it is no logits: ``"probabilities"``, of
            which the logarithm is taken, so that their softmax are the probabilities again; or what a ``"sigmoid"``
            gave, which is undone: of one number the probability of the second of two classes, of several each by
            itself, as of a multi-label network.
        multi_label: whether each class is there or not by itself, so that its probability is the sigmoid of its logit.
        importance: the branch of a network that learns the importance of the channels of ``layer``, as LFI-CAM's: the
            name of the module that gives it, (B, channels) or (B, channels, 1, 1), once in every pass after the layer.
        owned: whether nobody else holds the model, so that it need not be copied.

    Raises:
        OptionError: an attribute is of another kind.
    """

    model: nn.Module
    preprocessing: Preprocessing = IMAGENET_PREPROCESSING
    mean: Colours = (0.0, 0.0, 0.0)
    deviation: Colours = (1.0, 1.0, 1.0)
    classes: Sequence[str] = ()
    layer: str | None = None
    grid: tuple[int, int, int] | str | None = None
    output: Callable[[Any], Tensor] | Output | None = None
    multi_label: bool = False
    importance: str | None = None
    owned: bool = False

    def __post_init__(self) -> None:
        for attribute, (fits, kind) in _KINDS.items():
            value = getattr(self, attribute)
            if not fits(value):
                shown = repr(value) if isinstance(value, str | int | float | tuple | list) else type(value).__name__
                raise OptionError(f"--network: {attribute} of the classifier is {shown[:60]}", f"give {kind}")
        if len(self.mean) != len(self.deviation):
            counts = f"a mean of {len(self.mean)} channels and a deviation of {len(self.deviation)}"
            raise OptionError(f"--network: the classifier has {counts}", "give both for every channel of its pictures")
        if self.importance is not None and self.layer is None:
            message = f"--network: importance of the classifier is '{self.importance}', and its layer is not named"
            raise OptionError(message, "name with layer= the layer whose channels it weighs")

    @property
    def shape(self) -> Shape:
        """C, H, W of the pictures that it takes."""
        return (len(self.mean), *self.preprocessing.size)


def undescribed(model: nn.Module, shape: Shape, layer: str | None = None) -> Classifier:
    """A model that is given what it takes: pictures of this shape that are normalised already."""
    channels, *size = shape
    preprocessing = Preprocessing((size[0], size[1]), (size[0], size[1]))
    return Classifier(model, preprocessing, mean=(0.0,) * channels, deviation=(1.0,) * channels, layer=layer)


def _are_numbers(values: Any, kind: Any = Real) -> bool:
    return (
        isinstance(values, tuple | list)
        and len(values) > 0
        and all(isinstance(value, kind) and math.isfinite(value) for value in values)
    )


_OF_A_GRID = 3
"""Numbers that describe a grid of tokens."""

_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "model": (lambda value: isinstance(value, nn.Module), "a torch.nn.Module"),
    "preprocessing": (lambda value: isinstance(value, Preprocessing), "a sygus.saliency.images.Preprocessing"),
    "mean": (_are_numbers, "a number for each channel"),
    "deviation": (
        lambda value: _are_numbers(value) and min(value) > 0,
        "a positive number for each channel",
    ),
    "classes": (
        lambda value: isinstance(value, tuple | list) and all(isinstance(name, str) for name in value),
        "the names of the classes, in their order",
    ),
    "layer": (lambda value: value is None or isinstance(value, str), "the name of a layer"),
    "grid": (
        lambda value: value in (None, "channels-last") or (_are_numbers(value, Integral) and len(value) == _OF_A_GRID),
        "(rows, columns, tokens before them) or 'channels-last'",
    ),
    "output": (
        lambda value: value is None or callable(value) or (isinstance(value, str) and value in _UNDONE),
        "'logits', 'probabilities', 'sigmoid', or a function of what the model returns",
    ),
    "multi_label": (lambda value: isinstance(value, bool), "True or False"),
    "importance": (lambda value: value is None or isinstance(value, str), "the name of a module"),
}
"""What the attributes of a classifier must be: users write them."""


class Leaf(nn.Module):
    """A module of this package that is never traced into."""


class Normalise(nn.Module):
    """Subtract a mean and divide by a deviation, both fixed, per channel: (B, C, H, W) from pixel space.

    Args:
        mean: of the pixels of each channel.
        deviation: standard deviation of the pixels of each channel.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Colours, deviation: Colours) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised ``x``, of the same shape."""
        return (x - self.mean) / self.deviation


class Cast(nn.Module):
    """Gives its input another type of numbers."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """``x`` of that type."""
        return x.to(self.dtype)


class PickLogits(Leaf):
    """The logits (B, classes), float32, from whatever a model returns."""

    def __init__(self, output: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.output = output

    def forward(self, returned: Any) -> Tensor:
        """The logits.

        Raises:
            OptionError: ``output`` fails or gives no tensor.
        """
        hint = "it must pick the logits (B, classes) from what the model returns"
        with blamed(f"--network: output= fails on the {type(returned).__name__} of the model", hint):
            logits = self.output(returned)
        if not isinstance(logits, Tensor):
            raise OptionError(f"--network: output= gives {type(logits).__name__}, not a tensor", hint)
        return logits.float()


def named_logits(returned: Any) -> Tensor:
    """What is called ``logits`` in a model's output: a tensor, a mapping, or an object as transformers returns.

    Raises:
        OptionError: there is none.
    """
    if isinstance(returned, Tensor):
        return returned
    found = getattr(returned, "logits", None)
    if found is None and hasattr(returned, "keys") and "logits" in returned:
        found = returned["logits"]
    if not isinstance(found, Tensor):
        raise OptionError(
            f"--network: the model returns {type(returned).__name__}, in which nothing is named 'logits'",
            "describe it with output=, a function that picks the logits from what the model returns",
        )
    return found


def _log(returned: Any) -> Tensor:
    """Logits of probabilities: their softmax are the probabilities again."""
    probabilities = named_logits(returned).float()
    return probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()


def _logit(returned: Any) -> Tensor:
    """Logits of what a sigmoid gave."""
    return torch.logit(named_logits(returned).float(), torch.finfo(torch.float32).eps / 2)


_UNDONE: dict[str, Callable[[Any], Tensor]] = {"logits": named_logits, "probabilities": _log, "sigmoid": _logit}
"""What makes logits of what a model gives."""

SUM = 1e-3
"""How far from 1 a sum of probabilities may be; those of bfloat16 are as far."""


def _require(output: object, returned: Any) -> None:
    """Check what a model is said to give on what it gives.

    Raises:
        OptionError: it gives something else.
    """
    if output not in ("probabilities", "sigmoid"):
        return
    given = named_logits(returned).float()
    low, high = float(given.min()), float(given.max())
    if low < 0 or high > 1 + SUM:
        message = f"--network: output is '{output}', but the model gives numbers from {low:.3g} to {high:.3g}"
        raise OptionError(message, "leave output= out where it gives logits")
    if output == "probabilities" and (given.ndim < 2 or bool(((given.sum(1) - 1).abs() > SUM).any())):
        message = "--network: output is 'probabilities', but what the model gives for a picture does not sum to 1"
        raise OptionError(message, "say output='sigmoid' where each class has a probability by itself")


MODEL = "model"
"""The name of the user's model inside a pipeline; layers are named relative to it."""


def pipeline(
    classifier: Classifier, model: nn.Module, device: torch.device, *, raw: bool = False
) -> tuple[nn.Sequential, Any]:
    """From pixel space to float32 outputs: normalise, cast, the model, pick; steps that do nothing are left out.

    Args:
        classifier: describes the model.
        model: a copy of its model, in evaluation mode and frozen.
        device: where it computes.
        raw: whether the outputs may be anything that the model returns, where ``output`` picks nothing.

    Returns:
        The pipeline, and what it gives for :data:`TRIAL` pictures.

    Raises:
        OptionError: the model fails, or returns no tensor.
    """
    steps: dict[str, nn.Module] = {}
    tensors = [*model.parameters(), *model.buffers()]
    if any(classifier.mean) or any(one != 1 for one in classifier.deviation):
        steps["normalise"] = Normalise(classifier.mean, classifier.deviation)
    dtype = next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
    if dtype != torch.float32:
        steps["cast"] = Cast(dtype)
    steps[MODEL] = model
    built = nn.Sequential()
    for name, step in steps.items():
        built.add_module(name, step)
    built.to(device).eval().requires_grad_(False)
    returned = _run(built, probe_pictures(TRIAL, classifier.shape).to(device))
    plain = isinstance(returned, Tensor) and returned.dtype == torch.float32
    picks = _UNDONE[classifier.output or "logits"] if not callable(classifier.output) else classifier.output
    if picks is not named_logits or not (plain or (raw and not isinstance(returned, Tensor))):
        _require(classifier.output, returned)
        built.add_module("logits", PickLogits(picks).eval())
        returned = built.get_submodule("logits")(returned)
    return built, returned


TRIAL = 2
"""Pictures that a model is tried with."""


def probe_pictures(count: int, shape: Shape, seed: int = 0) -> Tensor:
    """Pictures for trials, (count, C, H, W) in [0, 1]: coarse colours below fine noise, the same every time."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, shape[0], 6, 6, generator=generator)
    smooth = nn.functional.interpolate(coarse, shape[1:], mode="bilinear", align_corners=False)
    return 0.8 * smooth + 0.2 * torch.rand(count, *shape, generator=generator)


def _run(module: nn.Module, pictures: Tensor) -> Any:
    try:
        with torch.no_grad():
            return module(pictures)
    except Exception as error:  # foreign code: whatever it raises is the user's to read
        if is_out_of_memory(error):
            raise
        raise OptionError(
            f"--network: the model fails on {TRIAL} pictures of {'x'.join(map(str, pictures.shape[1:]))}: "
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}",
            "register every tensor that the model holds as a parameter or a buffer, so that it moves with it"
            if any(sign in str(error) for sign in _OF_DEVICES)
            else "wrap it in a module that takes the pictures and gives it the rest"
            if isinstance(error, TypeError) and "argument" in str(error)
            else "check the size and the normalisation that it is described with",
        ) from error


_OF_DEVICES = ("same device", "expected device", "(torch.cuda.")
"""What torch says of tensors on different devices."""
