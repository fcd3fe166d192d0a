"""Attributions to pixels: S is n of the mean magnitude over the colours."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.maps import unit_range
from sygus.saliency.features import GRADIENT, Measurements
from sygus.saliency.features.picture import COPIES, smooth_input_gradient
from sygus.saliency.methods.method import method
from sygus.saliency.networks import Network
from sygus.saliency.options import Value, number, whole
from sygus.saliency.progress import track


def _captum() -> Any:
    try:
        return importlib.import_module("captum.attr")
    except ImportError:
        raise OptionError(
            "integrated gradients and guided backpropagation need captum, which is not installed",
            'pip install "sycam-sygus[saliency]"',
        ) from None


def _needs_captum(_: Network, **__: Value) -> None:
    _captum()


def _needs_modules(network: Network, **_: Value) -> None:
    """Guided backpropagation changes the gradient of ReLU modules, so there must be some.

    Raises:
        OptionError: captum is missing, or the network has none.
    """
    _captum()
    parts = (network.trunk, network.tail)
    if not all(isinstance(part, nn.Module) for part in parts) or not any(
        isinstance(module, nn.ReLU)
        for part in parts
        for module in part.modules()  # type: ignore[attr-defined]
    ):
        raise OptionError(
            f"guided backpropagation is not defined for '{network.name}': it changes the gradient of ReLU modules, "
            "and there are none",
            "take a network with ReLU modules",
        )


def _drawn(measured: Measurements, title: str, attribute: Callable[[Tensor, int], Tensor]) -> Tensor:
    """S from the attributions of one picture (1, 3, H, W) at a time, so that none depends on another."""
    pictures = measured.pictures.to(measured.network.device)
    rows = []
    for picture, target in track(zip(pictures, measured.targets.tolist(), strict=True), len(pictures), title):
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # captum announces hooks that it removes itself
            found = attribute(picture[None].clone().requires_grad_(), target)
        rows.append(found.detach().abs().mean(1).float())
    return unit_range(torch.cat(rows))


@method(
    "smoothgrad",
    "SmoothGrad",
    "Smilkov et al. 2017, arXiv 1706.03825",
    passes=lambda _, n, **__: n * GRADIENT,
    options={"n": whole(COPIES, 1), "sigma": number(0.3, 0, math.inf), "seed": whole(0, 0)},
)
def smooth_grad(measured: Measurements, *, n: int, sigma: float, seed: int) -> Tensor:
    """The mean gradient of the logit over n noisy pictures x + N(0, σ²), σ in units of the network's normalisation."""
    found = smooth_input_gradient(measured.network, measured.pictures, measured.targets, n=n, sigma=sigma, seed=seed)
    return unit_range(found)


@method(
    "intgrad",
    "Integrated gradients",
    "Sundararajan et al. 2017, arXiv 1703.01365",
    passes=lambda _, steps: steps * GRADIENT,
    check=_needs_captum,
    options={"steps": whole(50, 1)},
)
def integrated_gradients(measured: Measurements, *, steps: int) -> Tensor:
    """X ⊙ the mean gradient on the line from black to x, by Gauss-Legendre quadrature of so many steps."""
    network = measured.network
    integral = _captum().IntegratedGradients(network.classify)

    def attribute(picture: Tensor, target: int) -> Tensor:
        def run() -> Tensor:
            found: Tensor = integral.attribute(
                picture, target=target, n_steps=steps, internal_batch_size=network.chunk.size
            )
            return found

        return network.fitting(run)

    return _drawn(measured, "integrated gradients", attribute)


@method(
    "guidedbackprop",
    "Guided backpropagation",
    "Springenberg et al. 2015, arXiv 1412.6806",
    passes=GRADIENT,
    check=_needs_modules,
)
def guided_backpropagation(measured: Measurements) -> Tensor:
    """The gradient of the logit, whose negative part every ReLU holds back."""
    network = measured.network
    assert isinstance(network.trunk, nn.Module)
    assert isinstance(network.tail, nn.Module)
    guided = _captum().GuidedBackprop(nn.Sequential(network.trunk, network.tail))

    def attribute(picture: Tensor, target: int) -> Tensor:
        found: Tensor = guided.attribute(picture, target=target)
        return found

    return _drawn(measured, "guided backpropagation", attribute)
