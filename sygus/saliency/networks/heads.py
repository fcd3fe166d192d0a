"""What is put after a network so that what is explained comes out as the logit of one class would, (n, 1).

Everything else then treats it as a network of one class: the split, the fingerprint, gradients and maps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.foreign import blamed
from sygus.saliency.networks.classifier import TRIAL, Leaf
from sygus.saliency.networks.split import deviation
from sygus.saliency.networks.target import Compute, Target, class_number

_PICK = "describe it with output=, a function that picks {} from what the model returns"


def with_head(
    pipeline: nn.Sequential, returned: Any, target: Target, classes: Sequence[str], name: str, *, sigmoid: bool = False
) -> tuple[nn.Sequential, tuple[str, ...]]:
    """A pipeline that gives numbers (n, outputs): logits of classes, or the one that is explained.

    Args:
        pipeline: from pixel space on.
        returned: what it gives for :data:`TRIAL` pictures.
        target: what is explained.
        classes: the names of the network's classes, in their order; empty: they are numbered.
        name: the network's.
        sigmoid: whether what it gives was one number between 0 and 1, or several, so that one is that of two classes.

    Returns:
        The pipeline with what the target asks for at its end, and the names of its outputs.

    Raises:
        OptionError: the network gives no such numbers, or the function of the target none.
    """
    if not target.is_class:
        head = _HEADS[target.kind](returned, target, classes, name)
        if head is not None:
            device = next((t.device for t in (*pipeline.parameters(), *pipeline.buffers())), torch.device("cpu"))
            pipeline.add_module("target", head.to(device).eval().requires_grad_(False))
            with torch.no_grad():
                _try(head, returned, target.text)
        return pipeline, (target.text,) * target.numbers
    if is_one_number(returned) and (len(classes) == 2 or (sigmoid and not classes)):
        pipeline.add_module("target", TwoClasses().eval())
        return pipeline, tuple(classes) or _numbered(2)
    if returned.ndim != 2 or returned.shape[0] != TRIAL or returned.shape[1] < 2:
        raise OptionError(
            f"--network: for {TRIAL} pictures the model gives numbers of shape {tuple(returned.shape)}, not "
            f"({TRIAL}, classes)",
            _instead(returned) + _PICK.format("the logits"),
        )
    count = returned.shape[1]
    if classes and len(classes) != count:
        raise OptionError(f"--network: {len(classes)} classes are named, the model gives {count} logits")
    return pipeline, tuple(classes) or _numbered(count)


def _try(head: nn.Module, returned: Any, name: str) -> None:
    """See that a head works, and gives a picture the same number whatever it is beside.

    Raises:
        OptionError: it does not.
    """
    found = head(returned)
    if isinstance(returned, Tensor) and deviation(head(returned[:1]), found[:1]) > _ALIKE:
        message = f"--target: '{name}' gives a picture another number where it is beside others"
        raise OptionError(message, "make each number of the outputs for its own picture alone")


_ALIKE = 1e-4
"""Of its magnitude: how far a number may be from the same in another batch, by rounding."""


def _instead(returned: Tensor) -> str:
    """What else may be explained of such an output, in words."""
    if is_one_number(returned):
        return (
            "classes=('no', 'yes') make two classes of its one logit, --target regression explains the number itself; "
            "or "
        )
    if returned.ndim == 4 and returned.shape[0] == TRIAL:
        return "of a segmentation --target 'region C' explains a class C; or "
    return ""


def is_one_number(returned: Any) -> bool:
    """Whether it is one number for each of :data:`TRIAL` pictures."""
    return isinstance(returned, Tensor) and tuple(returned.shape) in ((TRIAL,), (TRIAL, 1))


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {index}" for index in range(count))


def _regression(returned: Tensor, target: Target, _: Sequence[str], name: str) -> Leaf | None:
    if not is_one_number(returned):
        gives = f"for {TRIAL} pictures '{name}' gives numbers of shape {tuple(returned.shape)}"
        message = (
            f"--target: '{target.text}' explains one number a picture, but {gives}, not ({TRIAL}, 1) or ({TRIAL},)"
        )
        raise OptionError(message, f"explain a class with predicted, label or logit C; or {_PICK.format('the number')}")
    return OneNumber() if returned.ndim == 1 else None


class TwoClasses(Leaf):
    """The one logit z of a binary network as two, -z/2 and z/2: their softmax are 1 - sigmoid(z) and sigmoid(z)."""

    def forward(self, logit: Tensor) -> Tensor:
        """(n, 2) of (n,) or (n, 1)."""
        half = logit.reshape(-1, 1) / 2
        return torch.cat([-half, half], 1)


class OneNumber(Leaf):
    """Numbers (n,) as (n, 1)."""

    def forward(self, numbers: Tensor) -> Tensor:
        """(n, 1)."""
        return numbers[:, None]


def _region(returned: Tensor, target: Target, classes: Sequence[str], name: str) -> Leaf:
    if returned.ndim != 4 or returned.shape[0] != TRIAL:
        gives = f"for {TRIAL} pictures '{name}' gives numbers of shape {tuple(returned.shape)}"
        wanted = f"not ({TRIAL}, classes, h, w)"
        message = f"--target: '{target.text}' explains a class of a segmentation, but {gives}, {wanted}"
        raise OptionError(message, _PICK.format("the logits of the pixels"))
    count = returned.shape[1]
    if classes and len(classes) != count:
        raise OptionError(f"--network: {len(classes)} classes are named, the model gives maps of {count}")
    return RegionMean(class_number(target.name, classes or _numbered(count), name))


class RegionMean(Leaf):
    """The mean logit of a class over the pixels whose largest logit it has; 0 where there are none.

    Where there is one class only, its pixels are those with a logit above 0.

    Args:
        index: the number of the class.
    """

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, logits: Tensor) -> Tensor:
        """(n, 1) of logits (n, classes, h, w)."""
        of_class = logits[:, self.index]
        assigned = logits.argmax(1) == self.index if logits.shape[1] > 1 else of_class > 0
        total = torch.where(assigned, of_class, 0).sum((1, 2))
        return (total / assigned.sum((1, 2)).clamp(min=1))[:, None]


def _function(_: Any, target: Target, __: Sequence[str], ___: str) -> Leaf:
    assert target.function is not None, "who makes a network loads its target"
    return Computed(target.function, target.text, target.numbers)


class Computed(Leaf):
    """What a person's function makes of the outputs, checked at every pass.

    Args:
        function: see :class:`Target`.
        name: what messages call it.
        numbers: how many it gives for a picture.
    """

    def __init__(self, function: Compute, name: str, numbers: int) -> None:
        super().__init__()
        self.function = copy.deepcopy(function) if isinstance(function, nn.Module) else function
        self.name = name
        self.numbers = numbers

    def forward(self, returned: Any) -> Tensor:
        """(n, numbers) of what the network returns for n pictures.

        Raises:
            OptionError: the function fails, or gives anything else, or what is not finite or has no gradient.
        """
        with blamed(f"--target: '{self.name}' fails on {_kind(returned)} that the network returns", _WANTED):
            found = self.function(returned)
        if not isinstance(found, Tensor):
            raise OptionError(f"--target: '{self.name}' gives {type(found).__name__}, not a tensor", _WANTED)
        count = len(returned) if isinstance(returned, Tensor) and returned.ndim else None
        wanted: tuple[int | None, ...] = (count,) if self.numbers == 1 else (count, self.numbers)
        shape = tuple(found.shape)
        if len(shape) != len(wanted) or any(w not in (None, s) for s, w in zip(shape, wanted, strict=True)):
            of = "" if count is None else f" for {count} pictures"
            said = f"({', '.join('n' if one is None else str(one) for one in wanted)}{',' if len(wanted) == 1 else ''})"
            raise OptionError(f"--target: '{self.name}' gives numbers of shape {shape}{of}, not {said}", _WANTED)
        found = found.float()
        if not bool(found.isfinite().all()):
            raise OptionError(f"--target: '{self.name}' gives a number that is not finite", _WANTED)
        if torch.is_grad_enabled() and not found.requires_grad and any(one.requires_grad for one in _tensors(returned)):
            hint = "compute it by torch's operations on the outputs, without detach(), item() and NumPy"
            raise OptionError(f"--target: '{self.name}' gives numbers without a gradient", hint)
        return found[:, None] if found.ndim == 1 else found


_WANTED = "it takes what the network returns for n pictures, and gives a tensor (n,) with one finite number for each"


def _kind(returned: Any) -> str:
    return f"the tensor {tuple(returned.shape)}" if isinstance(returned, Tensor) else f"the {type(returned).__name__}"


def _tensors(returned: Any) -> Iterator[Tensor]:
    if isinstance(returned, Tensor):
        yield returned
    elif isinstance(returned, Mapping):
        for value in returned.values():
            yield from _tensors(value)
    elif isinstance(returned, list | tuple):
        for value in returned:
            yield from _tensors(value)


_HEADS: Mapping[str, Callable[[Any, Target, Sequence[str], str], Leaf | None]] = {
    "regression": _regression,
    "region": _region,
    "function": _function,
}
"""By the kind of the target: what comes after the network, None where that is not needed."""
