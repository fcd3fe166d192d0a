"""The ranks of the theory CAM: which axes a value has, whose they are, and how they join.

========  =====================  ==============
sort      a value per            shape
========  =====================  ==============
Real      picture                (…, 1, 1, 1)
Weight    channel                (…, K, 1, 1)
Heatmap   pixel                  (…, 1, h, w)
Map       channel and pixel      (…, K, h, w)
Saliency  pixel of the picture   (…, 1, H, W)
========  =====================  ==============

What lacks an axis broadcasts along it, so ranks join like sets of axes: a Weight and a Heatmap make a Map. A Map, a
Weight and a Heatmap are of the layer explained, or as (_ Map early) of a layer that has a name. Only axes of one place
join: the pixels of two layers are not the same, and the picture's are no layer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import z3

from sygus.language.terms import REAL, Sort
from sygus.language.theories.function import Facts, Index, Signature, SortFamily
from sygus.records import record

WEIGHT, HEATMAP, MAP, SALIENCY = Sort("Weight"), Sort("Heatmap"), Sort("Map"), Sort("Saliency")

PICTURE = "the picture"
"""The place of what has the picture's pixels; other places are layers, "" the one explained."""

Size = tuple[int, int]
"""Rows and columns of pixels."""


@record(frozen=True, slots=True)
class Rank:
    """The axes of a value.

    Attributes:
        channels: whether there is one of channels.
        pixels: whether there are those of pixels.
        place: whose they are: a layer's, by its name, or :data:`PICTURE`; None where there are none.
    """

    channels: bool
    pixels: bool
    place: str | None

    def shape(self, channels: int, layer: Size, picture: Size) -> tuple[int, int, int]:
        """The shape of a value, without leading dimensions.

        Args:
            channels: of a layer.
            layer: the size of its maps.
            picture: the size of the picture.
        """
        pixels = picture if self.place == PICTURE else layer
        return (channels if self.channels else 1, *(pixels if self.pixels else (1, 1)))


_FIXED = {REAL: Rank(False, False, None), SALIENCY: Rank(False, True, PICTURE)}
_AT_A_LAYER = {WEIGHT.name: (True, False), HEATMAP.name: (False, True), MAP.name: (True, True)}
"""By the name of a sort, whether a value at a layer has an axis of channels, and of pixels."""

EXPLAINED = "a Weight, a Map, a Heatmap or a Saliency"
"""What a term that is explained with may be, in words; a Real is a weight that all channels share."""


def find_rank(sort: Sort) -> Rank | None:
    """The axes of a value of this sort; None where the sort is no rank."""
    if sort.name not in _AT_A_LAYER or sort.declaration is not None:
        return _FIXED.get(sort)
    return Rank(*_AT_A_LAYER[sort.name], place=str(sort.indices[0]) if sort.indices else "")


def rank_of(sort: Sort) -> Rank:
    """The axes of a value of this sort, which is a rank."""
    rank = find_rank(sort)
    assert rank is not None, f"{sort} is no rank"
    return rank


def is_rank(sort: Sort) -> bool:
    """Whether a term of this sort may be explained with, or be a part of one that is."""
    return find_rank(sort) is not None


def is_whole(sort: Sort) -> bool:
    """Whether a term of this sort is the heat map itself; otherwise it weighs channels."""
    rank = rank_of(sort)
    return rank.pixels and not rank.channels


def _sort(rank: Rank) -> Sort | None:
    """The sort of a value with these axes; without any, the place says nothing."""
    if not rank.channels and not rank.pixels:
        return REAL
    if rank.place == PICTURE:
        return None if rank.channels else SALIENCY
    name = next(name for name, axes in _AT_A_LAYER.items() if axes == (rank.channels, rank.pixels))
    return Sort(name, (rank.place,) if rank.place else ())


# Layers

LAYER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
"""The name of a layer: a letter, then letters, digits and hyphens."""


def at_layer(sort: Sort, layer: str) -> Sort:
    """The sort of the same axes at a layer; the picture's pixels are those of every layer."""
    rank = rank_of(sort)
    found = _sort(rank if rank.place in (None, PICTURE) else replace(rank, place=layer))
    assert found is not None
    return found


def layer_of(sort: Sort) -> str:
    """The layer whose axes a value of this sort has; "", the one explained, where it has those of none."""
    place = rank_of(sort).place
    return "" if place in (None, PICTURE) else str(place)


def sorts_at(layer: str) -> tuple[Sort, ...]:
    """Every rank that has axes of a layer."""
    return tuple(at_layer(Sort(name), layer) for name in _AT_A_LAYER)


