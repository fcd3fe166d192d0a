"""A network whose probabilities are worked out by hand: p = σ(Σ red), on pictures of 8x8."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sygus.saliency.images import Box, ImageSet, Preprocessing
from sygus.saliency.metrics import Evaluation, Subject, subject_of
from sygus.saliency.networks import Network

SIZE = 8
PIXELS = SIZE * SIZE


class RedTail(nn.Module):
    """Logits Σ red and 0, of activations (B, 1, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(PIXELS, 2)
        with torch.no_grad():
            self.linear.weight.copy_(torch.stack([torch.ones(PIXELS), torch.zeros(PIXELS)]))
            self.linear.bias.zero_()

    def forward(self, activation: Tensor) -> Tensor:
        logits: Tensor = self.linear(activation.flatten(1))
        return logits


def red_network() -> Network:
    return Network(
        name="red",
        layer="red",
        trunk=lambda x: x[:, :1],
        tail=RedTail().requires_grad_(False),
        preprocessing=Preprocessing.square(SIZE),
        classes=("red", "other"),
        nonnegative=True,
        fingerprint="red",
        device=torch.device("cpu"),
    )


def red_subject(
    red: Tensor | None = None, boxes: Sequence[Box] = ((2, 2, 6, 4),), label: int = 0, count: int = 1
) -> Subject:
    """Pictures with this red channel (8, 8), by default Σ red = ln 3, so p = 3/4; the mask is the union of boxes."""
    if red is None:
        red = torch.full((SIZE, SIZE), math.log(3) / PIXELS)
    picture = torch.stack([red, torch.zeros_like(red), torch.zeros_like(red)])
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = True
    images = ImageSet(
        name="red",
        pictures=picture.expand(count, -1, -1, -1).contiguous(),
        labels=torch.full((count,), label),
        masks=mask.expand(count, -1, -1).contiguous(),
        boxes=(tuple(boxes),) * count,
        ids=tuple(f"red-{i}" for i in range(count)),
    )
    return subject_of(red_network(), images)


def evaluated(saliency: Tensor, subject: Subject | None = None) -> Evaluation:
    """The evaluation of one map (8, 8)."""
    return Evaluation(subject or red_subject(), torch.tensor([0]), saliency[None].float())


def box_map(left: int, top: int, right: int, bottom: int) -> Tensor:
    """1 inside the box, 0 outside."""
    found = torch.zeros(SIZE, SIZE)
    found[top:bottom, left:right] = 1
    return found
