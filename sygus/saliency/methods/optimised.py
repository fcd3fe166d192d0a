"""Methods that optimise a mask for each picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad, pixel_shuffle, unfold

from sygus.saliency.features import Measurements
from sygus.saliency.features.opticam import Loss, Normalisation, optimal_weights
from sygus.saliency.heatmap import combine, saliency, unit_range
from sygus.saliency.methods.method import method
from sygus.saliency.networks import Network
from sygus.saliency.progress import track


def opti_cam(
    measured: Measurements,
    *,
    loss: Loss = "mask",
    normalisation: Normalisation = "range",
    steps: int = 100,
    rate: float = 0.1,
) -> Tensor:
    """Opti-CAM with its options (Zhang et al. 2024, arXiv 2301.07002); the method ``opticam`` is an expression.

    See :func:`sygus.saliency.features.opticam.optimal_weights` for the options.
    """
    network, activation = measured.network, measured["activation"]
    weights = optimal_weights(
        network,
        measured.pictures,
        measured.targets,
        activation,
        loss=loss,
        normalisation=normalisation,
        steps=steps,
        rate=rate,
    )
    return saliency(combine(weights[:, :, None, None], activation.relu()), network.size)


GROUP = 32
"""Pictures that are optimised together; their steps do not depend on one another."""

COLDNESS = 20.0
"""Of the smooth maximum that makes masks smooth."""


@method("extremal", "Extremal perturbation", "Fong et al. 2019, arXiv 1910.08485")
def extremal_perturbation(
    measured: Measurements,
    *,
    area: float = 0.1,
    steps: int = 800,
    step: int = 7,
    sigma: float = 21.0,
    rate: float = 0.01,
    momentum: float = 0.9,
    levels: int = 8,
    blur: float = 20.0,
) -> Tensor:
    """The smooth mask of a given area that preserves the most of the logit.

    A grid of one number every ``step`` pixels, from 1, is made smooth by a smooth maximum under the kernel
    exp(-2 max(d/σ - ½, 0)²); where the mask is 1 the picture is sharp, where it is 0 blurred the most. Gradient ascent
    on f(perturbed)_c - λ mean((sort(m) - r_a)²), λ = 300 · 1.0035^t, mirrored at even steps, the grid kept in [0, 1].

    Args:
        measured: the pictures.
        area: a, the share of the picture that is preserved.
        steps: of the ascent.
        step: of the grid, in pixels.
        sigma: of the kernel, in pixels.
        rate: the learning rate.
        momentum: of the ascent.
        levels: of the pyramid of blurred pictures.
        blur: deviation of the most blurred, in pixels.
    """
    network = measured.network
    smooth = _SmoothMask(network.size, step, sigma, network.device)
    pixels = network.size[0] * network.size[1]
    reference = (torch.arange(pixels, device=network.device) >= round((1 - area) * pixels)).float()
    masks = []
    for start in range(0, len(measured.pictures), GROUP):
        pictures = measured.pictures[start : start + GROUP].to(network.device)
        targets = measured.targets[start : start + GROUP]
        pyramid = _pyramid(pictures, levels, blur)
        grid = torch.ones(len(pictures), *smooth.grid, device=network.device)
        speed = torch.zeros_like(grid)
        for t in track(range(steps), steps, "extremal perturbation"):
            slope = _slope(network, smooth, pyramid, grid, targets, reference, 300 * 1.0035**t, mirror=t % 2 == 0)
            speed = momentum * speed + slope
            grid = (grid + rate * speed).clamp(0, 1)
        masks.append(unit_range(smooth(grid)))
    return torch.cat(masks)


def _slope(
    network: Network,
    smooth: _SmoothMask,
    pyramid: Tensor,
    grid: Tensor,
    targets: Tensor,
    reference: Tensor,
    weight: float,
    *,
    mirror: bool,
) -> Tensor:
    """The gradient of reward and area term with respect to the grid."""
    leaf = grid.detach().requires_grad_()
    with torch.enable_grad():
        mask = smooth(leaf)
        shown = _perturbed(pyramid, mask)
        shown = shown.flip(-1) if mirror else shown
        misfit = weight * (mask.flatten(1).sort(1).values - reference).square().mean(1).sum()
    _, wanted = network.input_gradient(shown.detach(), targets)
    (reward,) = torch.autograd.grad(shown, leaf, wanted.to(shown.dtype), retain_graph=True)
    (excess,) = torch.autograd.grad(misfit, leaf)
    return reward - excess


class _SmoothMask:
    """From a grid of numbers (n, rows, columns) to masks (n, H, W)."""

    def __init__(self, size: tuple[int, int], step: int, sigma: float, device: torch.device) -> None:
        self.size, self.step = size, step
        self.grid = tuple(math.ceil(side / step) for side in size)
        self.radius = 1 + math.ceil(sigma / step)
        reach = torch.arange(-self.radius, self.radius + 1, device=device) * step
        inside = torch.arange(step, device=device) - (step - 1) / 2
        offset = inside[:, None] - reach  # of a pixel of the cell from a point of the grid, along one side
        distance = (offset[:, None, :, None] ** 2 + offset[None, :, None, :] ** 2).sqrt()
        kernel = torch.exp(-2 * (distance / sigma - 0.5).clamp(min=0) ** 2)
        self.kernel = kernel.view(step * step, -1)

    def __call__(self, grid: Tensor) -> Tensor:
        near = unfold(grid[:, None], 2 * self.radius + 1, padding=self.radius)  # (n, points, cells)
        weighed = near[:, None] * self.kernel[None, :, :, None]  # (n, pixels of a cell, points, cells)
        pooled = (torch.softmax(COLDNESS * weighed, 2) * weighed).sum(2)
        mask = pixel_shuffle(pooled.view(len(grid), -1, *self.grid), self.step)[:, 0]
        return mask[:, : self.size[0], : self.size[1]]


def _pyramid(pictures: Tensor, levels: int, blur: float) -> Tensor:
    """The pictures from the most blurred to sharp, (levels, n, 3, H, W)."""
    return torch.stack([_blurred(pictures, blur * (1 - level / (levels - 1))) for level in range(levels)])


def _blurred(pictures: Tensor, sigma: float) -> Tensor:
    """Convolved with a Gaussian, the border repeated."""
    radius = math.ceil(3 * sigma)
    if radius == 0:
        return pictures
    at = torch.arange(-radius, radius + 1, device=pictures.device, dtype=pictures.dtype)
    kernel = torch.exp(-(at**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(pictures.shape[1], 1, 1, -1)
    groups = pictures.shape[1]
    rows = conv2d(pad(pictures, (radius, radius, 0, 0), mode="replicate"), kernel, groups=groups)
    columns = pad(rows, (0, 0, radius, radius), mode="replicate")
    return conv2d(columns, kernel.transpose(-1, -2), groups=groups)


def _perturbed(pyramid: Tensor, mask: Tensor) -> Tensor:
    """The level mask · (levels - 1) of the pyramid at each pixel, linear between levels: (n, 3, H, W)."""
    position = mask * (len(pyramid) - 1)
    levels = torch.arange(len(pyramid), device=mask.device).view(-1, 1, 1, 1)
    share = (1 - (position - levels).abs()).clamp(min=0)  # (levels, n, H, W)
    return (share[:, :, None] * pyramid).sum(0)
