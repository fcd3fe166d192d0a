"""A second device, simulated: its tensors are computed here, and mixing them with others is refused as by a GPU.

Tensors of the device are wrappers, whose numbers torch cannot reach by another way than the operations that a program
asks for. An operation on tensors of both devices raises what torch raises with a GPU; those that move tensors, single
numbers, and indices are allowed, as there. :func:`install` changes the process for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as trees
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "second"

_HERE = torch.device("cpu")
_aten = torch.ops.aten
_MOVING = (_aten._to_copy.default, _aten.copy_.default)
_INDEXING = (_aten.index.Tensor, _aten.index_put_.default, _aten.index_put.default, _aten._index_put_impl_.default)


def install() -> torch.device:
    """Make the device known to this process."""
    _setup_privateuseone_for_python_backend(NAME)
    return torch.device(NAME, 0)


def _is_second(value: object) -> bool:
    return isinstance(value, torch.device) and value.type == NAME


class There(Tensor):
    """A tensor of the second device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> There:
        """A wrapper of a tensor of this process."""
        made: There = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device(NAME, 0),
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """See :func:`_computed`."""
        return _computed(func, tuple(args), dict(kwargs or {}))

    def tolist(self) -> Any:
        """As of a tensor of a GPU, which is copied."""
        return self.held.tolist()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.dim() == 0 else object.__format__(self, spec)


def _computed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation gives, on the device that it is asked of.

    Raises:
        RuntimeError: its tensors are on two devices.
    """
    flat, form = trees.tree_flatten((args, kwargs))
    if not any(isinstance(one, There) or _is_second(one) for one in flat):
        return func(*args, **kwargs)
    others = [one for one in flat if isinstance(one, Tensor) and not isinstance(one, There) and one.dim() > 0]
    if others and func not in (*_MOVING, *_INDEXING):
        message = "Expected all tensors to be on the same device, but found at least two devices, second:0 and cpu!"
        raise RuntimeError(f"{message} ({func})")
    held = [one.held if isinstance(one, There) else _HERE if _is_second(one) else one for one in flat]
    plain, named = trees.tree_unflatten(held, form)
    found = func(*plain, **named)
    if func is _aten.copy_.default:
        return args[0]
    if kwargs.get("device") is not None and not _is_second(torch.device(kwargs["device"])):
        return found
    return return_and_correct_aliasing(func, args, kwargs, trees.tree_map_only(Tensor, There, found))


class _Dispatch(TorchDispatchMode):
    """Tensors that are made on the device, and copied to it."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """See :func:`_computed`."""
        return _computed(func, tuple(args), dict(kwargs or {}))


class _Data(TorchFunctionMode):
    """Tensors that are made of numbers of Python, which no dispatch sees: first here, then copied."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """See the class."""
        named = dict(kwargs or {})
        if func is torch.Tensor.new_tensor and isinstance(args[0], There):
            func, args, named = torch.tensor, args[1:], {"dtype": args[0].dtype, "device": args[0].device} | named
        if func in (torch.tensor, torch.as_tensor) and _is_second(torch.device(named.get("device") or _HERE)):
            device = named.pop("device")
            return func(*args, **named).to(device)
        return func(*args, **named)


@contextmanager
def second_device() -> Iterator[None]:
    """Within, tensors can be made on the device."""
    with _Dispatch(), _Data():
        yield
