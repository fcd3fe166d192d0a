"""What a feature is: a quantity that CAM expressions are made of, under the name of a parameter of what is synthesised.

A feature is measured on the network or derived from others. The same derivation serves the random probe tensors that
tell expressions apart, so that a derived feature meets its own definition there. Each module of this package registers
its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from sygus.deferred import torch

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network


Rank = Literal["map", "weight", "heatmap", "saliency", "image"]
"""A value per pixel and channel (N, K, h, w), per channel (N, K, 1, 1), per pixel (N, 1, h, w), per pixel of the
picture (N, 1, H, W), or per image (N, 1, 1, 1)."""

Size = tuple[int, int]
"""Rows and columns of pixels."""


def shape_of(rank: Rank, channels: int, layer: Size, picture: Size) -> tuple[int, int, int]:
    """The shape of a value of a rank, without the images.

    Args:
        rank: see there.
        channels: of the layer.
        layer: the size of its maps.
        picture: the size of the picture.
    """
    pixels = {"map": layer, "heatmap": layer, "saliency": picture}.get(rank, (1, 1))
    return (channels if rank in ("map", "weight") else 1, *pixels)


Draw: TypeAlias = "Callable[[tuple[int, ...], torch.Generator, bool], Tensor]"
"""Random values of a shape, float64; the flag says whether the layer's activation is nonnegative."""


class Measured(Protocol):
    """What a feature is measured on; see :class:`sygus.saliency.features.Measurements`."""

    @property
    def network(self) -> Network:
        """The classifier, split at its layer."""
        ...

    @property
    def pictures(self) -> Tensor:
        """(N, 3, H, W) in pixel space."""
        ...

    @property
    def targets(self) -> Tensor:
        """The class explained in each, (N,)."""
        ...

    @property
    def probability(self) -> Tensor:
        """Of the targets for the clean pictures, (N,)."""
        ...

    def activation(self) -> Tensor:
        """The feature maps A, (N, K, h, w), measured together with those of other layers where there are any."""
        ...

    def __getitem__(self, name: str) -> Tensor:
        """Another feature; see :data:`Rank` for its shape."""
        ...


GRADIENT = 3
"""Forward passes that a pass with its gradient counts as: the way back takes about twice the way forth."""

Passes = int | Callable[[int], int]
"""Forward passes, a number or a function of the number of channels."""

Measure: TypeAlias = "Callable[[Measured], Mapping[str, Tensor]]"
"""Features by name: all that the same passes give. Maps are (N, K, h, w), weights (N, K), heat maps (N, h, w) or, on
the picture's grid, (N, H, W), numbers per image (N,)."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A named quantity: either measured, with random values on the probes, or derived from what it needs.

    Attributes:
        name: the name of the parameter.
        rank: its shape.
        latex: as the papers write it, for channel k, class c and pixel (i, j).
        doc: what it is, with its source.
        domain: which values it takes: any, nonnegative, or in the open interval (0, 1); ``activation`` is
            nonnegative only where the layer ends in a ReLU or the like.
        measure: measures it; features that name one function are measured together.
        draw: random values like those it takes, for what is measured.
        needs: the features it is derived from.
        derive: computes it from those.
        slow: whether measuring it costs a pass per channel or more.
        passes: forward passes, of the network or a part of it, that measuring it takes at most of each picture beside
            that for the feature maps, those with a gradient counted as :data:`GRADIENT`. None: one, or where it is slow
            one per channel.
        kept: whether it is worth keeping on disk.
        conditional: whether some networks do not have it; asking for it is then an OptionError.
        of_class: whether it asks for the probability of a class, or for other classes, which there are not where a
            number is explained that is of no class.
        order: smaller ones are listed first, and their random values are drawn first. A further feature comes last,
            so that those of the others stay as they are.

    Raises:
        ValueError: it is neither measured nor derived, or both.
    """

    name: str
    rank: Rank
    latex: str
    doc: str
    domain: Literal["any", "activation", "nonnegative", "unit"] = "any"
    measure: Measure | None = None
    draw: Draw | None = None
    needs: tuple[str, ...] = ()
    derive: Callable[..., Tensor] | None = None
    slow: bool = False
    passes: Passes | None = None
    kept: bool = False
    conditional: bool = False
    of_class: bool = False
    order: int = 100

    def __post_init__(self) -> None:
        kinds = [self.measure is not None, self.draw is not None, self.derive is None, not self.needs]
        if any(kinds) != all(kinds):
            how = "give measure and draw, or needs and derive"
            raise ValueError(f"the feature '{self.name}' is neither measured nor derived: {how}")

    def cost(self, channels: int) -> int:
        """Forward passes of a picture, see ``passes``, at a layer of so many channels; none where it is derived."""
        if self.measure is None:
            return 0
        if self.passes is None:
            return channels if self.slow else 1
        return self.passes(channels) if callable(self.passes) else self.passes

    def require(self, network: Network) -> None:
        """Check that a network has it, as far as what is explained decides that.

        Raises:
            OptionError: it asks for a class, and the number that is explained is of none.
        """
        if self.of_class:
            network.require_class(f"the feature '{self.name}'")


