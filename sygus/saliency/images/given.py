"""Pictures that Python holds: tensors, PIL images, paths, data sets and data loaders, as a set to choose from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset

from sygus.errors import OptionError
from sygus.foreign import failure
from sygus.saliency.images.collection import Collection, Entry, Record
from sygus.saliency.images.imageset import NO_CLASS

Item = tuple[object, object]
"""A picture and its label, None where it has none."""

PAIR = 2
"""Members of a picture with its label."""

LONGEST = 10_000
"""Pictures of a stream that are all to be had at once; streams may be endless."""

_OF_ONE, _OF_MANY = 3, 4
"""Dimensions of a picture (C, H, W), and of several."""

WANTED = (
    "a tensor (N, C, H, W) of floats in [0, 1], a list of paths, PIL images or tensors (C, H, W), (pictures, labels), "
    "or a torch Dataset or DataLoader of pictures or (picture, label)"
)
"""What is taken, in words."""


class _EndError(Exception):
    """A stream has no more pictures."""


@dataclass(frozen=True, eq=False)
class GivenImages:
    """Pictures that Python gives in place of the name of an image set.

    Attributes:
        kind: what was given, in words.
        size: how many pictures there are; None of a stream, which is read as far as it is needed.
        item: the picture and the label at a place; a stream says where it ends.
        classes: the names of the classes that the labels index, where they are known.
    """

    kind: str
    size: int | None
    item: Callable[[int], Item]
    classes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What records and messages call it."""
        return f"{self.kind} given in Python"

    def __str__(self) -> str:
        return self.text

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """C, H, W of the first picture, where it is a tensor, which is taken as it is; else None."""
        if self.size == 0:
            return None
        try:
            picture = self._fetched(0)[0]
        except _EndError:
            return None
        return _shape(picture) if isinstance(picture, Tensor) and picture.ndim == _OF_ONE else None

    def collected(self, most: int) -> Collection:
        """The pictures, not read yet.

        Args:
            most: how many are taken of a stream, in its order; of others all are there to choose from by the seed.

        Raises:
            OptionError: what was given fails.
        """
        if self.size is not None:
            return Collection(tuple(map(self._entry, range(self.size))), self.classes)
        there = 0
        for place in range(most):
            try:
                self._fetched(place)
            except _EndError:
                break
            there += 1
        note = f"of the {self.text} the first {there} pictures are taken, in its order, which no seed changes"
        return Collection(tuple(map(self._entry, range(there))), self.classes, (note,), in_order=True)

    def everything(self) -> Collection:
        """All pictures in their order, not read yet.

        Raises:
            OptionError: what was given fails, or a stream has more pictures than :data:`LONGEST`.
        """
        found = self.collected(LONGEST + 1)
        if self.size is None and len(found.entries) > LONGEST:
            message = f"pictures: the {self.text} has more than {LONGEST} pictures"
            raise OptionError(message, "take fewer of it, as by itertools.islice, and give these")
        return found

    def _entry(self, place: int) -> Entry:
        return Entry(self._name(place), partial(self._record, place))

    def _name(self, place: int) -> str:
        return f"picture-{place}"

    def _record(self, place: int) -> Record:
        picture, label = self._fetched(place)
        number = _label(label, f"--images: the label of picture {place} of the {self.text}")
        if isinstance(picture, str | Path):
            return Record(Path(picture), number)
        if isinstance(picture, Image.Image | Tensor):
            return Record(Path(self._name(place)), number, pixels=picture)
        message = f"--images: picture {place} of the {self.text} is of the type {type(picture).__name__}"
        raise OptionError(message, "give a tensor (C, H, W) in [0, 1], a PIL image or a path")

    def _fetched(self, place: int) -> Item:
        try:
            return self.item(place)
        except OptionError:
            raise
        except Exception as error:  # the user's data sets raise what they like
            if self.size is None and isinstance(error, _EndError):
                raise
            message = f"--images: the {self.text} fails at picture {place}: {failure(error)}"
            raise OptionError(message, f"give {WANTED}") from error


