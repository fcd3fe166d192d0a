"""What a reader of scores should know of a network on its pictures: how often it is right, and what makes scores idle.

A network that gives every picture the same logits, or a layer that is dead, lets every heat map score alike: the first
expression proposed would win, and with a number that looks perfect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from scipy.stats import binom
from torch import Tensor

from sygus.errors import WARNING
from sygus.saliency.images import NO_CLASS
from sygus.saliency.metrics import Subject
from sygus.saliency.networks import Network

SIGNIFICANT = 0.05
"""A network is better than chance if chance is as often right with at most this probability."""

_CONSTANT = 1e-6
"""Of the largest logit: how far the logits of different pictures may be apart and still be the same."""

_FEW = 32
"""Pictures whose gradient is taken first; where it is not zero, that of the others is not asked."""


Activations = Callable[[], Iterator[tuple[Subject, Tensor]]]
"""Gives pictures part by part, each with the feature maps (n, K, h, w) of the layer explained."""


def remarks(subjects: Sequence[Subject], activations: Activations) -> tuple[str, ...]:
    """Notes and warnings on a network and its pictures.

    Args:
        subjects: the pictures that are searched on, and those held out.
        activations: of them; no further part is asked for where one tells enough.
    """
    unmatched = dict.fromkeys(one.images.unmatched for one in subjects if one.images.unmatched)
    found = [f"the true classes are not used: {reason}" for reason in unmatched]
    found += accuracy(subjects)
    found += regions(subjects)
    found += constant_logits(subjects)
    return (*found, *dead_layer(subjects[0].network, activations))


def accuracy(subjects: Sequence[Subject]) -> list[str]:
    """How often the network is right on the pictures whose class is known; a warning where chance would be.

    Chance is a guess among all classes, or the one class that most pictures have, whichever is right more often. It is
    ruled out by the binomial test.
    """
    labels = torch.cat([one.images.labels for one in subjects])
    predicted = torch.cat([one.predicted.cpu() for one in subjects])[labels != NO_CLASS]
    labels = labels[labels != NO_CLASS]
    count, right = len(labels), int((labels == predicted).sum())
    if not count:
        return []
    name, classes = subjects[0].network.name, len(subjects[0].network.classes)
    note = f"'{name}' is right on {right} of {count} pictures whose class is known ({right / count:.1%})"
    most = int(labels.bincount().max()) / count
    chance = most if most < 1 else 1 / classes
    probability = float(binom.sf(right - 1, count, chance))
    if probability <= SIGNIFICANT or right == count:
        return [note]
    guess = f"a guess is right on {chance:.1%} and does as well with probability {probability:.2g}"
    advice = "look whether its classes and its preprocessing are those of the pictures, and their labels right"
    return [f"{WARNING}{note}, which is no better than chance: {guess}; {advice}"]


def regions(subjects: Sequence[Subject]) -> list[str]:
    """On how many pictures a segmentation has no pixel of the class that is explained."""
    network = subjects[0].network
    if network.target.kind != "region":
        return []
    numbers = torch.cat([one.logits[:, 0] for one in subjects])
    none = int((numbers == 0).sum())
    where = f"'{network.name}' gives no pixel of {none} of {len(numbers)} pictures to '{network.target.name}'"
    return [f"{where}, which leaves nothing to explain in them"] if none else []


def constant_logits(subjects: Sequence[Subject]) -> list[str]:
    """A warning where no picture changes the logits, or the probability of what is explained."""
    network, count = subjects[0].network, sum(len(one.images) for one in subjects)
    name = network.name
    least, largest = (torch.stack(values) for values in zip(*(one.extremes for one in subjects), strict=True))
    low, high = least.amin(0), largest.amax(0)
    if float((high - low).max()) <= _CONSTANT * float(torch.maximum(low.abs(), high.abs()).max()):
        said = f"'{name}' gives all {count} pictures the same logits, so scores that ask it say nothing of a heat map"
        return [f"{WARNING}{said}"]
    if network.no_class:
        return []
    probability = torch.cat([one.probability for one in subjects])
    if not bool((probability == probability[0]).all()):
        return []
    said = f"'{name}' gives what is explained the same probability on all {count} pictures, {float(probability[0]):g}"
    return [f"{WARNING}{said}"]


def dead_layer(network: Network, activations: Activations) -> list[str]:
    """Warnings where the layer's maps are zero or without a place, or the logits do not follow them."""
    found = []
    if all(bool((one == 0).all()) for _, one in activations()):
        found.append(f"{WARNING}the layer '{network.layer}' gives nothing but zeros, so every heat map is black")
    elif all(bool((one.amax((-2, -1)) == one.amin((-2, -1))).all()) for _, one in activations()):
        found.append(f"{WARNING}every map of the layer '{network.layer}' is constant, so weights of maps are black")
    if all(_has_no_gradient(*pair) for pair in activations()):
        found.append(
            f"{WARNING}the logits explained do not change with the layer '{network.layer}': their gradient is zero "
            "on every picture"
        )
    return found


def _has_no_gradient(subject: Subject, activation: Tensor) -> bool:
    """Whether the logits explained of all pictures have a gradient of zero."""
    for start in range(0, len(activation), _FEW):
        rows = slice(start, start + _FEW)
        _, gradient = subject.network.gradient(activation[rows], subject.targets[rows], subject.pictures[rows])
        if bool((gradient != 0).any()):
            return False
    return True
