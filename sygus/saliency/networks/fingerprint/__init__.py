"""What a network is, in one short text: equal for two networks only if they compute the same.

It is of everything that is found to take part in a pass (weights, buffers and other attributes bit by bit, the code of
classes, functions and hooks with what it captures and reads, installed packages by version), and of the numbers that
come out for fixed pictures, to the last bit: logits, activation, and gradient. What one of them does not show, the
other may. Where something cannot be told, the text is of this one loading alone, so that nothing is shared by it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from sygus.saliency.networks.classifier import Shape, probe_pictures
from sygus.saliency.networks.fingerprint.inventory import Inventory, Ran, watched
from sygus.saliency.networks.repeatable import arithmetic
from sygus.saliency.networks.split import SplitNetwork

_GLOBAL_HOOKS = ("_global_forward_pre_hooks", "_global_forward_hooks", "_global_backward_hooks")
"""Hooks that torch runs for every module."""

_DARK = 0.1


@dataclass(frozen=True)
class Fingerprint:
    """What tells a network from all others.

    Attributes:
        text: 16 hexadecimal digits; with a suffix of this one loading where something is unknown.
        unknown: what cannot be told of the network, in words.
    """

    text: str
    unknown: tuple[str, ...]


def fingerprint(pipeline: nn.Module, halves: SplitNetwork, stated: str, shape: Shape) -> Fingerprint:
    """The fingerprint of a pipeline that is split at a layer.

    Args:
        pipeline: from pixel space to logits.
        halves: the two parts of it.
        stated: what else the numbers depend on: the layer, the preprocessing.
        shape: C, H, W of the pictures.
    """
    device = next((tensor.device for tensor in (*pipeline.parameters(), *pipeline.buffers())), torch.device("cpu"))
    pictures = _pictures(shape).to(device).contiguous(memory_format=torch.channels_last)
    digest = hashlib.sha256(f"{stated}/{arithmetic(device)}".encode())
    with torch.no_grad():
        activation = halves.trunk(pictures)
    for numbers in (activation, _gradient(halves, activation, pictures)):
        digest.update(_bits(numbers))
    with torch.no_grad(), watched() as ran:
        logits = pipeline(pictures)
    digest.update(_bits(logits))
    inventory = _inventory(pipeline, ran)
    digest.update(inventory.finish().encode())
    unknown = list(inventory.unknown)
    if not halves.repeats:
        unknown.append("the last bits of its logits are others each time")
    return _marked(digest.hexdigest(), tuple(unknown))


def code_fingerprint(function: Callable[..., object], where: str) -> Fingerprint:
    """The fingerprint of a function: its code, what it captures, and what both read and call.

    Args:
        function: is not called.
        where: what it is called.
    """
    inventory = Inventory(None)
    inventory.add(function, where)
    return _marked(inventory.finish(), tuple(inventory.unknown))


def _marked(digest: str, unknown: tuple[str, ...]) -> Fingerprint:
    text = f"{digest[:16]}-once-{secrets.token_hex(4)}" if unknown else digest[:16]
    return Fingerprint(text, unknown)


def _pictures(shape: Shape) -> Tensor:
    """Four pictures: two of all colours, a dark one, and black."""
    bright = probe_pictures(3, shape)
    return torch.cat([bright[:2], _DARK * bright[2:], torch.zeros(1, *shape)])


def _gradient(halves: SplitNetwork, activation: Tensor, pictures: Tensor) -> Tensor:
    """Of a fixed combination of the logits, with respect to the activation."""
    leaf = activation.detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = halves.logits(leaf.clone(), pictures)
        weights = torch.linspace(-1, 1, logits.shape[1], device=logits.device)
        (gradient,) = torch.autograd.grad((logits * weights).sum(), leaf)
    return gradient


def _bits(numbers: Tensor) -> bytes:
    found = numbers.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{numbers.dtype}{tuple(numbers.shape)}".encode() + found).digest()


def _inventory(pipeline: nn.Module, ran: Ran) -> Inventory:
    inventory = Inventory(ran)
    for name, step in pipeline.named_children():
        inventory.add(step, name)
    for group in _GLOBAL_HOOKS:
        inventory.add(list(getattr(torch_module, group, {}).values()), "the hooks of all modules")
    return inventory
