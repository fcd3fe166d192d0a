"""The blurred picture: where the insertion curve begins, and the path of the integrated gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def blur(pictures: Tensor, width: int = 11, deviation: float = 5.0) -> Tensor:
    """Gaussian blur of pictures (n, 3, H, W), the border mirrored."""
    reach = width // 2
    offsets = torch.arange(-reach, reach + 1, device=pictures.device, dtype=pictures.dtype)
    kernel = (-(offsets**2) / (2 * deviation**2)).exp()
    kernel = kernel / kernel.sum()
    channels = pictures.shape[1]
    rows = conv2d(
        pad(pictures, (reach,) * 4, mode="reflect"), kernel.expand(channels, 1, 1, -1).contiguous(), groups=channels
    )
    return conv2d(rows, kernel[:, None].expand(channels, 1, -1, 1).contiguous(), groups=channels)
