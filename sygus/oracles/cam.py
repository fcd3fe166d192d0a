"""What a CAM problem means on a network and pictures: features, probes, heat maps and scores of terms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sygus.errors import OptionError, Position, SycamError, TypeCheckError, guess, known, listed
from sygus.language.terms import BOOL, REAL, Definition, Sort, Term, Variable, expand, leaf, subterms, term
from sygus.language.theories.cam import activation_at
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.function import Function
from sygus.language.theories.ranks import (
    HEATMAP,
    LAYER,
    MAP,
    SALIENCY,
    WEIGHT,
    at_layer,
    is_rank,
    is_whole,
    layer_of,
    named_at,
    parted,
    rank_of,
    sorts_at,
)
from sygus.maps import unit_range
from sygus.oracles.equivalence import Probes
from sygus.oracles.safety import Domain
from sygus.saliency.features import FEATURES, Feature, Measurements, derive, draw
from sygus.saliency.features.cache import Cache
from sygus.saliency.heatmap import combine, degenerate, saliency, whole
from sygus.saliency.metrics import Change, Evaluation, Metric, Subject
from sygus.saliency.networks import Network, split_at

Scores = NDArray[np.float32]

SORTS: Mapping[str, Sort] = {"map": MAP, "weight": WEIGHT, "heatmap": HEATMAP, "saliency": SALIENCY, "image": REAL}
"""The sort of a feature, by its rank."""

PROBE_SHAPE = (8, 3, 5, 1)
"""Draws, K, h, w of the probes. Few terms depend on sizes: ``total`` is hw times ``gap``, so hw is a number that
grammars hardly hold. Eight draws show signs that are rare."""

PICTURE_SHAPE = (9, 1)
"""H, W of the pictures that the probes are of. No multiple of h: pixels lie between those of the layer, at unequal
distances, so that scaling or averaging is told apart before and after up-sampling."""


def feature_variables(layers: Iterable[str] = ("",)) -> Mapping[str, Variable]:
    """Every feature as a variable of its sort, at each of these layers; "" is the one explained."""
    found = {}
    for layer, (name, feature) in product(layers, FEATURES.items()):
        variable = Variable(named_at(name, layer), at_layer(SORTS[feature.rank], layer))
        found[variable.name] = variable
    return found


def feature_of(name: str) -> Feature:
    """The feature that a variable names, at whichever layer."""
    return FEATURES[parted(name)[0]]


def is_feature(variable: Variable) -> bool:
    """Whether a variable is a feature at some layer, of that feature's sort."""
    name, layer = parted(variable.name)
    if name not in FEATURES or (variable.name != name and not LAYER.fullmatch(layer)):
        return False
    return variable.sort == at_layer(SORTS[FEATURES[name].rank], layer)


def layers_of(variables: Iterable[Variable]) -> tuple[str, ...]:
    """The names of the layers that features are of, and their sorts, in order of appearance."""
    found = (layer for one in variables if is_rank(one.sort) for layer in (parted(one.name)[1], layer_of(one.sort)))
    return tuple(dict.fromkeys(filter(None, found)))


def check_parameters(parameters: Sequence[Variable], positions: Sequence[Position]) -> None:
    """Every parameter must name a feature, with that feature's sort.

    Raises:
        TypeCheckError: at the position of the parameter.
    """
    for parameter, position in zip(parameters, positions, strict=True):
        name, layer = parted(parameter.name)
        if name not in FEATURES:
            names = ", ".join(f"{name} {SORTS[f.rank]}" for name, f in FEATURES.items())
            hint = f"{guess(FEATURES, name)}known features: {names}"
            raise TypeCheckError(f"unknown feature '{parameter.name}'", position, hint)
        if name != parameter.name and not LAYER.fullmatch(layer):
            hint = f"write {name}.early, where early names a layer: a letter, then letters, digits and hyphens"
            raise TypeCheckError(f"'{parameter.name}' names no layer", position, hint)
        sort = at_layer(SORTS[FEATURES[name].rank], layer)
        if parameter.sort != sort:
            message = f"the feature '{parameter.name}' is {sort}, not {parameter.sort}"
            raise TypeCheckError(message, position, f"write ({parameter.name} {sort})")


def domains(nonnegative: bool, layers: Mapping[str, bool] = MappingProxyType({})) -> Mapping[str, Domain]:
    """What the safety oracle may assume of the features.

    Args:
        nonnegative: whether the activation of the layer explained is.
        layers: the same of further layers, by their names.
    """

    def domain(feature: Feature, positive: bool) -> Domain:
        if feature.domain == "activation":
            return "nonnegative" if positive else "any"
        return feature.domain

    return {
        named_at(name, layer): domain(feature, positive)
        for layer, positive in {"": nonnegative, **layers}.items()
        for name, feature in FEATURES.items()
    }


