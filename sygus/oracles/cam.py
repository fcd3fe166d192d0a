"""What a CAM problem means on a network and pictures: features, probes, heat maps and scores of terms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sygus.errors import OptionError, SycamError, known, listed
from sygus.language.terms import BOOL, REAL, Sort, Term, Variable, expand, subterms
from sygus.language.theories.cam import activation_at
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import (
    SALIENCY,
    is_whole,
    layer_of,
    parted,
    rank_of,
    sorts_at,
)
from sygus.maps import unit_range
from sygus.oracles.equivalence import Probes
from sygus.oracles.executor import Executor, InProcess, Unit
from sygus.oracles.executor import Scores as Scores
from sygus.oracles.parameters import variables_of
from sygus.saliency.features import Measurements, derive, draw
from sygus.saliency.features.cache import Cache
from sygus.saliency.heatmap import combine, degenerate, saliency, whole
from sygus.saliency.metrics import Change, Evaluation, Metric, Subject
from sygus.saliency.networks import Network, split_at

PROBE_SHAPE = (8, 3, 5, 1)
"""Draws, K, h, w of the probes. Few terms depend on sizes: ``total`` is hw times ``gap``, so hw is a number that
grammars hardly hold. Eight draws show signs that are rare."""

PICTURE_SHAPE = (9, 1)
"""H, W of the pictures that the probes are of. No multiple of h: pixels lie between those of the layer, at unequal
distances, so that scaling or averaging is told apart before and after up-sampling."""


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


UNSCORED = "it ended the process that scored it, twice, or is not finite on what a metric has it explain again"
"""Why a term has no score although its maps are finite."""

SEE_WHY = "score in this process, without --workers and --ray, and see why"
"""What to do about it."""

SAMPLE = 32
"""Pictures of a sample, at least; galleries show fewer."""


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
        executor: where masked pictures are scored.
    """

    def __init__(
        self,
        subject: Subject,
        references: Mapping[str, Saliency] = MappingProxyType({}),
        *,
        layers: Mapping[str, Network] = MappingProxyType({}),
        lasting: bool = True,
        executor: Executor | None = None,
    ) -> None:
        self.subject = subject
        self.executor: Executor = InProcess() if executor is None else executor
        self.layers = layers
        self.lasting = lasting
        self.references = references
        """What the metric ``win`` may compare with, by name."""
        self._changed: dict[str, CamOracle] = {}
        self._referred: dict[str, Evaluation] = {}
        self._identities: dict[str, str] = {}
        self.forwards = 0
        """Masked passes of single pictures spent so far."""
        self.failed: dict[str, Term | None] = {}
        """What could not be scored, by the key of its maps."""

    @property
    def spans(self) -> tuple[range, ...]:
        """The rows of the parts that the pictures are worked through in; one of all of them, unless they are many."""
        return self.subject.images.spans

    def part(self, rows: range) -> CamOracle:
        """The oracle on some pictures that follow one another, which are in memory as long as it is held.

        What it measures is not kept on disk, since of many pictures that would fill it.

        Raises:
            SycamError: a picture cannot be read any more, or is another one now.
        """
        if self.subject.images.shelf is None and len(rows) == len(self.subject.images):
            return self
        return CamOracle(self.subject.part(rows), self.references, layers=self.layers, lasting=False)

    @cached_property
    def sample(self) -> CamOracle:
        """All pictures where they are in memory, else the first ones: for what is asked once, and the same of any."""
        subject = self.subject
        if subject.images.shelf is None:
            return self
        return self.part(range(min(len(subject.images), max(SAMPLE, subject.network.chunk.size))))

    def release(self) -> None:
        """Forget what was drawn and measured to compare with, which refers back to this oracle."""
        self._changed.clear()
        self._referred.clear()

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
                digest.update(self.reference(name).saliency.cpu().numpy().tobytes())
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
        """The scores of several terms on the same pictures, all of which can be scored.

        Args:
            heat: the terms' heat maps.
            metric: what to score.
            index: (n,) which pictures.

        Returns:
            (terms, n) float32.

        Raises:
            OptionError: the pictures lack what the metric needs.
            SycamError: the metric fails, or a term cannot be scored.
        """
        found = self.attempt(heat, metric, index)
        for one, row in zip(heat, found, strict=True):
            if np.isnan(row).any():
                if not self.executor.elsewhere:
                    self._judged(self._unit([one], metric, index, np.arange(len(index))))  # raises what is wrong
                raise SycamError(f"{one.term!r} cannot be scored: {UNSCORED}", SEE_WHY)
        return found

    def attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: Tensor) -> Scores:
        """The scores of several terms on the same pictures; of one that cannot be scored NaN, noted in :attr:`failed`.

        Pictures of different terms share forward passes; the score of a picture depends on its own heat map alone.

        Args:
            heat: the terms' heat maps.
            metric: what to score.
            index: (n,) which pictures.

        Returns:
            (terms, n) float32.

        Raises:
            OptionError: the pictures lack what the metric needs.
            SycamError: the metric fails.
        """
        metric.require(self.subject)
        found = np.full(len(heat) * len(index), np.nan, np.float32)
        places = self._places(heat, metric, len(index))
        units = [self._unit(heat, metric, index, one) for one in places]
        for place, scores in zip(places, self.executor.map(units, self.judged), strict=True):
            found[place] = scores[0]
        result = found.reshape(len(heat), len(index))
        failed = {one.key: one.term for one, row in zip(heat, result, strict=True) if np.isnan(row).any()}
        self.failed |= failed
        scored = sum(one.key not in failed for one in heat)
        self.forwards += metric.passes(self.subject.network.size) * len(index) * scored
        return result

    def _places(self, heat: Sequence[HeatMaps], metric: Metric, pictures: int) -> list[NDArray[np.int64]]:
        """Which of the rows (terms · pictures) are scored together: passes are filled with maps of one size."""
        each = np.arange(len(heat) * pictures).reshape(len(heat), pictures)
        if metric.alone:
            return list(each)
        shapes = list(dict.fromkeys(one.maps.shape[1:] for one in heat))
        groups = [[place for place, one in enumerate(heat) if one.maps.shape[1:] == shape] for shape in shapes]
        rows = self.executor.rows(self.subject.network.chunk.size)
        flat = [each[group].flatten() for group in groups]
        return [group[start : start + rows] for group in flat for start in range(0, len(group), rows)]

    def _unit(self, heat: Sequence[HeatMaps], metric: Metric, index: Tensor, places: NDArray[np.int64]) -> Unit:
        owners = places // len(index)
        seen = index[torch.from_numpy(places % len(index)).to(index.device)]
        bounds = np.flatnonzero(np.diff(owners)) + 1
        maps = [
            heat[owners[first]].maps[seen[first:end].to(heat[owners[first]].maps.device)]
            for first, end in pairwise([0, *bounds, len(owners)])
        ]
        term = heat[owners[0]].term if metric.alone else None
        return Unit(self.fingerprint, (metric,), torch.cat(maps), False, seen, owners, term)

    def judged(self, unit: Unit) -> Scores:
        """The scores of a unit of work, (metrics, n), computed in this process; NaN where there can be none."""
        try:
            return self._judged(unit)
        except NotFinite:
            return np.full((len(unit.metrics), len(unit.index)), np.nan, np.float32)

    def _judged(self, unit: Unit) -> Scores:
        masks = unit.maps
        if not unit.drawn:
            with torch.no_grad():
                masks = saliency(masks, self.subject.network.size)
        again = None if unit.term is None else saliency_of(unit.term)
        evaluation = self.evaluation(masks, unit.index, again)
        return np.stack([self._scores(evaluation, metric) for metric in unit.metrics])

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
        return Evaluation(self.subject, index, masks, None if again is None else explain, self.reference)

    def judge(self, evaluation: Evaluation, metric: Metric) -> Scores:
        """The score of each picture of an evaluation, (n,).

        Raises:
            OptionError: the pictures lack what the metric needs.
            SycamError: the metric fails, or gives no scores.
        """
        metric.require(self.subject)
        result = self._scores(evaluation, metric)
        self.forwards += metric.passes(self.subject.network.size) * len(evaluation.index)
        return result

    def judged_elsewhere(self, evaluation: Evaluation, metrics: Sequence[Metric]) -> dict[str, Scores]:
        """The scores of an evaluation by those of some metrics that other processes can compute, by their names.

        All of them are computed at once, since they share what is measured of the maps. None where this process scores.

        Raises:
            OptionError: the pictures lack what a metric needs.
            SycamError: a metric fails, or ends the processes that compute it.
        """
        chosen = tuple(metric for metric in metrics if not metric.alone)
        if not self.executor.elsewhere or not chosen:
            return {}
        for metric in chosen:
            metric.require(self.subject)
        rows, count = self.executor.rows(self.subject.network.chunk.size), len(evaluation.index)
        pieces = [slice(start, start + rows) for start in range(0, count, rows)]
        owners = np.zeros(count, np.int64)
        units = [
            Unit(self.fingerprint, chosen, evaluation.saliency[one], True, evaluation.index[one], owners[one])
            for one in pieces
        ]
        found = np.concatenate(list(self.executor.map(units, self.judged)), axis=1)
        if np.isnan(found).any():
            raise SycamError(f"some maps cannot be scored: {UNSCORED}", SEE_WHY)
        self.forwards += sum(metric.passes(self.subject.network.size) for metric in chosen) * count
        return {metric.name: scores for metric, scores in zip(chosen, found, strict=True)}

    def _scores(self, evaluation: Evaluation, metric: Metric) -> Scores:
        with torch.no_grad():
            scores: Scores = metric.score(evaluation).float().cpu().numpy()
        return scores

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

    def reference(self, name: str) -> Evaluation:
        """The evaluation of a reference on every picture."""
        if name not in self._referred:
            if name not in self.references:
                hint = known(self.references, name, "known references")
                raise OptionError(f"there is no '{name}' to compare with", hint)
            everything = torch.arange(len(self.subject.targets))
            self._referred[name] = self.evaluation(self.references[name](self), everything)
        return self._referred[name]

    def refer_to(self, name: str, maps: Tensor) -> None:
        """Compare with these maps S (N, H, W), of every picture, under a name."""
        self._referred[name] = self.evaluation(maps, torch.arange(len(self.subject.targets)))


class NotFinite(SycamError):  # noqa: N818 - it is what is wrong
    """An expression whose maps are not finite, on the pictures of the search or on what is explained in their place."""


Saliency = Callable[[CamOracle], Tensor]
"""Draws S (N, H, W) of every picture of an oracle's subject."""


def saliency_of(expression: Term) -> Saliency:
    """The saliency maps of an expression; drawing raises :class:`NotFinite` where they are not finite."""

    def draw_maps(oracle: CamOracle) -> Tensor:
        (heat,) = oracle.heat_maps([expression])
        if not heat.finite:
            bad = (~heat.maps.isfinite().flatten(1).all(1)).nonzero()[:, 0].tolist()
            named = listed([oracle.subject.images.ids[place] for place in bad], 3)
            message = f"the expression {expression!r} is not finite on {len(bad)} of {len(heat.maps)} pictures"
            message += f": {named}"
            divides = any(getattr(node.head, "name", "") == "/" for node in subterms(expand(expression)))
            raise NotFinite(message, "div0 in place of / gives 0 where the denominator is" if divides else "")
        return saliency(heat.maps, oracle.subject.network.size)

    return draw_maps
