"""What torch's and NumPy's objects are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from sygus.saliency.networks.fingerprint.parts import Child, Describe, Part, Unknown, attributes, unknown
from sygus.saliency.networks.fingerprint.python_objects import constant
from sygus.saliency.networks.fingerprint.scalars import framed, head

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_UNUSED = frozenset(
    {
        "_non_persistent_buffers_set",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
        "_forward_hooks_always_called",
        "_compiled_call_impl",
    }
)
"""Attributes of modules that no pass uses."""

_OF_GRAPHS = frozenset({"_graph", "_code", "_tracer_cls", "_tracer_extras", "_graphmodule_cls_name", "meta"})
"""Attributes of modules made by torch.fx that say again what their code says."""


def module(value: nn.Module, where: str) -> Iterator[Part]:
    """A module: its class, its parts in order, its tensors, its hooks in order, and every other attribute."""
    if isinstance(value, torch.jit.ScriptModule):
        yield from _script(value, where)
        return
    held = dict(vars(value))
    if "_orig_mod" in held["_modules"]:  # by torch.compile: what it was made from
        yield Unknown(f"{where} is compiled by torch.compile")
        yield Child(held["_modules"]["_orig_mod"], where)
        return
    yield Child(type(value), f"{type(value).__qualname__}, the class of {where}")
    for group in ("_parameters", "_buffers", "_modules"):
        yield framed(b"m", group.encode())
        yield from attributes(held.pop(group), where)
    for group in _HOOKS:
        with_keywords = held.pop(f"{group}_with_kwargs", {})
        for key, hook in held.pop(group, {}).items():  # keys count the hooks of the process
            yield framed(b"h", f"{group} {bool(with_keywords.get(key))}".encode())
            yield Child(hook, f"a hook of {where}")
    skipped = _UNUSED | (_OF_GRAPHS if isinstance(value, fx.GraphModule) else frozenset())
    yield from attributes({name: held[name] for name in sorted(held) if name not in skipped}, where)


def _script(value: Any, where: str) -> Iterator[Part]:
    """A module that TorchScript compiled: its graph and its tensors."""
    yield from script_function(value, where)
    yield from attributes(dict([*value.named_parameters(), *value.named_buffers()]), where)


def script_function(value: Any, _: str) -> Iterator[Part]:
    """A function that TorchScript compiled: its graph, without the numbers that tell apart what has one name."""
    yield framed(b"j", re.sub(r"___torch_mangle_\d+\.", "", value.inlined_graph.str(False)).encode())


def tensor(value: Tensor, where: str) -> Iterator[Part]:
    """Every bit of a tensor, how it lies in memory, and the attributes that hang on it."""
    yield Child(type(value), f"the class of {where}")
    facts = f"{value.dtype} {tuple(value.shape)} {value.device.type} {value.layout}"
    yield framed(b"T", facts.encode())
    if not value.is_meta:
        try:
            plain = value.detach().cpu()
            yield framed(b"L", repr(plain.stride()).encode())
            data = plain.contiguous().reshape(-1).view(torch.uint8).numpy().data
            yield head(b"V", data.nbytes)
            yield data
        except (RuntimeError, TypeError, NotImplementedError):
            yield unknown(value, where)  # sparse, quantised and wrapped tensors have no bytes of their own
    yield from attributes(vars(value), where)


def array(value: Any, where: str) -> Iterator[Part]:
    """Every bit of a NumPy array or number."""
    yield Child(type(value), f"the class of {where}")
    yield framed(b"A", f"{value.dtype!r} {value.shape}".encode())
    if value.dtype.hasobject:
        yield Child(value.tolist(), where)
    else:
        yield framed(b"V", np.ascontiguousarray(value).tobytes())
    yield from attributes(getattr(value, "__dict__", {}), where)


def generator(value: torch.Generator, where: str) -> Iterator[Part]:
    """The state of a generator of random numbers."""
    yield Child(value.get_state(), where)


def operator(value: Any, where: str) -> Iterator[Part]:
    """An operator of torch's library by name; what others register under a name cannot be told."""
    name = str(value)
    yield framed(b"q", name.encode())
    if name.partition(".")[0] not in ("aten", "prims", "torchvision"):
        yield unknown(value, where)


DESCRIBED: tuple[tuple[tuple[type, ...], Describe], ...] = (
    ((nn.Module,), module),
    ((Tensor,), tensor),
    ((np.ndarray, np.generic), array),
    ((torch.Generator,), generator),
    ((torch.jit.ScriptFunction,), script_function),
    ((torch._ops.OpOverload, torch._ops.OpOverloadPacket), operator),
    (
        (torch.dtype, torch.device, torch.memory_format, torch.layout, torch.finfo, torch.iinfo, np.dtype),
        constant,
    ),
)
"""How instances of some classes are described, the first that fits."""
