"""Features measured on a network, each when it is first asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.errors import OptionError, known
from sygus.saliency.features.cache import Cache
from sygus.saliency.features.codes import code_of
from sygus.saliency.features.entry import Expected
from sygus.saliency.features.feature import FEATURES, Feature, Measure, measured_together, shape_of

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network


class Measurements(Mapping[str, "Tensor"]):
    """Every feature of some pictures, float32 on the network's device; see ``Rank`` for the shapes.

    A feature is computed when it is first asked for: one trunk pass serves all, one backward pass of the tail the
    gradient features, and the expensive features are kept on disk. Numbers are the same to the last bit whether they
    were measured or kept.

    Args:
        network: the classifier.
        pictures: (N, 3, H, W) in pixel space.
        targets: the class explained in each, (N,).
        cache: where expensive features are kept; None keeps them in memory alone.
        probability: of the targets for the clean pictures, (N,), where it is known already.
        layers: the classifier split at further layers, by their names.

    Raises:
        OptionError: when a feature is asked for that the network does not have, such as ``classifier``, or that is of
            a class where a number is explained that is of none.
    """

    def __init__(
        self,
        network: Network,
        pictures: Tensor,
        targets: Tensor,
        *,
        cache: Cache | None = None,
        probability: Tensor | None = None,
        layers: Mapping[str, Network] = MappingProxyType({}),
    ) -> None:
        from sygus.saliency.networks.together import TrunkPass

        self.network = network
        self.pictures = pictures
        self.targets = targets
        self._cache = cache
        self._probability = probability
        self._trunk = TrunkPass((network, *layers.values()), pictures)
        self._layers = {name: self._beside(split) for name, split in layers.items()}
        self._known: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(FEATURES)

    def __iter__(self) -> Iterator[str]:
        return iter(FEATURES)

    def __getitem__(self, name: str) -> Tensor:
        FEATURES[name].require(self.network)  # what is measured together may be known without meaning anything
        if name not in self._known:
            self._known |= self._found(name)
        return self._known[name]

    @cached_property
    def fingerprint(self) -> bytes:
        """Of the pictures and the targets."""
        return self.pictures.cpu().contiguous().numpy().tobytes() + self.targets.cpu().numpy().tobytes()

    def kept(self, name: str, draw: Callable[..., Tensor], compute: Callable[[], Tensor]) -> Tensor:
        """Saliency maps (N, H, W) of these pictures, kept on disk where there is a cache.

        Args:
            name: of the maps among those of one function.
            draw: the function that draws them, for its code.
            compute: draws them.
        """
        expected = {"kept": Expected((len(self.pictures), *self.network.size))}
        return self._remembered(draw, (name,), expected, lambda: {"kept": canonical(compute())})["kept"]

    def at(self, module: str) -> Measurements:
        """The features of the same pictures at another module of the network.

        Raises:
            OptionError: the network has no such module, or it cannot be explained.
        """
        return self._of(self.network.at(module))

    def layer(self, name: str) -> Measurements:
        """The features of the same pictures at the layer of this name; "" is the one explained.

        Raises:
            OptionError: no layer has this name.
        """
        if name and name not in self._layers:
            hint = known(self._layers, name) if self._layers else f"name its module: --layers {name}=MODULE"
            raise OptionError(f"there is no layer '{name}'", hint)
        return self._layers[name] if name else self

    def activation(self) -> Tensor:
        """The feature maps A, (N, K, h, w); those of all layers are measured in one pass."""
        return self._trunk(self.network)

    def _of(self, network: Network) -> Measurements:
        return Measurements(network, self.pictures, self.targets, cache=self._cache, probability=self._probability)

    def _beside(self, network: Network) -> Measurements:
        """The features at another layer, whose feature maps come with those of this one."""
        found = self._of(network)
        found._trunk = self._trunk
        return found

    @property
    def probability(self) -> Tensor:
        """Of the targets for the clean pictures, (N,)."""
        if self._probability is not None:
            return self._probability
        return self.network.probabilities(self.pictures, self.targets)

    def _found(self, name: str) -> Mapping[str, Tensor]:
        """This feature and those that come with it, derived, from disk, or measured."""
        feature = FEATURES[name]
        if feature.derive is not None:
            return {name: feature.derive(*(self[need] for need in feature.needs))}
        if self._cache is None or not feature.kept:
            return self._measure(name)
        assert feature.measure is not None
        together = measured_together(feature)
        expected = {one: self._expected(FEATURES[one]) for one in together}
        return self._remembered(feature.measure, together, expected, lambda: self._measure(name))

    def _expected(self, feature: Feature) -> Expected:
        """What a feature is on these pictures at this layer."""
        count, channels, *layer = self["activation"].shape
        low = 0.0 if feature.domain == "nonnegative" else -math.inf
        low, high = _unit() if feature.domain == "unit" else (low, math.inf)
        shape = shape_of(feature.rank, channels, (layer[0], layer[1]), self.network.size)
        return Expected((count, *shape), low, high)

    def _remembered(
        self,
        function: Measure | Callable[..., Tensor],
        names: tuple[str, ...],
        expected: Mapping[str, Expected],
        compute: Callable[[], Mapping[str, Tensor]],
    ) -> Mapping[str, Tensor]:
        """What a function gives, kept on disk where there is a cache and all of its code can be told."""
        code = None if self._cache is None else code_of(function, names)
        if self._cache is None or code is None:
            return compute()
        key = self._cache.key(self.network, self.fingerprint, names, code)
        return self._cache.remember(key, expected, self.network.device, compute)

    def _measure(self, name: str) -> Mapping[str, Tensor]:
        """This feature and those that come with it."""
        feature = FEATURES[name]
        assert feature.measure is not None
        found, together = feature.measure(self), measured_together(feature)
        if set(found) != set(together):
            raise ValueError(f"{', '.join(together)} are measured together, but {', '.join(found)} are given")
        return {one: canonical(_settled(FEATURES[one], value)) for one, value in found.items()}


def canonical(value: Tensor) -> Tensor:
    """The same numbers, float32, in memory row by row from its beginning, as what comes from disk lies.

    How numbers lie in memory decides the order in which kernels add them, and so the last bits of sums.
    """
    rows = torch.empty(value.shape, device="meta").stride()
    lies_so = value.stride() == rows and value.storage_offset() == 0 and value.dtype == torch.float32
    return value.detach() if lies_so else value.detach().float().clone(memory_format=torch.contiguous_format)


_OF_RANK = {"map": 4, "weight": 2, "heatmap": 3, "saliency": 3, "image": 1}
"""The dimensions of what is measured; those of its rank that it lacks are of size 1."""


def _unit() -> tuple[float, float]:
    """The numbers of float32 next to the ends of the open interval (0, 1)."""
    kind = torch.finfo(torch.float32)
    return kind.tiny, 1 - kind.eps / 2


def _settled(feature: Feature, value: Tensor) -> Tensor:
    """What was measured as float32 of the shape of its rank and inside its domain.

    The open interval (0, 1) needs help: float32 rounds what is close to an end to the end itself.
    """
    if value.dim() != _OF_RANK[feature.rank]:
        raise ValueError(f"the feature '{feature.name}' is measured as {tuple(value.shape)}, no {feature.rank}")
    if feature.domain == "unit":
        value = value.float().clamp(*_unit())
    if feature.rank in ("heatmap", "saliency"):
        return value.float().unsqueeze(1)
    return value.float().reshape(*value.shape, *(1,) * (4 - value.dim()))


def measure(network: Network, pictures: Tensor, targets: Tensor) -> Measurements:
    """The features of these pictures, kept in memory alone; see :class:`Measurements`."""
    return Measurements(network, pictures, targets)