def given_images(value: object) -> GivenImages | None:
    """The pictures of an object of Python; None where it holds none.

    Args:
        value: a tensor (N, C, H, W), a sequence of paths, PIL images or tensors (C, H, W), a pair of such pictures and
            their labels, or a ``torch.utils.data`` Dataset or DataLoader.

    Raises:
        OptionError: there are not as many labels as pictures, or the numbers of a tensor are none of a picture.
    """
    if isinstance(value, GivenImages):
        return value
    if isinstance(value, DataLoader):
        return _streamed("DataLoader", partial(_unbatched, value), _classes(value.dataset))
    if isinstance(value, IterableDataset):
        return _streamed(type(value).__name__, lambda: map(_pair, value), _classes(value))
    if isinstance(value, Dataset):
        return _of_set(value)
    return _of_pictures(value)


def _of_set(data: Any) -> GivenImages | None:
    """The pictures of a data set, if it says how many there are."""
    if not hasattr(data, "__len__"):
        return None
    try:
        count = len(data)
    except Exception as error:  # the user's data sets raise what they like
        message = f"--images: the {type(data).__name__} does not say how many pictures it has: {failure(error)}"
        raise OptionError(message, "let len() give their number") from error
    return GivenImages(type(data).__name__, count, lambda place: _pair(data[place]), _classes(data))


def _of_pictures(value: Any) -> GivenImages | None:
    """Pictures themselves, perhaps with their labels."""
    labels: Sequence[Any] | None = None
    if isinstance(value, tuple) and len(value) == PAIR and _are_labels(value[1]):
        value, labels = value
    if isinstance(value, tuple | list) and len(value) == PAIR and getattr(value[0], "ndim", 0) == _OF_MANY:
        message = f"--images: beside the pictures there is {_kind(value[1])} for labels"
        raise OptionError(message, "give (pictures, labels) with a whole number for each picture, (N,)")
    if isinstance(value, Tensor):
        if value.ndim != _OF_MANY:
            message = f"--images: the tensor is of shape {tuple(value.shape)}"
            raise OptionError(message, "give pictures (N, C, H, W) in [0, 1]")
        kind = "tensor of pictures"
    elif isinstance(value, list | tuple) and value and all(isinstance(one, _PICTURE) for one in value):
        kind = "list of pictures"
    else:
        return None
    if labels is not None and len(labels) != len(value):
        message = f"--images: there are {len(value)} pictures and {len(labels)} labels"
        raise OptionError(message, "give one label for each picture")
    return GivenImages(kind, len(value), partial(_at, value, labels))


_PICTURE = (str, Path, Image.Image, Tensor)


def _at(pictures: Any, labels: Any, place: int) -> Item:
    return pictures[place], None if labels is None else labels[place]


def _are_labels(value: object) -> bool:
    """Whether these are labels: whole numbers, in a tensor, an array or a sequence."""
    if isinstance(value, Tensor):
        return value.ndim == 1 and not value.is_floating_point() and not value.is_complex()
    whole = getattr(getattr(value, "dtype", None), "kind", "") in ("i", "u")
    if whole:
        return getattr(value, "ndim", 0) == 1
    return isinstance(value, list | tuple) and all(isinstance(one, Integral) for one in value)


@dataclass
class _Stream:
    """Items in the order in which they come, kept as far as they were taken."""

    begin: Callable[[], Iterator[Item]]
    kept: list[Item] = field(default_factory=list)
    running: Iterator[Item] | None = None

    def __call__(self, place: int) -> Item:
        if self.running is None:
            self.running = self.begin()
        self.kept += islice(self.running, max(0, place + 1 - len(self.kept)))
        if place >= len(self.kept):
            raise _EndError
        return self.kept[place]


def _streamed(kind: str, begin: Callable[[], Iterator[Item]], classes: tuple[str, ...]) -> GivenImages:
    return GivenImages(kind, None, _Stream(begin), classes)


def _unbatched(loader: Any) -> Iterator[Item]:
    """The pictures of a loader one by one, with their labels."""
    for batch in loader:
        pictures, labels = _pair(batch)
        if isinstance(pictures, Tensor) and pictures.ndim == _OF_ONE:  # the loader makes no batches
            yield pictures, labels
            continue
        if not (isinstance(pictures, Tensor) and pictures.ndim == _OF_MANY) and not isinstance(pictures, list | tuple):
            message = f"--images: a batch of the loader holds {_kind(pictures)} for pictures"
            raise OptionError(message, "let it give tensors (B, C, H, W), or these with labels (B,)")
        if labels is not None and (not _are_labels(labels) or len(labels) != len(pictures)):  # type: ignore[arg-type]
            message = f"--images: a batch of {len(pictures)} pictures has {_kind(labels)} for labels"
            raise OptionError(message, "let the loader give whole numbers (B,)")
        yield from (_at(pictures, labels, place) for place in range(len(pictures)))


