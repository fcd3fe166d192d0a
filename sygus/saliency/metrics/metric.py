"""What a metric is: a short function from explained pictures to a score per picture, and its metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency.images import ImageSet
from sygus.saliency.networks import Network


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


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Saliency maps of some pictures of a subject.

    Attributes:
        subject: what is explained.
        index: (n,) which pictures.
        saliency: S, (n, H, W) in [0, 1], on the network's device.
    """

    subject: Subject
    index: Tensor
    saliency: Tensor

    @property
    def probability(self) -> Tensor:
        """P of the clean pictures, (n,)."""
        return self.subject.probability[self.index]

    @cached_property
    def masked_probability(self) -> Tensor:
        """O = softmax(f(x ⊙ S))_c, the mask applied in pixel space, (n,)."""
        masked = self.subject.pictures[self.index] * self.saliency[:, None]
        return self.subject.network.probabilities(masked, self.subject.targets[self.index])


Score = Callable[[Evaluation], Tensor]


@dataclass(frozen=True)
class Metric:
    """A metric and its metadata.

    Attributes:
        name: as files and options name it.
        direction: whether small or large values are better.
        unit: of the score, "" where it has none.
        low, high: the range of a picture's score.
        passes: forward passes a picture costs.
        score: the score of each picture, (n,) float32; the metric is their mean.
        doc: definition and source.
    """

    name: str
    direction: Literal["min", "max"]
    unit: str
    low: float
    high: float
    passes: int
    score: Score
    doc: str

    @property
    def arrow(self) -> str:
        """↓ where lower is better, ↑ where higher is."""
        return "↓" if self.direction == "min" else "↑"


METRICS: dict[str, Metric] = {}
"""Every metric, by name."""


def metric(
    name: str, *, direction: Literal["min", "max"], unit: str, low: float, high: float, passes: int
) -> Callable[[Score], Score]:
    """Register the decorated function as a metric."""

    def register(score: Score) -> Score:
        METRICS[name] = Metric(name, direction, unit, low, high, passes, score, (score.__doc__ or "").strip())
        return score

    return register


def find_metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        OptionError: there is none.
    """
    if name not in METRICS:
        raise OptionError(f"unknown metric '{name}'", f"known metrics: {', '.join(METRICS)}")
    return METRICS[name]


def subject_of(network: Network, images: ImageSet, target: Literal["predicted", "label"] = "predicted") -> Subject:
    """The network's view of the pictures; the class explained is what it predicts, or the true label.

    Raises:
        OptionError: the pictures do not fit the network.
    """
    if tuple(images.pictures.shape[-2:]) != network.size:
        height, width = network.size
        raise OptionError(f"--images: the pictures of {images.name} have the wrong size", f"make them {height}x{width}")
    logits = network.logits(images.pictures)
    targets = logits.argmax(1) if target == "predicted" else images.labels.to(logits.device)
    probability = torch.softmax(logits.float(), 1).gather(1, targets[:, None])[:, 0]
    return Subject(network, images, targets, probability)
