"""The quantities that a CAM expression is made of, by the name a parameter of the function to synthesise gives them.

Each feature is measured on the network or derived from others. The same derivation serves the random probe tensors
that tell expressions apart, so that a derived feature meets its own definition there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Rank = Literal["map", "weight", "image"]
"""A value per pixel and channel (N, K, h, w), per channel (N, K, 1, 1), or per image (N, 1, 1, 1)."""

Draw = Callable[[tuple[int, ...], torch.Generator, bool], Tensor]
"""Random values of a shape, float64; the flag says whether the layer's activation is nonnegative."""


@dataclass(frozen=True)
class Feature:
    """A named quantity.

    Attributes:
        name: the name of the parameter.
        rank: its shape.
        latex: as the papers write it, for channel k, class c and pixel (i, j).
        doc: what it is, with its source.
        domain: which values it takes: any, nonnegative, or in the open interval (0, 1); ``activation`` is
            nonnegative only where the layer ends in a ReLU or the like.
        needs: the features it is derived from; empty for what is measured.
        derive: computes it from those.
        draw: random values, for what is measured.
        slow: whether measuring it costs a pass per channel or more.
        conditional: whether some networks do not have it; asking for it is then an OptionError.
    """

    name: str
    rank: Rank
    latex: str
    doc: str
    domain: Literal["any", "activation", "nonnegative", "unit"] = "any"
    needs: tuple[str, ...] = ()
    derive: Callable[..., Tensor] | None = None
    draw: Draw | None = None
    slow: bool = False
    conditional: bool = False


