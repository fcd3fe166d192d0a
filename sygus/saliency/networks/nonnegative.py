"""Whether a layer's output is nonnegative by construction, whatever the weights and the pictures."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

_MODULES = (nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Softplus, nn.Softmax, nn.Softmax2d, nn.Hardsigmoid)
_KEEPING_MODULES = (
    nn.Identity,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
)
_FUNCTIONS = (
    torch.relu,
    torch.relu_,
    functional.relu,
    functional.relu_,
    functional.relu6,
    torch.sigmoid,
    functional.sigmoid,
    torch.softmax,
    functional.softmax,
    functional.hardsigmoid,
)
_METHODS = ("relu", "relu_", "sigmoid", "sigmoid_", "softmax")
_KEEPING = (operator.add, operator.mul, torch.add, torch.mul, torch.cat, torch.flatten, functional.max_pool2d)
"""Nonnegative where every tensor that goes in is."""


def is_nonnegative(module: nn.Module) -> bool:
    """Whether the module's output is never negative; False wherever that is not certain.

    A module that torch does not ship is judged by its graph; one that cannot be traced, or on whose output hooks of
    the user have a say, is not certain.
    """
    if module._forward_hooks:
        return False
    if type(module) in _MODULES:
        return not isinstance(module, nn.Softplus) or module.beta > 0
    if type(module) is nn.Sequential:
        return _last_is_nonnegative(list(module.children()))
    if type(module).__module__.startswith("torch.nn"):
        return False
    try:
        graph = fx.Tracer().trace(module)
    except Exception:  # foreign code run with stand-ins for tensors raises anything; then nothing is certain
        return False
    (output,) = (node for node in graph.nodes if node.op == "output")
    return _is_nonnegative(output.args[0], module)


def _last_is_nonnegative(children: list[nn.Module]) -> bool:
    while children and type(children[-1]) in _KEEPING_MODULES and not children[-1]._forward_hooks:
        children.pop()
    return bool(children) and is_nonnegative(children[-1])


def _is_nonnegative(value: Any, root: nn.Module) -> bool:
    """Whether what a node gives is never negative, even after later operations in place."""
    if not isinstance(value, fx.Node) or any(_changes(node, root) for node in _after(value)):
        return False
    if value.op == "call_module":
        module = root.get_submodule(str(value.target))
        if type(module) in _KEEPING_MODULES:
            return _is_nonnegative(value.args[0], root)
        return is_nonnegative(module)
    if value.op == "call_method" and value.target in _METHODS:
        return True
    if value.op != "call_function" or not value.args:
        return False
    if any(value.target is function for function in _FUNCTIONS):
        return True
    if not any(value.target is function for function in _KEEPING):
        return False
    parts = value.args[0] if value.target is torch.cat else value.args[:2]
    if value.target in (torch.flatten, functional.max_pool2d):
        parts = value.args[:1]
    return (
        isinstance(parts, tuple | list)
        and not ({"alpha", "out"} & set(value.kwargs))
        and len(parts) > 0
        and all(_is_nonnegative(part, root) for part in parts)
    )


def _after(node: fx.Node) -> list[fx.Node]:
    nodes = list(node.graph.nodes)
    return nodes[nodes.index(node) + 1 :]


def _changes(node: fx.Node, root: nn.Module) -> bool:
    """Whether a node may change a tensor in place to something negative."""
    if node.op == "call_method":
        return str(node.target).endswith("_") and node.target not in _METHODS
    if node.op == "call_function":
        name = getattr(node.target, "__name__", "")
        in_place = (
            name.endswith("_")
            or node.target is operator.setitem
            or (name.startswith("i") and hasattr(operator, f"__{name}__"))
        )
        altered = node.kwargs.get("inplace") is True or "out" in node.kwargs
        return (in_place or altered) and not any(node.target is function for function in _FUNCTIONS)
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        return bool(getattr(module, "inplace", False)) and type(module) not in (*_MODULES, nn.Dropout, nn.Dropout2d)
    return False
