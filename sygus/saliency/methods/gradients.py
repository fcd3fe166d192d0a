"""Methods of gradients with options that their expressions do not have: several layers, the noise, the numerator."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from sygus.errors import OptionError
from sygus.maps import unit_range, upsample
from sygus.saliency.features import GRADIENT, Measurements
from sygus.saliency.features.opticam import by_maximum
from sygus.saliency.features.smooth import COPIES, noisy_passes, smooth_alpha, smooth_gradients
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.methods.method import method
from sygus.saliency.networks import Network
from sygus.saliency.options import choice, names, number, whole

GAMMA = 2.0
"""The factor in tanh(2 S / max S): lifts the maps of shallow layers."""


PYRAMID = "pyramid"
"""In the place of layers: the last one of each resolution."""

_LAYERS_OF_A_PYRAMID = 6
"""At most, of a network that halves pictures of 224 pixels to maps of 7."""


def _layers(network: Network, layers: tuple[str, ...]) -> tuple[str, ...]:
    return network.pyramid() if layers == (PYRAMID,) else layers


def _passes_at(_: int, layers: tuple[str, ...]) -> int:
    return (_LAYERS_OF_A_PYRAMID if layers == (PYRAMID,) else len(layers)) * (1 + GRADIENT)


def _has_layers(network: Network, layers: tuple[str, ...]) -> None:
    """A pyramid has at least two layers.

    Raises:
        OptionError: the network has maps of one resolution alone.
    """
    if layers == (PYRAMID,) and len(network.pyramid()) == 1:
        message = f"'{network.name}' has no pyramid: down to '{network.layer}' its feature maps have one resolution"
        raise OptionError(message, "name layers, joined by +")


@method(
    "layercam",
    "Layer-CAM",
    "Jiang et al. 2021, IEEE TIP 30",
    quick=True,
    passes=_passes_at,
    check=_has_layers,
    options={"layers": names((), f"{PYRAMID}, or the names of layers")},
    variant=True,
)
def layer_cam(measured: Measurements, *, layers: tuple[str, ...]) -> Tensor:
    """Layer-CAM at several layers, fused (Jiang et al. 2021, equations 6 to 9).

    At each layer L = ReLU(Σ_k ReLU(g_k) ⊙ A_k), scaled to tanh(2 L / max L) and up-sampled; S = n of the pixelwise
    maximum. A layer whose map is all zero adds nothing.

    Args:
        measured: the pictures.
        layers: modules by their dotted names; or ``pyramid``, the last of each resolution down to the layer explained.

    Raises:
        OptionError: a layer is unknown or cannot be explained.
    """
    chosen = _layers(measured.network, layers)
    return unit_range(torch.stack([_scaled(measured.at(layer)) for layer in chosen]).amax(0))


def _scaled(measured: Measurements) -> Tensor:
    maps = combine(measured["gradient"].relu(), measured["activation"])
    return upsample(torch.tanh(GAMMA * by_maximum(maps)), measured.network.size)


@method(
    "smoothgradcam++",
    "Smooth Grad-CAM++",
    "Omeiza et al. 2019, arXiv 1908.01224",
    passes=lambda _, n, **__: 1 + noisy_passes(n),
    options={
        "n": whole(COPIES, 1),
        "sigma": number(0.3, 0, math.inf),
        "numerator": choice("D2", "D1"),
        "seed": whole(0, 0),
    },
    variant=True,
)
def smooth_grad_cam_plus_plus(
    measured: Measurements, *, n: int, sigma: float, numerator: Literal["D1", "D2"], seed: int
) -> Tensor:
    """w_k = Σ_ij α ReLU(D1), α = D2 / (2 D2 + D3 ΣA), D1, D2, D3 the means of g, g², g³ over noisy pictures.

    Args:
        measured: the pictures.
        n: noisy copies of each.
        sigma: deviation of the noise, in units of the network's normalisation.
        numerator: of α; ``D1`` is what equation 7 of the paper has to the letter.
        seed: of the noise.
    """
    activation = measured["activation"]
    first, second, third = smooth_gradients(
        measured.network, measured.pictures, measured.targets, n=n, sigma=sigma, seed=seed
    )
    alpha = smooth_alpha(activation, second, third)
    if numerator == "D1":
        alpha = alpha * first / torch.where(second > 0, second, 1)
    weights = (alpha * first.relu()).sum((-2, -1), keepdim=True)
    return saliency(combine(weights, activation), measured.network.size)