def alpha(activation: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM++'s α = g² / (2g² + g³ ΣA), 0 where g = 0 (Chattopadhay et al. 2018, equation 19).

    Computed as 1 / (2 + g ΣA), the same value without the underflow of g² against a threshold; 0 where that
    denominator is below 1e-12 in magnitude.

    Args:
        activation: (…, K, h, w).
        gradient: the same shape.
    """
    denominator = 2 + gradient * activation.sum((-2, -1), keepdim=True)
    defined = (gradient != 0) & (denominator.abs() > 1e-12)
    return torch.where(defined, 1 / torch.where(defined, denominator, 1), 0)


def smooth_alpha(activation: Tensor, square: Tensor, cube: Tensor) -> Tensor:
    """Smooth Grad-CAM++'s α = D2 / (2 D2 + D3 ΣA), 0 where D2 = 0 (Omeiza et al. 2019, equation 7).

    Computed as 1 / (2 + ΣA D3 / D2), which does not underflow with the gradients; 0 where that denominator is below
    1e-12 in magnitude.

    Args:
        activation: of the clean pictures, (…, K, h, w).
        square: D2, the same shape.
        cube: D3, the same shape.
    """
    there = square > 0
    denominator = 2 + activation.sum((-2, -1), keepdim=True) * (cube / torch.where(there, square, 1))
    defined = there & (denominator.abs() > 1e-12)
    return torch.where(defined, 1 / torch.where(defined, denominator, 1), 0)


def _draw_activation(shape: tuple[int, ...], generator: torch.Generator, nonnegative: bool) -> Tensor:
    """Where the layer ends in a ReLU: partly zero, and one channel wholly."""
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    if nonnegative:
        values = values.relu()
        values[0, 0] = 0
    return values


def _draw_sparse(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    """Of both signs and partly zero, one channel wholly zero and one negative, as gradients behind maxima are."""
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    negative = -values[-1, 0].abs()
    values[torch.rand(shape, generator=generator) < 0.25] = 0
    values[-1, -1], values[-1, 0] = 0, negative
    return values


def _draw_normal(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _draw_signs(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    """Every other draw negative: of so few numbers, chance could leave out a sign."""
    values = torch.randn(shape, generator=generator, dtype=torch.float64).abs()
    values[1::2] *= -1
    return values


def _draw_unit(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 0.98 + 0.01


def _draw_square(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).square()


def _draw_share(shape: tuple[int, ...], generator: torch.Generator, _: bool) -> Tensor:
    return torch.softmax(torch.randn(shape, generator=generator, dtype=torch.float64), -3)


FEATURES: Mapping[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature(
            "activation",
            "map",
            "A^k_{ij}",
            "The feature maps A of the layer.",
            domain="activation",
            draw=_draw_activation,
        ),
        Feature(
            "gradient",
            "map",
            r"\frac{\partial Y^c}{\partial A^k_{ij}}",
            "The gradient g of the class logit with respect to the feature maps (Selvaraju et al. 2017).",
            draw=_draw_sparse,
        ),
        Feature(
            "alpha",
            "map",
            r"\alpha^{kc}_{ij}",
            "The pixel weights α of Grad-CAM++ (Chattopadhay et al. 2018, equation 19).",
            needs=("activation", "gradient"),
            derive=alpha,
        ),
        Feature("logit", "image", "Y^c", "The logit of the class explained.", draw=_draw_signs),
        Feature(
            "probability",
            "image",
            "p^c",
            "The probability of the class explained.",
            domain="unit",
            draw=_draw_unit,
        ),
        Feature(
            "score",
            "weight",
            "u^c_k",
            "Score-CAM's u: the logit of the picture masked by n(up(A_k)), less that of black (Wang et al. 2020).",
            draw=_draw_sparse,
            slow=True,
        ),
        Feature(
            "ablation",
            "weight",
            r"\delta^c_k",
            "Ablation-CAM's (y - y_k) / y, y_k the logit with channel k set to 0 (Desai and Ramaswamy 2020).",
            draw=_draw_sparse,
        ),
        Feature(
            "classifier",
            "weight",
            "W^c_k",
            "The class's row of the linear layer after global average pooling (Zhou et al. 2016).",
            draw=_draw_normal,
            conditional=True,
        ),
        Feature(
            "opticam",
            "weight",
            r"\operatorname{softmax}_k(u^*)",
            "Opti-CAM's weights: the convex sum of maps that masks for the largest logit (Zhang et al. 2024).",
            domain="unit",
            draw=_draw_share,
            slow=True,
        ),
        Feature(
            "smooth-gradient",
            "map",
            r"\bar{D}^{(1)k}_{ij}",
            "The mean gradient D1 over noisy pictures (Omeiza et al. 2019).",
            draw=_draw_normal,
        ),
        Feature(
            "smooth-square",
            "map",
            r"\bar{D}^{(2)k}_{ij}",
            "The mean squared gradient D2 over noisy pictures (Omeiza et al. 2019).",
            domain="nonnegative",
            draw=_draw_square,
        ),
        Feature(
            "smooth-cube",
            "map",
            r"\bar{D}^{(3)k}_{ij}",
            "The mean cubed gradient D3 over noisy pictures (Omeiza et al. 2019).",
            draw=_draw_normal,
        ),
        Feature(
            "smooth-alpha",
            "map",
            r"\bar{\alpha}^{kc}_{ij}",
            "Smooth Grad-CAM++'s pixel weights D2 / (2 D2 + D3 ΣA) (Omeiza et al. 2019).",
            needs=("activation", "smooth-square", "smooth-cube"),
            derive=smooth_alpha,
        ),
    )
}
"""Every feature, by name."""

FeatureTable = Mapping[str, Tensor]
"""Feature names to values; see :data:`Rank` for the shapes."""


def draw(shape: tuple[int, int, int, int], generator: torch.Generator, *, nonnegative: bool) -> FeatureTable:
    """Random values of every measured feature, float64, for telling expressions apart.

    Args:
        shape: draws, K, h, w.
        generator: where the numbers come from.
        nonnegative: whether activations are; then about half of them are zero.
    """
    draws, channels = shape[:2]
    shapes = {"map": shape, "weight": (draws, channels, 1, 1), "image": (draws, 1, 1, 1)}
    return {
        feature.name: feature.draw(shapes[feature.rank], generator, nonnegative)
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
