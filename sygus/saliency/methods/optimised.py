"""Methods that optimise a mask for each picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, fold, pad, pixel_shuffle, pixel_unshuffle, unfold

from sygus.maps import unit_range
from sygus.saliency.features import GRADIENT, Measurements
from sygus.saliency.features.opticam import STEPS, Loss, Normalisation, ascent_passes, optimal_weights
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.methods.method import method
from sygus.saliency.networks import Network
from sygus.saliency.options import choice, number, whole
from sygus.saliency.progress import track


@method(
    "opticam",
    "Opti-CAM",
    "Zhang et al. 2024, arXiv 2301.07002",
    passes=lambda _, steps, loss, **__: 1 + ascent_passes(steps, loss),
    options={
        "loss": choice("mask", "diff", "iomask", "iodiff"),
        "normalisation": choice("range", "max", "sigmoid"),
        "steps": whole(STEPS, 1),
        "rate": number(0.1, 0, math.inf),
    },
    variant=True,
    quicker="steps=20",
)
def opti_cam(measured: Measurements, *, loss: Loss, normalisation: Normalisation, steps: int, rate: float) -> Tensor:
    """L = ReLU(Σ_k softmax(u*)_k A_k); see :func:`sygus.saliency.features.opticam.optimal_weights` for the options."""
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
    return saliency(combine(weights[:, :, None, None], activation), network.size)


GROUP = 32
"""Pictures that are optimised together; their steps do not depend on one another."""

COLDNESS = 20.0
"""Of the smooth maximum that makes masks smooth."""


@method(
    "extremal",
    "Extremal perturbation",
    "Fong et al. 2019, arXiv 1910.08485",
    passes=lambda _, steps, **__: steps * GRADIENT,
    options={
        "area": number(0.1, 0, 1),
        "steps": whole(800, 1),
        "step": whole(7, 1),
        "sigma": number(21.0, 0, math.inf),
        "rate": number(0.01, 0, math.inf),
        "momentum": number(0.9, 0, 1),
        "levels": whole(8, 2),
        "blur": number(20.0, 0, math.inf),
    },
    quicker="steps=200",
)
def extremal_perturbation(
    measured: Measurements,
    *,
    area: float,
    steps: int,
    step: int,
    sigma: float,
    rate: float,
    momentum: float,
    levels: int,
    blur: float,
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
    leaf = smooth(grid).requires_grad_()
    with torch.enable_grad():
        shown = _perturbed(pyramid, leaf)
        shown = shown.flip(-1) if mirror else shown
        misfit = weight * (leaf.flatten(1).sort(1).values - reference).square().mean(1).sum()
    _, wanted = network.input_gradient(shown.detach(), targets)
    (reward,) = torch.autograd.grad(shown, leaf, wanted.to(shown.dtype))
    (excess,) = torch.autograd.grad(misfit, leaf)
    return smooth.gradient(grid, reward - excess)


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
        """The smooth maximum Σ_i s_i v_i, s = softmax_i(c v), of the points v_i near each pixel times the kernel."""
        near = self._near(grid)
        pooled = torch.stack([self._pooled(near, kernel)[0] for kernel in self.kernel], 1)
        mask = pixel_shuffle(pooled.view(len(grid), -1, *self.grid), self.step)[:, 0]
        return mask[:, : self.size[0], : self.size[1]]

    def gradient(self, grid: Tensor, slope: Tensor) -> Tensor:
        """The gradient with respect to the grid of Σ slope · mask: ∂ mask / ∂ v_i = s_i (1 + c (v_i - mask)).

        One pixel of the cells at a time, in tensors that stay in the processor's cache; torch's own derivative keeps
        those of all pixels.
        """
        near = self._near(grid)
        bottom, right = (rows * self.step - side for rows, side in zip(self.grid, self.size, strict=True))
        slopes = pixel_unshuffle(pad(slope[:, None], (0, right, 0, bottom)), self.step).flatten(2)
        found = torch.zeros_like(near)
        for pixel, kernel in enumerate(self.kernel):
            pooled, values, shares = self._pooled(near, kernel)
            values = (values - pooled[:, None]).mul_(COLDNESS).add_(1).mul_(shares)
            found += values.mul_(slopes[:, pixel, None]).mul_(kernel[:, None])
        return fold(found, self.grid, 2 * self.radius + 1, padding=self.radius)[:, 0]

    def _near(self, grid: Tensor) -> Tensor:
        """The points near each cell, (n, points, cells)."""
        return unfold(grid[:, None], 2 * self.radius + 1, padding=self.radius)

    def _pooled(self, near: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of one pixel of all cells: the smooth maximum (n, cells), and v and s (n, points, cells)."""
        values = near * kernel[:, None]
        shares = (values * COLDNESS).exp_()  # v <= 1, so nothing overflows
        shares /= shares.sum(1, keepdim=True)
        return (shares * values).sum(1), values, shares


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
