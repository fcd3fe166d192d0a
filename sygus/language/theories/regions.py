"""Functions of the theory CAM that look at more than one pixel or channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import z3

from sygus.deferred import Deferred, torch
from sygus.language.terms import REAL, Sort
from sygus.language.theories.function import PRODUCT, SUM, Facts, Function, Latex, code, named, opaque
from sygus.language.theories.ranks import (
    among_channels,
    among_pixels,
    between,
    bounded,
    over_channels,
    over_pixels,
    to_the_picture,
)

if TYPE_CHECKING:
    from sygus import maps
    from sygus.language.theories import guards
else:
    guards, maps = Deferred("sygus.language.theories.guards"), Deferred("sygus.maps")


def _over(latex: str) -> Callable[[Latex], Latex]:
    """A big operator, which reaches over products but not over sums."""
    return lambda a: Latex(rf"{latex} {a.within(PRODUCT)}", SUM)


def _over_pixels(name: str, **faces: Any) -> Function:
    """From the pixels of a map to one number."""
    return Function(
        name=name,
        signature=over_pixels,
        sorts="Map → Weight, Heatmap → Real, Saliency → Real",
        sympy=opaque(name),
        axis="pixels",
        **faces,
    )


def _over_channels(name: str, **faces: Any) -> Function:
    """From the channels to one number, at each pixel where there are pixels."""
    return Function(
        name=name,
        signature=over_channels,
        sorts="Map → Heatmap, Weight → Real",
        sympy=opaque(name),
        axis="channels",
        **faces,
    )


def _among_channels(name: str, **faces: Any) -> Function:
    """From a number per channel to a number per channel, looking at all channels."""
    return Function(
        name=name,
        signature=among_channels,
        sorts="Weight → Weight",
        sympy=opaque(name),
        latex=named(rf"\operatorname{{{name}}}_k"),
        axis="channels",
        **faces,
    )


def _among_pixels(name: str, **faces: Any) -> Function:
    """From a map to a map, looking at all its pixels."""
    sorts = "Map → Map, Heatmap → Heatmap, Saliency → Saliency"
    return Function(name=name, signature=among_pixels, sorts=sorts, axis="pixels", **faces)


def _signed_share(facts: Facts, a: z3.ArithRef) -> z3.ArithRef:
    share = facts.fresh("l1norm")
    facts.assume(z3.And(share <= 1, share >= -1, z3.Implies(a >= 0, share >= 0), z3.Implies(a <= 0, share <= 0)))
    return share


def _blurred(given: tuple[Sort, ...]) -> Sort | None:
    """A map and the width of the Gaussian."""
    return among_pixels(given[:1]) if len(given) == 2 and given[1] == REAL else None


def _minmax(a: torch.Tensor) -> torch.Tensor:
    low, high = a.amin(-3, keepdim=True), a.amax(-3, keepdim=True)
    return guards.guarded_division(a - low, high - low)


OVER_PIXELS = (
    _over_pixels(
        "gap",
        doc="Mean over the pixels (global average pooling).",
        kernel=lambda a: a.mean((-2, -1), keepdim=True),
        z3=between("gap"),
        latex=_over(r"\frac{1}{Z}\sum_i\sum_j"),
        source=code("{0}.mean((-2, -1), keepdim=True)"),
    ),
    _over_pixels(
        "gmp",
        doc="Maximum over the pixels (global maximum pooling).",
        kernel=lambda a: a.amax((-2, -1), keepdim=True),
        z3=between("gmp"),
        latex=_over(r"\max_{i,j}"),
        source=code("{0}.amax((-2, -1), keepdim=True)"),
    ),
    _over_pixels(
        "total",
        doc="Sum over the pixels.",
        kernel=lambda a: a.sum((-2, -1), keepdim=True),
        z3=between("total"),
        latex=_over(r"\sum_i\sum_j"),
        source=code("{0}.sum((-2, -1), keepdim=True)"),
    ),
    _over_pixels(
        "spatial-std",
        doc="Standard deviation over the pixels, without Bessel's correction.",
        kernel=lambda a: a.std((-2, -1), correction=0, keepdim=True),
        z3=bounded("spatial-std", lambda value: value >= 0),
        latex=named(r"\operatorname{std}_{i,j}"),
        source=code("{0}.std((-2, -1), correction=0, keepdim=True)"),
    ),
)

AMONG_CHANNELS = (
    _among_channels(
        "softmax",
        doc="Softmax over the channels.",
        kernel=lambda a: torch.softmax(a, -3),
        z3=bounded("softmax", lambda value: value > 0, lambda value: value <= 1),
        source=code("torch.softmax({0}, -3)"),
    ),
    _among_channels(
        "minmax",
        doc="Scaled to [0, 1] over the channels; 0 where all are equal.",
        kernel=_minmax,
        z3=bounded("minmax", lambda value: value >= 0, lambda value: value <= 1),
        source=code(
            "guarded_division({0} - {0}.amin(-3, keepdim=True), "
            "{0}.amax(-3, keepdim=True) - {0}.amin(-3, keepdim=True))"
        ),
    ),
    _among_channels(
        "l1norm",
        doc="Divided by the sum of magnitudes over the channels; 0 where that is 0.",
        kernel=lambda a: guards.guarded_division(a, a.abs().sum(-3, keepdim=True)),
        z3=_signed_share,
        source=code("guarded_division({0}, {0}.abs().sum(-3, keepdim=True))"),
    ),
    _among_channels(
        "center",
        doc="Minus the mean over the channels.",
        kernel=lambda a: a - a.mean(-3, keepdim=True),
        z3=bounded("center"),
        source=code("{0} - {0}.mean(-3, keepdim=True)"),
    ),
)

CHANNEL_SUM = _over_channels(
    "channel-sum",
    doc="Sum over the channels.",
    kernel=lambda a: a.sum(-3, keepdim=True),
    z3=between("channel-sum"),
    latex=_over(r"\sum_k"),
    source=code("{0}.sum(-3, keepdim=True)"),
)

OVER_CHANNELS = (
    CHANNEL_SUM,
    _over_channels(
        "channel-mean",
        doc="Mean over the channels.",
        kernel=lambda a: a.mean(-3, keepdim=True),
        z3=between("channel-mean"),
        latex=_over(r"\frac{1}{K}\sum_k"),
        source=code("{0}.mean(-3, keepdim=True)"),
    ),
    _over_channels(
        "channel-max",
        doc="Maximum over the channels.",
        kernel=lambda a: a.amax(-3, keepdim=True),
        z3=between("channel-max"),
        latex=_over(r"\max_k"),
        source=code("{0}.amax(-3, keepdim=True)"),
    ),
)

AMONG_PIXELS = (
    _among_pixels(
        "unit",
        doc="Scaled to [0, 1] over the pixels, n(·); 0 where all are equal.",
        kernel=lambda a: maps.unit_range(a),
        z3=bounded("unit", lambda value: value >= 0, lambda value: value <= 1),
        sympy=opaque("unit"),
        latex=named("n"),
        source=code("unit_range({0})"),
    ),
    _among_pixels(
        "above-mean",
        doc="How far above the mean over the pixels, else 0.",
        kernel=lambda a: torch.relu(a - a.mean((-2, -1), keepdim=True)),
        z3=bounded("above-mean", lambda value: value >= 0),
        sympy=opaque("above-mean"),
        latex=lambda a: Latex(rf"\left({a.within(PRODUCT)} - \overline{{{a.text}}}\right)_+"),
        source=code("torch.relu({0} - {0}.mean((-2, -1), keepdim=True))"),
    ),
    Function(
        name="blur",
        signature=_blurred,
        sorts="Map Real → Map, Heatmap Real → Heatmap, Saliency Real → Saliency",
        doc="Smoothed by a Gaussian whose standard deviation is the second argument, in cells of the map.",
        kernel=lambda a, width: guards.blur(a, width),
        z3=between("blur"),
        sympy=opaque("blur"),
        latex=lambda a, b: Latex(rf"G_{{{b.text}}} * {a.within(PRODUCT)}", PRODUCT),
        source=code("blur({0}, {1})"),
        axis="pixels",
        placed=True,
    ),
)

UP = Function(
    name="up",
    signature=to_the_picture,
    sorts="Heatmap → Saliency",
    doc="Up-sampled to the grid of the picture, bilinearly.",
    kernel=lambda a, size: maps.upsample(a, size),
    z3=between("up"),
    sympy=opaque("up"),
    latex=named(r"\operatorname{up}"),
    source=code("upsample({0}, {1})"),
    axis="pixels",
    placed=True,
    sized=True,
)
"""Where heat maps meet that have no grid in common."""
