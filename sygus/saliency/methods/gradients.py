"""Methods of gradients with options that their expressions do not have: several layers, the noise, the numerator."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from sygus.maps import unit_range, upsample
from sygus.saliency.features import GRADIENT, Measurements
from sygus.saliency.features.opticam import by_maximum
from sygus.saliency.features.smooth import COPIES, noisy_passes, smooth_alpha, smooth_gradients
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.methods.method import method
from sygus.saliency.options import choice, names, number, whole

GAMMA = 2.0
"""The factor in tanh(2 S / max S): lifts the maps of shallow layers."""


@method(
    "layercam",
    "Layer-CAM",
    "Jiang et al. 2021, IEEE TIP 30",
    quick=True,
    passes=lambda _, layers: len(layers) * (1 + GRADIENT),
    options={"layers": names((), "the names of layers")},
    variant=True,
)
def layer_cam(measured: Measurements, *, layers: tuple[str, ...]) -> Tensor:
    """Layer-CAM at several layers, fused (Jiang et al. 2021, equations 6 to 9).

    At each layer L = ReLU(Σ_k ReLU(g_k) ⊙ A_k), scaled to tanh(2 L / max L) and up-sampled; S = n of the pixelwise
    maximum. A layer whose map is all zero adds nothing.

    Args:
        measured: the pictures.
        layers: modules by their dotted names.

    Raises:
        OptionError: a layer is unknown or cannot be explained.
    """
    return unit_range(torch.stack([_scaled(measured.at(layer)) for layer in layers]).amax(0))


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
