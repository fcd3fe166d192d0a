"""Mean powers of the gradient over noisy pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from sygus.saliency.networks import Network
from sygus.saliency.progress import track


def noise(count: int, shape: tuple[int, ...], sigma: float, seed: int) -> Tensor:
    """``count`` draws of N(0, σ²), (count, …), the same on every device.

    All pictures share the draws, so that a picture's explanation does not depend on which others are explained.
    """
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(seed)) * sigma


def smooth_gradients(
    network: Network, pictures: Tensor, targets: Tensor, *, n: int = 4, sigma: float = 0.3, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """D1, D2, D3: the means of g, g² and g³ over noisy pictures x + N(0, σ²) (Omeiza et al. 2019, arXiv 1908.01224).

    Args:
        network: the classifier.
        pictures: (N, 3, H, W).
        targets: (N,).
        n: noisy copies of each picture.
        sigma: deviation of the noise, in units of the network's normalisation.
        seed: of the noise.

    Returns:
        three tensors (N, K, h, w), float32.
    """
    unit = torch.tensor(network.deviation).view(-1, 1, 1)
    draws = (noise(n, tuple(pictures.shape[1:]), sigma, seed) * unit).to(network.device)
    pictures = pictures.to(network.device)
    sums: list[Tensor] = []
    for draw in track(draws, n, "gradients of noisy pictures"):
        noisy = pictures + draw
        gradient = network.gradient(network.activation(noisy), targets, noisy)[1]
        powers = (gradient, gradient.square(), gradient**3)
        sums = [a + b for a, b in zip(sums, powers, strict=True)] if sums else list(powers)
    first, second, third = (value / n for value in sums)
    return first, second, third