def probes(
    parameters: Iterable[Variable],
    *,
    nonnegative: bool,
    seed: int,
    layers: Mapping[str, bool] = MappingProxyType({}),
) -> Probes:
    """Random values of the parameters that respect the features' domains and definitions; each layer's are its own.

    Args:
        parameters: features.
        nonnegative: whether the activation of the layer explained is.
        seed: of the numbers.
        layers: the same of further layers, by their names.
    """
    draws, channels, *rest = PROBE_SHAPE
    everywhere = {"": nonnegative, **layers}
    grid, sorts = (rest[0], rest[1]), [REAL, SALIENCY, *(sort for layer in everywhere for sort in sorts_at(layer))]
    shapes = {sort: (draws, *rank_of(sort).shape(channels, grid, PICTURE_SHAPE)) for sort in sorts}
    shapes[BOOL] = shapes[REAL]
    values: dict[Variable, Tensor] = {}
    given = [*parameters, *map(activation_at, everywhere)]  # which ``cam`` reads unnamed
    for layer, positive in everywhere.items():
        generator = torch.Generator().manual_seed(_seed_at(layer, seed))
        measured = draw(PROBE_SHAPE, generator, nonnegative=positive, picture=PICTURE_SHAPE)
        wanted = {name: one for one in given for name, place in [parted(one.name)] if place == layer}
        values |= {wanted[name]: value for name, value in derive(measured, wanted).items()}
    return Probes(values, shapes, PICTURE_SHAPE)


def _seed_at(layer: str, seed: int) -> int:
    """A seed for each layer; that of the one explained is the seed itself."""
    if not layer:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{layer}".encode()).digest()[:7])


ROWS = 1024
"""Masked pictures that are scored at a time: bounds the memory."""


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """The heat maps L (N, h, w) of one term on all pictures, before up-sampling unless the term does that itself.

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
        layers: the subject's network split at further layers, by their names.
        lasting: whether other runs may meet the subject, so that expensive features are worth keeping on disk.
    """

    def __init__(
        self,
        subject: Subject,
        references: Mapping[str, Saliency] = MappingProxyType({}),
        *,
        layers: Mapping[str, Network] = MappingProxyType({}),
        lasting: bool = True,
    ) -> None:
        self.subject = subject
        self.layers = layers
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
            probability=subject.known_probability,
            layers=self.layers,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of everything but the metric that a score depends on; devices differ in the last bits."""
        subject = self.subject
        network = subject.network
        digest = hashlib.sha256(f"{network.fingerprint}/{subject.images.fingerprint}/{network.device.type}".encode())
        digest.update(subject.targets.cpu().numpy().tobytes())
        for name, split in sorted(self.layers.items()):
            digest.update(f"/{name}={split.fingerprint}".encode())
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
        variables = dict.fromkeys((activation_at(""), *(one for term in terms for one in variables_of(term))))
        size = self.subject.network.size
        with torch.no_grad():
            features = {variable: self.feature(variable.name) for variable in variables}
            drawn = ((term, self._drawn(term.sort, evaluate(term, features, memo, size=size))) for term in terms)
            return [replace(self.keyed(maps), term=term) for term, maps in drawn]

    def feature(self, name: str) -> Tensor:
        """A feature by the name of its variable.

        Raises:
            OptionError: the network does not have it, or there is no layer of that name.
        """
        name, layer = parted(name)
        return self.measured.layer(layer)[name]

    def _drawn(self, sort: Sort, values: Tensor) -> Tensor:
        """L, (N, h, w) or on the picture's grid (N, H, W), of the values of a term of a sort."""
        activation = self.measured.layer(layer_of(sort))["activation"]
        if values.dim() == 0:  # a constant
            values = values.reshape(1, 1, 1)
        values = values.expand(len(activation), *values.shape[-3:])
        return whole(values) if is_whole(sort) else combine(values, activation)

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
            subject = change.apply(self.subject)
            layers = self.layers
            if subject.network is not self.subject.network:
                layers = split_at(subject.network, {name: split.layer for name, split in layers.items()})
            oracle = CamOracle(subject, layers=layers, lasting=False)
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


def variables_of(expression: Term) -> tuple[Variable, ...]:
    """The features that an expression holds, as variables, in order of appearance."""
    heads = (node.head for node in subterms(expand(expression)))
    return tuple(dict.fromkeys(head for head in heads if isinstance(head, Variable)))


def features_of(expression: Term) -> tuple[str, ...]:
    """The names of these variables."""
    return tuple(variable.name for variable in variables_of(expression))


def is_placed(expression: Term) -> bool:
    """Whether its values depend on where the pixels of maps lie, as those of a blur do."""
    return any(isinstance(node.head, Function) and node.head.placed for node in subterms(expand(expression)))


Saliency = Callable[[CamOracle], Tensor]
"""Draws S (N, H, W) of every picture of an oracle's subject."""


def saliency_of(expression: Term) -> Saliency:
    """The saliency maps of an expression; drawing raises SycamError where they are not finite."""

    def draw_maps(oracle: CamOracle) -> Tensor:
        (heat,) = oracle.heat_maps([expression])
        if not heat.finite:
            bad = (~heat.maps.isfinite().flatten(1).all(1)).nonzero()[:, 0].tolist()
            named = listed([oracle.subject.images.ids[place] for place in bad], 3)
            message = f"the expression {expression!r} is not finite on {len(bad)} of {len(heat.maps)} pictures"
            message += f": {named}"
            divides = any(getattr(node.head, "name", "") == "/" for node in subterms(expand(expression)))
            raise SycamError(message, "div0 in place of / gives 0 where the denominator is" if divides else "")
        return saliency(heat.maps, oracle.subject.network.size)

    return draw_maps


def body_of(definition: Definition) -> Term:
    """The definition applied to the features that its parameters name."""
    return term(definition, tuple(leaf(parameter) for parameter in definition.parameters), definition.sort)
