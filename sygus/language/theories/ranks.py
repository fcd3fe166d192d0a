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

What lacks an axis broadcasts along it, so ranks join like sets of axes: a Weight and a Heatmap make a Map. Only axes of
one place join: the picture's pixels are no layer's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import z3

from sygus.language.terms import REAL, Sort
from sygus.language.theories.function import Facts, Signature

WEIGHT, HEATMAP, MAP, SALIENCY = Sort("Weight"), Sort("Heatmap"), Sort("Map"), Sort("Saliency")

LAYER, PICTURE = "the layer", "the picture"
"""Whose axes are."""

Size = tuple[int, int]
"""Rows and columns of pixels."""


@dataclass(frozen=True, slots=True)
class Rank:
    """The axes of a value.

    Attributes:
        channels: whether there is one of channels.
        pixels: whether there are those of pixels.
        place: whose they are; "" where there are none.
    """

    channels: bool = False
    pixels: bool = False
    place: str = ""

    def shape(self, channels: int, layer: Size, picture: Size) -> tuple[int, int, int]:
        """The shape of a value, without leading dimensions.

        Args:
            channels: of a layer.
            layer: the size of its maps.
            picture: the size of the picture.
        """
        pixels = picture if self.place == PICTURE else layer
        return (channels if self.channels else 1, *(pixels if self.pixels else (1, 1)))


_RANKS = {
    REAL: Rank(),
    WEIGHT: Rank(channels=True, place=LAYER),
    HEATMAP: Rank(pixels=True, place=LAYER),
    MAP: Rank(channels=True, pixels=True, place=LAYER),
    SALIENCY: Rank(pixels=True, place=PICTURE),
}

RANKS = tuple(_RANKS)
"""The sorts of a term that is explained with, or that a part of one may have."""

EXPLAINED = "a Weight, a Map, a Heatmap or a Saliency"
"""The same in words; a Real is a weight that all channels share."""


def rank_of(sort: Sort) -> Rank:
    """The axes of a value of this sort, which is a rank."""
    return _RANKS[sort]


def is_whole(sort: Sort) -> bool:
    """Whether a term of this sort is the heat map itself; otherwise it weighs channels."""
    rank = rank_of(sort)
    return rank.pixels and not rank.channels


def _sort(rank: Rank) -> Sort | None:
    """The sort of a value with these axes; without any, the place says nothing."""
    wanted = rank if rank.channels or rank.pixels else Rank()
    return next((sort for sort, known in _RANKS.items() if known == wanted), None)


def joined(*sorts: Sort) -> Sort | None:
    """The smallest rank that holds all of these; None where one is no rank, or their axes are of different places."""
    if not all(sort in _RANKS for sort in sorts):
        return None
    ranks = [rank_of(sort) for sort in sorts]
    places = {rank.place for rank in ranks} - {""}
    if len(places) > 1:
        return None
    return _sort(Rank(any(r.channels for r in ranks), any(r.pixels for r in ranks), "".join(places)))


def remedy(sorts: tuple[Sort, ...]) -> str:
    """What brings arguments together whose axes are of different places, in words; "" where theirs are of one."""
    places = {rank_of(sort).place for sort in sorts if sort in _RANKS} - {""}
    if len(places) < 2:
        return ""
    return "a Saliency joins Reals alone: (up H) brings a Heatmap to the picture's grid"


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
    return _RANKS.get(given[0]) if len(given) == 1 else None


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
