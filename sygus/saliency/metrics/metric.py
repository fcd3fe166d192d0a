"""What a metric is: a short function from explained pictures to a score per picture, and its metadata."""

from __future__ import annotations

import inspect
import math
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency.images import Box, ImageSet
from sygus.saliency.metrics.checked import checked_scores
from sygus.saliency.networks import Network
from sygus.saliency.options import Options, Value, called, read_options


@dataclass(frozen=True, eq=False)
class Subject:
    """What is explained: the network's view of an image set. Every candidate is scored on the same subject.

    Attributes:
        network: the classifier f.
        images: the pictures x.
        targets: (N,) the class c explained in each.
        probability: (N,) p = softmax(f(x))_c of the clean pictures.
    """

    network: Network
    images: ImageSet
    targets: Tensor
    probability: Tensor

    @cached_property
    def pictures(self) -> Tensor:
        """The pictures (N, 3, H, W) on the network's device."""
        return self.images.pictures.to(self.network.device)

    @cached_property
    def predicted(self) -> Tensor:
        """The class that the network predicts for each clean picture, (N,)."""
        return self.network.logits(self.pictures).argmax(1)

    @cached_property
    def region(self) -> Tensor:
        """U, the ground truth as pixels, (N, H, W) bool: the mask, else the union of the boxes."""
        if self.images.masks is not None:
            return self.images.masks.to(self.network.device)
        return self.boxed

    @cached_property
    def boxed(self) -> Tensor:
        """The union of the boxes as pixels, (N, H, W) bool."""
        inside = torch.zeros(len(self.images), *self.network.size, dtype=torch.bool)
        for row, boxes in enumerate(self.boxes):
            for left, top, right, bottom in boxes:
                inside[row, top:bottom, left:right] = True
        return inside.to(self.network.device)

    @cached_property
    def boxes(self) -> tuple[tuple[Box, ...], ...]:
        """The boxes of each picture; where there are none, the box around its mask."""
        masks = self.images.masks
        return tuple(boxes or _around(None if masks is None else masks[i]) for i, boxes in enumerate(self.images.boxes))

    @cached_property
    def unlocated(self) -> int:
        """How many pictures have no ground truth, neither mask nor boxes."""
        return sum(not boxes for boxes in self.boxes)

    def showing(self, pictures: Tensor, index: Tensor, probability: Tensor | None = None) -> Subject:
        """Other pixels for the pictures with these indices; network, targets and ground truth stay.

        Args:
            pictures: (n, 3, H, W).
            index: (n,).
            probability: (n,) of the targets, where it is known already.
        """
        targets, chosen = self.targets[index.to(self.targets.device)], index.cpu()
        images, rows = self.images, chosen.tolist()
        changed = replace(
            images,
            pictures=pictures.cpu(),
            labels=images.labels[chosen],
            masks=None if images.masks is None else images.masks[chosen],
            boxes=tuple(images.boxes[row] for row in rows),
            ids=tuple(images.ids[row] for row in rows),
        )
        found = self.network.probabilities(pictures, targets) if probability is None else probability
        return Subject(self.network, changed, targets, found)


def _around(mask: Tensor | None) -> tuple[Box, ...]:
    """The box around the pixels of a mask (H, W), where it has any."""
    if mask is None or not mask.any():
        return ()
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    return ((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1),)


@dataclass(frozen=True)
class Change:
    """Another situation in which the same targets are explained again.

    Attributes:
        name: explanations under changes of one name share what is measured on the network; "" is never shared.
        apply: the subject in that situation.
    """

    name: str
    apply: Callable[[Subject], Subject]


Explain = Callable[[Change, Tensor], Tensor]
"""S (n, H, W) of the pictures with some indices (n,) of the changed subject, by the expression or method scored."""

