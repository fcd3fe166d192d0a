"""Metrics that end the process they are computed in, or whose memory does not suffice, for some maps."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch
from torch import Tensor

from sygus.saliency.metrics import Evaluation, metric

ONCE = "SYCAM_TEST_ONCE"
"""Environment variable: a folder; a process ends only where it can make another file in it, of at most so many."""


def _strikes() -> bool:
    """Whether it happens this time: always, or as often as the variable allows."""
    allowed = os.environ.get(ONCE)
    if allowed is None:
        return True
    folder, most = Path(allowed.rpartition(":")[0]), int(allowed.rpartition(":")[2])
    for number in range(most):
        try:
            (folder / f"struck-{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return True
    return False


def _is_hard(evaluation: Evaluation) -> bool:
    """Whether one of the maps is bright in more than half of the picture."""
    return bool((evaluation.saliency.mean((-2, -1)) > HARD).any())


HARD = float(os.environ.get("SYCAM_TEST_HARD", "0.5"))


@metric("deadly", direction="min", low=0, high=1)
def deadly(evaluation: Evaluation) -> Tensor:
    """The mean of S, where the process survives it."""
    if _is_hard(evaluation) and _strikes():
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluation.saliency.mean((-2, -1))


@metric("hungry", direction="min", low=0, high=1)
def hungry(evaluation: Evaluation) -> Tensor:
    """The mean of S, where the memory suffices for it."""
    if _is_hard(evaluation) and _strikes():
        torch.empty(1 << 60, dtype=torch.uint8)
    return evaluation.saliency.mean((-2, -1))


@metric("failing", direction="min", low=0, high=1)
def failing(evaluation: Evaluation) -> Tensor:
    """The mean of S, where it does not fail."""
    if _is_hard(evaluation):
        raise ValueError("too bright")
    return evaluation.saliency.mean((-2, -1))


def brightness(maps: Tensor, pictures: Tensor) -> Tensor:
    """A metric of maps and pictures."""
    return maps.mean((-2, -1)) + 0 * pictures.mean((-3, -2, -1))
