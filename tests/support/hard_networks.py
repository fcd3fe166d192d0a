"""A network that is another in every process."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn


class Moody(nn.Module):
    """Its logits depend on the number of the process."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 8)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.relu(self.convolution(pictures)).mean((-2, -1)))
        return logits * float(1 + os.getpid() % 9973)
