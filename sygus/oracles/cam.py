"""What a CAM problem means on a network and pictures: features, probes, heat maps and scores of terms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sygus.errors import OptionError, Position, SycamError, TypeCheckError, guess, known
from sygus.language.terms import BOOL, REAL, Definition, Sort, Term, Variable, expand, leaf, subterms, term
from sygus.language.theories.cam import ACTIVATION
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import AXES, HEATMAP, MAP, WEIGHT
from sygus.oracles.equivalence import Probes
from sygus.oracles.safety import Domain
from sygus.saliency.features import FEATURES, Feature, Measurements, derive, draw
from sygus.saliency.features.cache import Cache
from sygus.saliency.heatmap import combine, degenerate, saliency, unit_range, whole
from sygus.saliency.metrics import Change, Evaluation, Metric, Subject

Scores = NDArray[np.float32]

SORTS: Mapping[str, Sort] = {"map": MAP, "weight": WEIGHT, "heatmap": HEATMAP, "image": REAL}
"""The sort of a feature, by its rank."""

PROBE_SHAPE = (8, 3, 5, 1)
"""Draws, K, h, w of the probes. Few terms depend on sizes: ``total`` is hw times ``gap``, so hw is a number that
grammars hardly hold. Eight draws show signs that are rare."""


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
            hint = f"{guess(FEATURES, parameter.name)}known features: {names}"
            raise TypeCheckError(f"unknown feature '{parameter.name}'", position, hint)
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
    wanted = {parameter.name: parameter for parameter in (*parameters, ACTIVATION)}  # which ``cam`` reads unnamed
    values = derive(measured, wanted)
    shapes = {
        sort: (draws, channels if by_channel else 1, *((height, width) if by_pixel else (1, 1)))
        for sort, (by_channel, by_pixel) in {**AXES, BOOL: AXES[REAL]}.items()
    }
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
        term: what drew them, where it is a term: for metrics that explain again.
    """

    maps: Tensor
    key: str
    degenerate: int
    finite: bool
    term: Term | None = None

    @property
    def of_term(self) -> HeatMaps:
        """The same with a key of the term's own: equal maps may differ on other pictures or another network."""
        meaning = None if self.term is None else expand(self.term)
        return replace(self, key=hashlib.sha256(f"{self.key}/{meaning!r}".encode()).hexdigest()[:32])


