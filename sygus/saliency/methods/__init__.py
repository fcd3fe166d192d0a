"""The methods that are no expression of the grammar's theory; those that are live in ``grammars/methods.sy``."""

from __future__ import annotations

import torch
from torch import Tensor

from sygus.saliency.metrics.metric import Subject


def fake_cam(subject: Subject) -> Tensor:
    """S = 1 everywhere but 0 in the top-left pixel: the sanity row, with average drop and gain near 0.

    Returns:
        (N, H, W).
    """
    height, width = subject.network.size
    mask = torch.ones(len(subject.targets), height, width, device=subject.network.device)
    mask[:, 0, 0] = 0
    return mask


def random_weights(subject: Subject, channels: int, seed: int) -> Tensor:
    """w_k ~ U(-1, 1), seeded: the floor of every table.

    Returns:
        (N, channels, 1, 1).
    """
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(len(subject.targets), channels, 1, 1, generator=generator) * 2 - 1
    return weights.to(subject.network.device)
