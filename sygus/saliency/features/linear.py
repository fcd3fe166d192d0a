"""Tails that are global average pooling and one linear layer: where CAM is defined and ablation has a closed form."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from sygus.deferred import torch

if TYPE_CHECKING:
    from torch import Tensor, fx, nn

    from sygus.saliency.networks import Network

_CHECKS = 4
_CLOSE = 1e-4


def linear_head(network: Network, activation: Tensor) -> nn.Linear | None:
    """The linear layer of a tail that pools all pixels and does nothing else; None for every other tail.

    The tail's graph decides, operation by operation; what it says is then checked on random activations.

    Args:
        network: the classifier.
        activation: (N, K, h, w), for its shape.
    """
    tail = network.tail
    layer = _pooled_linear(tail) if isinstance(tail, torch.nn.Module) else None
    if layer is None or network.needs_pictures or layer.in_features != activation.shape[1]:
        return None
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(_CHECKS, *activation.shape[1:], generator=generator).to(activation)
    with torch.no_grad():
        expected = layer(probe.to(layer.weight.dtype).mean((-2, -1))).float()
    found = network.tail_logits(probe).float()
    scale = expected.abs().amax().clamp(min=1)
    agrees = found.shape == expected.shape and bool(((found - expected).abs() < _CLOSE * scale).all())
    return layer if agrees else None


def _pooled_linear(tail: nn.Module) -> nn.Linear | None:
    """The one linear layer of a chain of pooling, flattening and that layer."""
    from torch import fx

    try:
        graph = fx.Tracer().trace(tail)  # no module of it, whose source torch would keep
    except Exception:
        return None
    modules = dict(tail.named_modules())
    layer: nn.Linear | None = None
    pooled = False
    for node in graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        if len(node.all_input_nodes) != 1 or len(node.users) != 1:
            return None
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, torch.nn.Linear) and pooled and layer is None:
            layer = module
        elif _is_pooling(node, module) and not pooled and layer is None:
            pooled = True
        elif not _is_neutral(node, module):
            return None
    return layer


def _is_pooling(node: fx.Node, module: nn.Module | None) -> bool:
    if isinstance(module, torch.nn.AdaptiveAvgPool2d):
        return module.output_size in (1, (1, 1))
    is_mean = (node.op == "call_method" and node.target == "mean") or node.target is torch.mean
    if not is_mean:
        return False
    dimensions: Any = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    return isinstance(dimensions, list | tuple) and sorted(operator.index(d) % 4 for d in dimensions) == [2, 3]


def _is_neutral(node: fx.Node, module: nn.Module | None) -> bool:
    if node.op == "call_module":
        nn = torch.nn
        return isinstance(module, nn.Flatten | nn.Identity | nn.Dropout | nn.Dropout1d | nn.Dropout2d)
    return node.target is torch.flatten or (node.op == "call_method" and node.target == "flatten")
