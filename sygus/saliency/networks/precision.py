"""The precision in which pictures pass when only logits are wanted: most of what a search computes."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

Precision: TypeAlias = Literal["fp32", "bf16"]

FULL: Precision = "fp32"

PRECISIONS: tuple[Precision, ...] = (FULL, "bf16")
"""``bf16``: products and convolutions of bfloat16 where torch's autocast deems that safe; a GPU computes them several
times as fast. Logits have a relative error of some 2^-8 then. Feature maps and gradients stay float32, as do scores
beyond the logits."""


class Autocast(nn.Module):
    """A module whose passes run in bfloat16; what it gives is float32.

    Args:
        module: from pictures to logits.
        device: where it computes.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.module = module
        self.kind = device.type

    def forward(self, pictures: Tensor) -> Tensor:
        """The logits (B, classes) of pictures (B, channels, H, W)."""
        with torch.autocast(self.kind, torch.bfloat16):
            logits: Tensor = self.module(pictures)
        return logits.float()


def in_precision(module: nn.Module, precision: Precision, device: torch.device) -> nn.Module:
    """The module, computing in a precision."""
    return module if precision == FULL else Autocast(module, device)