FEATURES: dict[str, Feature] = {}
"""Every feature, by name."""


def register(*features: Feature) -> None:
    """Make features known.

    Raises:
        ValueError: there is one of that name.
    """
    for feature in features:
        if feature.name in FEATURES:
            raise ValueError(f"there are two features '{feature.name}'; use another name")
        FEATURES[feature.name] = feature
    ordered = sorted(FEATURES.values(), key=lambda one: (one.order, one.name))
    FEATURES.clear()
    FEATURES.update((one.name, one) for one in ordered)


def measured_together(feature: Feature) -> tuple[str, ...]:
    """The features that the same passes give, this one among them."""
    return tuple(other.name for other in FEATURES.values() if other.measure is feature.measure)


def sources_of(names: Iterable[str]) -> tuple[Feature, ...]:
    """These features and all that they are derived from."""
    found: dict[str, Feature] = {}
    waiting = deque(names)
    while waiting:
        name = waiting.popleft()
        if name not in found:
            found[name] = FEATURES[name]
            waiting.extend(FEATURES[name].needs)
    return tuple(found.values())


def passes_of(names: Iterable[str], channels: int) -> int:
    """Forward passes that measuring these features takes at most of each picture, the feature maps among them.

    What is measured together counts once.

    Args:
        names: of the features, derived ones among them.
        channels: of the layer.
    """
    costs: dict[Measure | None, int] = {}
    for feature in sources_of(["activation", *names]):
        costs[feature.measure] = max(costs.get(feature.measure, 0), feature.cost(channels))
    return sum(costs.values())


FeatureTable: TypeAlias = "Mapping[str, Tensor]"
"""Feature names to values; see :data:`Rank` for the shapes."""


def draw(
    shape: tuple[int, int, int, int], generator: torch.Generator, *, nonnegative: bool, picture: Size = (1, 1)
) -> FeatureTable:
    """Random values of every measured feature, float64, for telling expressions apart.

    Args:
        shape: draws, K, h, w.
        generator: where the numbers come from.
        nonnegative: whether activations are; then about half of them are zero.
        picture: H, W.
    """
    draws, channels, *layer = shape
    return {
        feature.name: feature.draw(
            (draws, *shape_of(feature.rank, channels, (layer[0], layer[1]), picture)), generator, nonnegative
        )
        for feature in FEATURES.values()
        if feature.draw is not None
    }


def derive(measured: FeatureTable, names: Iterable[str]) -> FeatureTable:
    """The named features, derived where they are not measured."""
    table = dict(measured)

    def compute(name: str) -> Tensor:
        if name not in table:
            feature = FEATURES[name]
            assert feature.derive is not None
            table[name] = feature.derive(*(compute(need) for need in feature.needs))
        return table[name]

    return {name: compute(name) for name in names}