Refer = Callable[[str], "Evaluation"]
"""The evaluation of another expression or method, by its name, on every picture of the subject."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Saliency maps of some pictures of a subject.

    Attributes:
        subject: what is explained.
        index: (n,) which pictures.
        saliency: S, (n, H, W) in [0, 1], on the network's device.
        explain: explains again; None where the maps of several explanations are scored together.
        refer: finds what ``win`` compares with.
    """

    subject: Subject
    index: Tensor
    saliency: Tensor
    explain: Explain | None = None
    refer: Refer | None = None

    @property
    def pictures(self) -> Tensor:
        """The clean pictures x, (n, 3, H, W)."""
        return self.subject.pictures[self.index]

    @property
    def targets(self) -> Tensor:
        """The class c of each, (n,)."""
        return self.subject.targets[self.index]

    @property
    def probability(self) -> Tensor:
        """P of the clean pictures, (n,)."""
        return self.subject.probability[self.index]

    @cached_property
    def masked(self) -> Tensor:
        """X ⊙ S, the mask applied in pixel space, (n, 3, H, W)."""
        return self.pictures * self.saliency[:, None]

    @cached_property
    def masked_probability(self) -> Tensor:
        """O = softmax(f(x ⊙ S))_c, (n,)."""
        subject = self.subject
        return subject.network.masked_probabilities(subject.pictures, self.index, self.saliency, self.targets)

    @property
    def region(self) -> Tensor:
        """U, (n, H, W) bool."""
        return self.subject.region[self.index]

    @cached_property
    def empty(self) -> Tensor:
        """Which maps are black, S = 0: the degenerate ones, (n,) bool."""
        return self.saliency.amax((-2, -1)) <= 0

    def explained(self, change: Change) -> Tensor:
        """S of the same pictures under a change, (n, H, W)."""
        assert self.explain is not None, "a metric that explains again says so: needs=('explain',)"
        return self.explain(change, self.index)

    def explained_masked(self) -> Tensor:
        """S(x ⊙ S), (n, H, W)."""
        assert self.explain is not None, "a metric that explains again says so: needs=('explain',)"
        change = Change("", lambda subject: subject.showing(self.masked, self.index, self.masked_probability))
        return self.explain(change, torch.arange(len(self.index), device=self.index.device))


Direction = Literal["min", "max"]
Need = Literal["region", "labels", "explain", "refer"]
"""Ground truth masks or boxes; true labels; explaining again; another expression to compare with."""

Invariance = Literal["gain", "monotone", "mirror"]
"""What may happen to every map without changing its score: S ↦ aS with a in (0, 1]; any strictly increasing S ↦ φ(S);
S and ground truth mirrored together. (All are invariant to a positive factor on w, since S is normalised.)"""

