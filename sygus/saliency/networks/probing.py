"""What a trial of a network shows that would make every number of it another one than is meant."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.networks.classifier import SUM, TRIAL, Shape, probe_pictures

_MATES = 1e-4
"""How much of its largest magnitude a result may move as other pictures pass with it; rounding moves it by far less."""


def require_alone(network: nn.Module, name: str, shape: Shape, device: torch.device) -> None:
    """Check that what a network (n, C, H, W) → (n, outputs) gives for a picture depends on that picture alone.

    Args:
        network: from pixel space to what is explained, in evaluation mode.
        name: for messages.
        shape: C, H, W of the pictures.
        device: where it computes.

    Raises:
        OptionError: what it gives for a picture depends on the others that pass with it.
    """
    pictures = probe_pictures(2 * TRIAL, shape).to(device)
    with torch.no_grad():
        one, other = network(pictures[:TRIAL]), network(torch.cat([pictures[:1], pictures[1 - TRIAL :]]))
    if one.shape == other.shape and one.isfinite().all() and other.isfinite().all():
        moved, largest = float((one[0] - other[0]).abs().max()), float(one.abs().max())
        if moved > _MATES * largest and _repeats(network, pictures[:TRIAL], one):
            raise OptionError(
                f"--network: what '{name}' gives for a picture depends on the others that pass with it "
                f"(by {moved / largest:.0%} of the largest)",
                "it takes statistics from the batch, as BatchNorm without running statistics does: train it with "
                "track_running_stats=True, or take another normalisation",
            )


def _repeats(network: nn.Module, pictures: Tensor, outputs: Tensor) -> bool:
    """Whether the same pictures give the same outputs again; what gives others each time is said elsewhere."""
    with torch.no_grad():
        return torch.equal(network(pictures), outputs)


_TRIED = 8
"""Pictures whose outputs are looked at."""


def remarks_on(network: nn.Module, shape: Shape, device: torch.device) -> tuple[str, ...]:
    """Whether the outputs (n, classes) or (n,) of a model look as if a softmax or a sigmoid had been taken already.

    Args:
        network: from pixel space to what the model gives, before anything is made of it.
        shape: C, H, W of the pictures.
        device: where it computes.
    """
    with torch.no_grad():
        outputs = network(probe_pictures(_TRIED, shape).to(device))
    outputs = outputs.reshape(_TRIED, -1)
    if not bool(((outputs >= 0) & (outputs <= 1)).all()):
        return ()
    if outputs.shape[1] > 1 and bool(((outputs.sum(1) - 1).abs() <= SUM).all()):
        return (
            "what it gives are probabilities already, of which a softmax is taken again; to have it taken once: "
            "Classifier(…, output='probabilities')",
        )
    return (
        "what it gives are numbers between 0 and 1, as of a sigmoid, and are taken for logits; where they are "
        "probabilities, each by itself: Classifier(…, output='sigmoid')",
    )