def named_at(name: str, layer: str) -> str:
    """The name of a feature at a layer: ``gradient.early``, and that of the feature for the layer explained."""
    return f"{name}.{layer}" if layer else name


def parted(name: str) -> tuple[str, str]:
    """The feature and the layer that such a name holds."""
    feature, _, layer = name.partition(".")
    return feature, layer


def _family(name: str) -> SortFamily:
    def make(indices: tuple[Index, ...], arguments: tuple[Sort, ...]) -> Sort | None:
        fits = not arguments and len(indices) <= 1 and all(LAYER.fullmatch(str(index)) for index in indices)
        return Sort(name, indices) if fits else None

    return SortFamily(name, f"{name}, or (_ {name} LAYER) with the name of a layer", make)


FAMILIES = tuple(map(_family, _AT_A_LAYER))
"""The sorts at the layer explained, and those at a layer that has a name."""


# Signatures


def joined(*sorts: Sort) -> Sort | None:
    """The smallest rank that holds all of these; None where one is no rank, or their axes are of different places."""
    ranks = [rank for rank in map(find_rank, sorts) if rank is not None]
    places = _places(ranks)
    if len(ranks) < len(sorts) or len(places) > 1:
        return None
    return _sort(Rank(any(r.channels for r in ranks), any(r.pixels for r in ranks), next(iter(places), None)))


def remedy(sorts: tuple[Sort, ...]) -> str:
    """What brings arguments together whose axes are of different places, in words; "" where theirs are of one."""
    places = _places(filter(None, map(find_rank, sorts)))
    if len(places) < 2:
        return ""
    layers = [f"'{place}'" if place else "the one explained" for place in places if place != PICTURE]
    if len(layers) == 1:
        return "a Saliency joins Reals alone: (up H) brings a Heatmap to the picture's grid"
    return f"the layers {' and '.join(layers)} have no axis in common: (up H) brings a Heatmap of each to the picture's"


def _places(ranks: Iterable[Rank]) -> list[str]:
    return list(dict.fromkeys(rank.place for rank in ranks if rank.place is not None))


def pointwise(arity: int) -> Signature:
    """So many arguments of any ranks of one place; the result has the axes of all."""
    return lambda given: joined(*given) if len(given) == arity else None


def over_pixels(given: tuple[Sort, ...]) -> Sort | None:
    """One argument with pixels; the result has none."""
    rank = _alone(given)
    return _sort(replace(rank, pixels=False)) if rank is not None and rank.pixels else None


def over_channels(given: tuple[Sort, ...]) -> Sort | None:
    """One argument with channels; the result has none."""
    rank = _alone(given)
    return _sort(replace(rank, channels=False)) if rank is not None and rank.channels else None


def among_pixels(given: tuple[Sort, ...]) -> Sort | None:
    """One argument with pixels; the result has its axes."""
    rank = _alone(given)
    return given[0] if rank is not None and rank.pixels else None


def among_channels(given: tuple[Sort, ...]) -> Sort | None:
    """One argument of channels alone; the result has its axes."""
    rank = _alone(given)
    return given[0] if rank is not None and rank.channels and not rank.pixels else None


def to_the_picture(given: tuple[Sort, ...]) -> Sort | None:
    """One Heatmap; the result is on the picture's grid."""
    rank = _alone(given)
    fits = rank is not None and rank.pixels and not rank.channels and rank.place != PICTURE
    return SALIENCY if fits else None


def _alone(given: tuple[Sort, ...]) -> Rank | None:
    """The axes of the only argument, which is a rank."""
    return find_rank(given[0]) if len(given) == 1 else None


def bounded(name: str, *bounds: Callable[[Any], Any]) -> Callable[..., z3.ArithRef]:
    """A fresh value of which only bounds are known, whatever the arguments."""

    def encode(facts: Facts, *_: z3.ArithRef) -> z3.ArithRef:
        value = facts.fresh(name)
        for bound in bounds:
            facts.assume(bound(value))
        return value

    return encode


def between(name: str) -> Callable[..., z3.ArithRef]:
    """A mean, a maximum or a sum has the sign that all values have; further arguments say nothing."""

    def encode(facts: Facts, a: z3.ArithRef, *_: z3.ArithRef) -> z3.ArithRef:
        value = facts.fresh(name)
        for claim, fact in ((a > 0, value > 0), (a >= 0, value >= 0), (a < 0, value < 0), (a <= 0, value <= 0)):
            if facts.proves(claim):
                facts.assume(fact)
        return value

    return encode