def _pair(item: Any) -> Item:
    """The picture and the label of what a data set gives."""
    if isinstance(item, Mapping):
        message = f"--images: what the data set gives is a mapping with {', '.join(map(str, item))[:_SHOWN]}"
        raise OptionError(message, "wrap it, so that it gives a picture, or (picture, label)")
    if isinstance(item, tuple | list) and len(item) >= PAIR:
        return item[0], item[1]
    return (item[0] if isinstance(item, tuple | list) and item else item), None


_SHOWN = 60
"""Characters of names in a message."""


def _label(value: object, where: str) -> int:
    """The class; :data:`NO_CLASS` of None and of -1.

    Raises:
        OptionError: it is no class.
    """
    if value is None:
        return NO_CLASS
    number = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    if isinstance(number, bool) or not isinstance(number, Integral) or number < NO_CLASS:
        raise OptionError(f"{where} is {_kind(value)}", "give the number of a class, from 0, or -1 where it is unknown")
    return int(number)


def _kind(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    return repr(value)[:_SHOWN] if isinstance(value, int | float | str) else f"of the type {type(value).__name__}"


def _classes(data: object) -> tuple[str, ...]:
    """The names of the classes, where a data set, or what it is a part of, says them as torchvision's do.

    Raises:
        OptionError: parts of it have other classes than others, so that one label says two things.
    """
    while isinstance(data, Subset):
        data = data.dataset
    if isinstance(data, ConcatDataset):
        first, *others = (_classes(one) for one in data.datasets)
        if any(other != first for other in others):
            message = "--images: the data sets that are joined name other classes than each other"
            raise OptionError(message, "give pictures with labels of one list of classes")
        return first
    names = getattr(data, "classes", None)
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(names)
    return ()


def _shape(picture: Tensor) -> tuple[int, int, int]:
    channels, height, width = picture.shape
    return channels, height, width


def pixels_as_given(pixels: Tensor, name: str, size: tuple[int, int]) -> Tensor:
    """A tensor as a picture (C, H, W), float32 on the CPU.

    Args:
        pixels: (C, H, W) in [0, 1].
        name: of the picture, for messages.
        size: H, W of the network's pictures.

    Raises:
        OptionError: it is no such tensor; nothing is resized or scaled.
    """
    if pixels.ndim != _OF_ONE or not pixels.is_floating_point():
        hint = "give floats (C, H, W) in [0, 1]; of bytes, tensor / 255"
        raise OptionError(f"--images: {name} is {_kind(pixels)}", hint)
    height, width = size
    if tuple(pixels.shape[1:]) != size:
        message = f"--images: {name} is {pixels.shape[1]}x{pixels.shape[2]}, the network takes {height}x{width}"
        raise OptionError(message, "tensors are taken as they are: resize them, or give PIL images or paths")
    found = pixels.detach().to("cpu", torch.float32).contiguous()
    low, high = float(found.min()), float(found.max())
    if not (low >= 0 and high <= 1):
        message = f"--images: {name} has numbers from {low:.3g} to {high:.3g}"
        hint = "give pixels in [0, 1], and the normalisation to the network: (model, {'mean': …, 'deviation': …})"
        raise OptionError(message, hint)
    return found


def stacked(pictures: Sequence[Tensor], ids: Sequence[str]) -> Tensor:
    """Pictures (N, C, H, W) of single ones (C, H, W) with these names.

    Raises:
        OptionError: they are not of one number of channels.
    """
    for picture, name in zip(pictures, ids, strict=True):
        check_channels(pictures[0], picture, (ids[0], name))
    return torch.stack(list(pictures))


def check_channels(first: Tensor, other: Tensor, names: tuple[str, str]) -> None:
    """Check that two pictures (C, H, W) have as many channels: tensors of Python's may not, those of files have three.

    Raises:
        OptionError: they do not.
    """
    if len(first) != len(other):
        message = f"--images: {names[0]} has {len(first)} channels, {names[1]} has {len(other)}"
        raise OptionError(message, "give pictures of as many channels as the network takes")
