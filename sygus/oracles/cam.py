"""What a CAM problem means on a network and pictures: features, probes, heat maps and scores of terms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sygus.errors import Position, TypeCheckError
from sygus.oracles.equivalence import Probes
from sygus.oracles.safety import Domain
from sygus.saliency.features import FEATURES, Feature, derive, draw, measure
from sygus.saliency.heatmap import combine, degenerate, saliency, unit_range
from sygus.saliency.metrics import Evaluation, Metric
from sygus.saliency.metrics.metric import Subject
from sygus.terms import REAL, Definition, Sort, Term, Variable, leaf, term
from sygus.theories.cam import MAP, WEIGHT
from sygus.theories.evaluate import evaluate

Scores = NDArray[np.float32]

SORTS: Mapping[str, Sort] = {"map": MAP, "weight": WEIGHT, "image": REAL}
"""The sort of a feature, by its rank."""

PROBE_SHAPE = (4, 3, 2, 2)
"""Draws, K, h, w of the probes: identities of terms do not depend on sizes, and four draws tell classes apart."""


def feature_variables() -> Mapping[str, Variable]:
    """Every feature as a variable of its sort."""
    return {name: Variable(name, SORTS[feature.rank]) for name, feature in FEATURES.items()}


def check_parameters(parameters: Sequence[Variable], positions: Sequence[Position]) -> None:
    """Every parameter must name a feature, with that feature's sort.

    Raises:
        TypeCheckError: at the position of the parameter.
    """
    for parameter, position in zip(parameters, positions, strict=True):
        feature = FEATURES.get(parameter.name)
        if feature is None:
            names = ", ".join(f"{name} {SORTS[f.rank]}" for name, f in FEATURES.items())
            raise TypeCheckError(f"unknown feature '{parameter.name}'", position, f"known features: {names}")
        if parameter.sort != SORTS[feature.rank]:
            message = f"the feature '{parameter.name}' is {SORTS[feature.rank]}, not {parameter.sort}"
            raise TypeCheckError(message, position, f"write ({parameter.name} {SORTS[feature.rank]})")


def domains(nonnegative: bool) -> Mapping[str, Domain]:
    """What the safety oracle may assume of the features, on a layer whose activation is nonnegative or not."""

    def domain(feature: Feature) -> Domain:
        if feature.domain == "activation":
            return "nonnegative" if nonnegative else "any"
        return feature.domain

    return {name: domain(feature) for name, feature in FEATURES.items()}


def probes(parameters: Iterable[Variable], *, nonnegative: bool, seed: int) -> Probes:
    """Random values of the parameters that respect the features' domains and definitions."""
    draws, channels, height, width = PROBE_SHAPE
    measured = draw(PROBE_SHAPE, torch.Generator().manual_seed(seed), nonnegative=nonnegative)
    wanted = {parameter.name: parameter for parameter in parameters}
    values = derive(measured, wanted)
    shapes = {MAP: (draws, channels, height, width), WEIGHT: (draws, channels, 1, 1), REAL: (draws, 1, 1, 1)}
    return Probes({wanted[name]: value for name, value in values.items()}, shapes)


ROWS = 1024
"""Masked pictures that are scored at a time: bounds the memory."""


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """The heat maps L (N, h, w) of one term on all pictures, before up-sampling.

    Attributes:
        maps: float32, on the network's device.
        key: equal for maps that are scored alike: a hash of the rounded n(L).
        degenerate: number of constant maps.
        finite: whether every value is.
    """

    maps: Tensor
    key: str
    degenerate: int
    finite: bool


class CamOracle:
    """Turns terms into heat maps and heat maps into scores, for one subject.

    The features are measured once; every term is evaluated on them.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.forwards = 0
        """Masked passes of single pictures spent so far."""

    @cached_property
    def measured(self) -> Mapping[str, Tensor]:
        """What is measured on the network."""
        return measure(self.subject.network, self.subject.images.pictures, self.subject.targets)

    @cached_property
    def features(self) -> Mapping[Variable, Tensor]:
        """Every feature's values, by its variable."""
        variables = feature_variables()
        return {variables[name]: value for name, value in derive(self.measured, FEATURES).items()}

    @cached_property
    def fingerprint(self) -> str:
        """Of everything but the metric that a score depends on."""
        subject = self.subject
        digest = hashlib.sha256(f"{subject.network.fingerprint}/{subject.images.fingerprint}".encode())
        digest.update(subject.targets.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def heat_maps(self, terms: Sequence[Term]) -> list[HeatMaps]:
        """The heat maps of several terms; common sub-terms are computed once."""
        memo: dict[Term, Tensor] = {}
        with torch.no_grad():
            return [self.combined(evaluate(term, self.features, memo)) for term in terms]

    def combined(self, weights: Tensor) -> HeatMaps:
        """The heat maps of weights (N, K, 1, 1), or (N, K, h, w) pointwise."""
        activation = self.measured["activation"]
        maps = combine(weights.expand(len(activation), *weights.shape[-3:]), activation)
        finite = bool(maps.isfinite().all())
        digest = hashlib.sha256(self.fingerprint.encode())
        digest.update((unit_range(maps) * 1e5).round().to(torch.int32).cpu().numpy().tobytes() if finite else b"")
        return HeatMaps(maps, digest.hexdigest()[:32], int(degenerate(maps).sum()), finite)

    def score(self, heat: Sequence[HeatMaps], metric: Metric, index: Tensor) -> Scores:
        """The scores of several terms on the same pictures.

        Pictures of different terms share forward passes; the score of a picture depends on its own heat map alone.

        Args:
            heat: the terms' heat maps.
            metric: what to score.
            index: (n,) which pictures.

        Returns:
            (terms, n) float32.
        """
        size, together = self.subject.network.size, max(1, ROWS // max(1, len(index)))
        results = []
        for start in range(0, len(heat), together):
            group = heat[start : start + together]
            with torch.no_grad():
                masks = torch.cat([saliency(one.maps[index.to(one.maps.device)], size) for one in group])
            results.append(self.score_saliency(masks, metric, index.repeat(len(group))).reshape(len(group), -1))
        return np.concatenate(results)

    def score_saliency(self, masks: Tensor, metric: Metric, index: Tensor) -> Scores:
        """The score of each saliency map S (n, H, W) of the pictures with these indices (n,)."""
        device = self.subject.network.device
        with torch.no_grad():
            scores = metric.score(Evaluation(self.subject, index.to(device), masks.to(device)))
        self.forwards += metric.passes * len(index)
        result: Scores = scores.float().cpu().numpy()
        if not np.isfinite(result).all():
            raise ArithmeticError(f"{metric.name} gave a score that is not finite")
        return result


def body_of(definition: Definition) -> Term:
    """The definition applied to the features that its parameters name."""
    return term(definition, tuple(leaf(parameter) for parameter in definition.parameters), definition.sort)