Size = tuple[int, int]
Score = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric and its metadata.

    Attributes:
        name: identifies it, with the options that differ from their defaults: ``deletion(top=30)``.
        direction: whether small or large values are better.
        unit: of the score, "" where it has none.
        low, high: the range of a picture's score; infinite where it has no bound.
        needs: what must be there to compute it.
        invariances: what leaves the score as it is.
        joint: the scores of pictures depend on one another, so it is computed for all at once and does not race;
            even then the metric is the mean of the scores.
        options: what can be set.
        chosen: the value of each option.
        function: the decorated function.
        cost: forward passes a picture costs, from H, W and the chosen options.
        doc: definition and source.
    """

    name: str
    direction: Direction
    unit: str
    low: float
    high: float
    needs: tuple[Need, ...]
    invariances: tuple[Invariance, ...]
    joint: bool
    options: Options
    chosen: Mapping[str, Value]
    function: Score
    cost: Callable[..., int]
    doc: str

    @property
    def family(self) -> str:
        """The name without options."""
        return self.name.partition("(")[0]

    @property
    def alone(self) -> bool:
        """Whether an evaluation must hold the maps of one explanation only."""
        return self.joint or "explain" in self.needs

    @property
    def code(self) -> str:
        """The text that defines the metric: of this package, or of the module it comes from.

        Where there is none, something that no other metric has.
        """
        module, package = self.function.__module__, f"{__package__}."
        modules = [name for name in sys.modules if name.startswith(package)] if module.startswith(package) else [module]
        try:
            return "\n".join(inspect.getsource(sys.modules[name]) for name in sorted(modules))
        except (OSError, TypeError, KeyError):
            return uuid.uuid4().hex

    @property
    def references(self) -> tuple[str, ...]:
        """The expressions and methods that the options name."""
        return tuple(str(self.chosen[name]) for name, option in self.options.items() if option.refers)

    def score(self, evaluation: Evaluation) -> Tensor:
        """The score of each picture, (n,) float32.

        Raises:
            SycamError: the metric fails, or its scores are not finite or outside its range.
        """
        return checked_scores(self, evaluation)

    def passes(self, size: Size) -> int:
        """Forward passes that a picture of H, W costs, without what explaining again costs."""
        return self.cost(size, **self.chosen)

    def lacking(self, subject: Subject) -> str:
        """What a subject lacks for this metric, in words; "" where it can be computed."""
        if "region" in self.needs and subject.unlocated:
            lacking = f"{subject.unlocated} of {len(subject.images)} pictures of {subject.images.name}"
            return f"needs a mask or boxes, which {lacking} lack"
        return ""

    def require(self, subject: Subject) -> None:
        """Check that this metric can be computed.

        Raises:
            OptionError: the subject lacks what the metric needs.
        """
        lacking = self.lacking(subject)
        if lacking:
            free = ", ".join(name for name, other in METRICS.items() if not other.lacking(subject))
            raise OptionError(f"the metric '{self.name}' {lacking}", f"metrics that can be computed: {free}")

    def configured(self, given: Mapping[str, str]) -> Metric:
        """This metric with options set.

        Raises:
            OptionError: an option it does not have, or a value it does not take.
        """
        chosen = {**self.chosen, **read_options(f"metric '{self.family}'", self.options, given)}
        return replace(self, name=called(self.family, self.options, chosen), chosen=chosen)


METRICS: dict[str, Metric] = {}
"""Every metric with its default options, by name."""


@dataclass(frozen=True)
class _Register:
    """Turns the decorated function into a metric and enters it in :data:`METRICS`."""

    name: str
    metadata: Mapping[str, Any]
    options: Options = field(default_factory=dict)

    def __call__(self, function: Score) -> Score:
        doc = inspect.cleandoc(function.__doc__ or "")
        if not doc:
            raise ValueError(f"the metric '{self.name}' has no docstring; state its definition and source")
        if METRICS.get(self.name) is not None and METRICS[self.name].function.__module__ != function.__module__:
            raise ValueError(f"there are two metrics '{self.name}'; use another name")
        chosen = {name: option.default for name, option in self.options.items()}
        METRICS[self.name] = Metric(
            name=self.name, options=self.options, chosen=chosen, function=function, doc=doc, **self.metadata
        )
        return function


def metric(
    name: str,
    *,
    direction: Direction,
    unit: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    passes: int | Callable[..., int] = 0,
    needs: tuple[Need, ...] = (),
    invariances: tuple[Invariance, ...] = (),
    joint: bool = False,
    options: Options | None = None,
) -> Callable[[Score], Score]:
    """Register the decorated function as a metric.

    The function takes an :class:`Evaluation`, and its options by keyword, and returns the score of each picture (n,),
    finite and from ``low`` to ``high``; its docstring states definition and source. See :class:`Metric`.

    Args:
        name: as files and options name it.
        direction: whether small or large values are better.
        unit: of the score.
        low: the least score of a picture.
        high: the largest.
        passes: forward passes a picture costs; a function of (H, W) and the options where it depends on them.
        needs: what must be there to compute it.
        invariances: what leaves the score as it is.
        joint: whether the scores of pictures depend on one another.
        options: what can be set.

    Raises:
        ValueError: a direction or a range that is none.
    """
    if direction not in get_args(Direction):
        raise ValueError(f"the metric '{name}' has the direction {direction!r}; write 'min' or 'max'")
    if not low < high:
        raise ValueError(f"the metric '{name}' has the range from {low} to {high}; low must be less than high")
    cost: Callable[..., int] = passes if callable(passes) else partial(_constant, passes)
    metadata = {
        "direction": direction,
        "unit": unit,
        "low": low,
        "high": high,
        "needs": needs,
        "invariances": invariances,
        "joint": joint,
        "cost": cost,
    }
    return _Register(name, metadata, options or {})


def _constant(passes: int, _: Size, **__: Value) -> int:
    return passes


def subject_of(network: Network, images: ImageSet, target: Literal["predicted", "label"] = "predicted") -> Subject:
    """The network's view of the pictures; the class explained is what it predicts, or the true label.

    Raises:
        OptionError: the pictures do not fit the network, or their labels do not.
    """
    if tuple(images.pictures.shape[-2:]) != network.size:
        height, width = network.size
        raise OptionError(f"--images: the pictures of {images.name} have the wrong size", f"make them {height}x{width}")
    logits = network.logits(images.pictures)
    targets = logits.argmax(1) if target == "predicted" else images.labels_for(logits.shape[1]).to(logits.device)
    probability = torch.softmax(logits.float(), 1).gather(1, targets[:, None])[:, 0]
    return Subject(network, images, targets, probability)