class CamOracle:
    """Turns terms into heat maps and heat maps into scores, for one subject.

    The features are measured once, when the first term asks for them; every term is evaluated on them.

    Args:
        subject: what is explained.
        references: what the metric ``win`` may compare with, by name.
        lasting: whether other runs may meet the subject, so that expensive features are worth keeping on disk.
    """

    def __init__(
        self, subject: Subject, references: Mapping[str, Saliency] = MappingProxyType({}), *, lasting: bool = True
    ) -> None:
        self.subject = subject
        self.lasting = lasting
        self.references = references
        """What the metric ``win`` may compare with, by name."""
        self._changed: dict[str, CamOracle] = {}
        self._referred: dict[str, Evaluation] = {}
        self._identities: dict[str, str] = {}
        self.forwards = 0
        """Masked passes of single pictures spent so far."""

    @cached_property
    def measured(self) -> Measurements:
        """Every feature, each measured when it is first asked for."""
        subject = self.subject
        return Measurements(
            subject.network,
            subject.images.pictures,
            subject.targets,
            cache=Cache.of_user() if self.lasting and not subject.network.unknown else None,
            probability=subject.probability,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of everything but the metric that a score depends on; devices differ in the last bits."""
        subject = self.subject
        network = subject.network
        digest = hashlib.sha256(f"{network.fingerprint}/{subject.images.fingerprint}/{network.device.type}".encode())
        digest.update(subject.targets.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def identity(self, metric: Metric) -> str:
        """What a metric's scores of given maps depend on: its name, its code, and the maps of what it compares with."""
        if metric.name not in self._identities:
            digest = hashlib.sha256(metric.code.encode())
            for name in metric.references:
                digest.update(self._refer(name).saliency.cpu().numpy().tobytes())
            self._identities[metric.name] = f"{metric.name} {digest.hexdigest()[:16]}"
        return self._identities[metric.name]

    def heat_maps(self, terms: Sequence[Term]) -> list[HeatMaps]:
        """The heat maps of several terms; common sub-terms are computed once."""
        memo: dict[Term, Tensor] = {}
        names = dict.fromkeys(("activation", *(name for term in terms for name in features_of(term))))
        variables = feature_variables()
        with torch.no_grad():
            features = {variables[name]: self.measured[name] for name in names}
            drawn = ((term, self._drawn(term.sort, evaluate(term, features, memo))) for term in terms)
            return [replace(self.keyed(maps), term=term) for term, maps in drawn]

    def _drawn(self, sort: Sort, values: Tensor) -> Tensor:
        """L, (N, h, w), of the values of a term of a sort."""
        activation = self.measured["activation"]
        if values.dim() == 0:  # a constant
            values = values.reshape(1, 1, 1)
        values = values.expand(len(activation), *values.shape[-3:])
        return whole(values) if sort == HEATMAP else combine(values, activation)

    def keyed(self, maps: Tensor) -> HeatMaps:
        """Heat maps L (N, h, w) with the key of what is scored alike."""
        rounded = (unit_range(maps) * 1e5).round().to(torch.int32).flatten()
        facts = torch.stack([degenerate(maps).sum(), maps.isfinite().all()]).to(torch.int32)
        found = torch.cat([rounded, facts]).cpu().numpy()  # a GPU is waited for once
        constant, finite = int(found[-2]), bool(found[-1])
        digest = hashlib.sha256(self.fingerprint.encode())
        digest.update(found[:-2].tobytes() if finite else b"")
        return HeatMaps(maps, digest.hexdigest()[:32], constant, finite)

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
        together = 1 if metric.alone else max(1, ROWS // max(1, len(index)))
        results = []
        for start in range(0, len(heat), together):
            group = heat[start : start + together]
            with torch.no_grad():
                masks = torch.cat([self.drawn(one, index) for one in group])
            again = None if group[0].term is None else saliency_of(group[0].term)
            evaluation = self.evaluation(masks, index.repeat(len(group)), again if metric.alone else None)
            results.append(self.judge(evaluation, metric).reshape(len(group), -1))
        return np.concatenate(results)

    def drawn(self, heat: HeatMaps, index: Tensor) -> Tensor:
        """S (n, H, W) of the pictures with these indices (n,)."""
        return saliency(heat.maps[index.to(heat.maps.device)], self.subject.network.size)

    def evaluation(self, masks: Tensor, index: Tensor, again: Saliency | None = None) -> Evaluation:
        """The saliency maps S (n, H, W) of the pictures with these indices (n,), ready to be scored.

        Args:
            masks: S.
            index: which pictures.
            again: draws the maps of the same expression or method on other subjects.
        """
        device = self.subject.network.device

        def explain(change: Change, rows: Tensor) -> Tensor:
            assert again is not None
            return again(self.changed(change))[rows.to(device)]

        index, masks = index.to(device), masks.to(device)
        return Evaluation(self.subject, index, masks, None if again is None else explain, self._refer)

    def judge(self, evaluation: Evaluation, metric: Metric) -> Scores:
        """The score of each picture of an evaluation, (n,).

        Raises:
            OptionError: the pictures lack what the metric needs.
            SycamError: the metric fails, or gives no scores.
        """
        metric.require(self.subject)
        with torch.no_grad():
            scores = metric.score(evaluation)
        self.forwards += metric.passes(self.subject.network.size) * len(evaluation.index)
        result: Scores = scores.float().cpu().numpy()
        return result

    def changed(self, change: Change) -> CamOracle:
        """The oracle of the changed subject; under a named change, what it measures is kept for other candidates."""
        if change.name not in self._changed:
            oracle = CamOracle(change.apply(self.subject), lasting=False)
            if not change.name:
                return oracle
            self._changed[change.name] = oracle
        return self._changed[change.name]

    def _refer(self, name: str) -> Evaluation:
        """The evaluation of a reference on every picture."""
        if name not in self._referred:
            if name not in self.references:
                hint = known(self.references, name, "known references")
                raise OptionError(f"there is no '{name}' to compare with", hint)
            everything = torch.arange(len(self.subject.targets))
            self._referred[name] = self.evaluation(self.references[name](self), everything)
        return self._referred[name]


def features_of(expression: Term) -> tuple[str, ...]:
    """The names of the features that an expression holds, in order of appearance."""
    heads = (node.head for node in subterms(expand(expression)))
    return tuple(dict.fromkeys(head.name for head in heads if isinstance(head, Variable)))


Saliency = Callable[[CamOracle], Tensor]
"""Draws S (N, H, W) of every picture of an oracle's subject."""


def saliency_of(expression: Term) -> Saliency:
    """The saliency maps of an expression; drawing raises SycamError where they are not finite."""

    def draw_maps(oracle: CamOracle) -> Tensor:
        (heat,) = oracle.heat_maps([expression])
        if not heat.finite:
            bad = int((~heat.maps.isfinite().flatten(1).all(1)).sum())
            message = f"the expression {expression!r} is not finite on {bad} of {len(heat.maps)} pictures"
            divides = any(getattr(node.head, "name", "") == "/" for node in subterms(expand(expression)))
            raise SycamError(message, "div0 in place of / gives 0 where the denominator is" if divides else "")
        return saliency(heat.maps, oracle.subject.network.size)

    return draw_maps


def body_of(definition: Definition) -> Term:
    """The definition applied to the features that its parameters name."""
    return term(definition, tuple(leaf(parameter) for parameter in definition.parameters), definition.sort)
