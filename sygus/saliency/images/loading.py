"""Choosing pictures: for the search, and held out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sygus.bounds import available_memory
from sygus.errors import OptionError, SycamError
from sygus.saliency.images import generator
from sygus.saliency.images.collection import Collection, Entry, Unreadable, pictures_in
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.images.imageset import Box, ImageSet, Split
from sygus.saliency.images.layouts import LAYOUTS, Layout, detect
from sygus.saliency.images.reading import read_record

IMAGE_SETS: dict[str, str] = {
    "shapes": "textured pictures of eight kinds of shape, made by a seeded generator; exact masks and boxes",
    "DIR": "a folder; which of the following layouts it has is found out",
} | {f"{one.name}:DIR": one.doc for one in LAYOUTS.values()}
"""The image sets, as they are named, and what they are."""

SHAPES_PREPROCESSING = Preprocessing.square(generator.SIZE)


def load_images(
    name: str,
    *,
    search: int,
    held_out: int,
    seed: int,
    preprocessing: Preprocessing = SHAPES_PREPROCESSING,
    strict: bool = False,
) -> Split:
    """Pictures for searching and pictures held out, disjoint, chosen by ``seed``.

    The pictures of a folder are put into an order by a PCG64 generator with this seed; the first that can be read are
    for the search, the next are held out.

    Args:
        name: ``shapes``, a folder, or ``layout:folder``; see :data:`IMAGE_SETS`.
        search: how many pictures to search on.
        held_out: how many pictures to hold out.
        seed: of the choice; for ``shapes``, of the pictures.
        preprocessing: the network's, applied alike to pictures, masks and boxes.
        strict: whether a picture that cannot be read is an error; otherwise it is skipped, and
            :attr:`ImageSet.skipped` names it.

    Raises:
        OptionError: unknown image set, a folder that does not have its layout, too few pictures.
        SycamError: ``strict``, and a picture cannot be read.
    """
    for option, count in (("--search-images", search), ("--held-out-images", held_out)):
        if count < 2:
            raise OptionError(f"{option}: {count} is too few", "give at least 2")
    _check_memory(search + held_out, preprocessing)
    if name == "shapes":
        return _shapes_split(search, held_out, seed, preprocessing)
    layout, folder = _find(name)
    collection = layout.collect(folder)
    asked = f"--images: {search} pictures to search on and {held_out} held out are asked for"
    there = len(collection.entries)
    if search + held_out > there:
        hint = f"give --search-images and --held-out-images that sum to at most {there}"
        raise OptionError(f"{asked}, '{name}' has {there}", hint)
    reader = _Reader(name, collection, seed, preprocessing, strict)
    try:
        return Split(reader.take(search, "search"), reader.take(held_out, "held out"))
    except StopIteration:
        unread = reader.unread
        hint = f"give --search-images and --held-out-images that sum to at most {there - unread}"
        raise OptionError(f"{asked}, '{name}' has {there}, {unread} of which cannot be read", hint) from None


def _check_memory(count: int, preprocessing: Preprocessing) -> None:
    """Refuse more pictures than fit into memory twice, as while they are put together."""
    height, width = preprocessing.size
    free, each = available_memory(), 2 * 3 * 4 * height * width
    if free is not None and count * each > free:
        message = f"{count} pictures of {height}x{width} take {count * each / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        hint = f"let them sum to at most {free // each}"
        raise OptionError(f"--search-images and --held-out-images: {message}", hint)


def _find(name: str) -> tuple[Layout, Path]:
    prefix, colon, rest = name.partition(":")
    if colon and prefix in LAYOUTS:
        folder = Path(rest).expanduser()
        if not folder.is_dir():
            raise OptionError(f"--images: there is no folder '{rest}'", f"write {prefix}:DIR")
        return LAYOUTS[prefix], folder
    folder = Path(name).expanduser()
    if not folder.is_dir():
        message = f"--images: unknown image set '{name}', and no folder has this name"
        raise OptionError(message, f"known image sets: {', '.join(IMAGE_SETS)}")
    layout = detect(folder)
    if layout is not None:
        return layout, folder
    hint = f"name one of {', '.join(f'{n}:{name}' for n in LAYOUTS)}"
    if pictures_in(folder):
        hint = f"put the pictures of each class into a folder of its own, or beside them a manifest.csv; or {hint}"
    raise OptionError(f"--images: the folder '{name}' has no known layout", hint)


class _Reader:
    """Reads the pictures of a collection in a seeded order, each at most once."""

    def __init__(
        self, name: str, collection: Collection, seed: int, preprocessing: Preprocessing, strict: bool
    ) -> None:
        self.name, self.seed, self.preprocessing, self.strict = name, seed, preprocessing, strict
        self.collection = collection
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(collection.entries))
        self.remaining: Iterator[Entry] = iter([collection.entries[index] for index in order])
        self.unread = 0
        """Pictures that could not be read so far."""

    def take(self, count: int, part: str) -> ImageSet:
        """The next ``count`` pictures that can be read; raises StopIteration where there are too few."""
        pictures: list[Tensor] = []
        masks: list[Tensor | None] = []
        boxes: list[tuple[Box, ...]] = []
        labels, ids, skipped = [], [], []
        while len(pictures) < count:
            entry = next(self.remaining)
            try:
                record = entry.record()
                picture, mask, placed = read_record(record, self.preprocessing)
            except Unreadable as error:
                skipped.append(self._skip(entry, error))
                continue
            pictures.append(picture)
            masks.append(mask)
            boxes.append(placed)
            labels.append(record.label)
            ids.append(entry.id)
        there = [mask for mask in masks if mask is not None]
        notes = self.collection.notes
        if 0 < len(there) < count:
            notes += (f"{count - len(there)} of {count} pictures have no mask, so no mask is used",)
        return ImageSet(
            name=f"{self.name} {part} ({count} of {len(self.collection.entries)}) seed {self.seed}",
            pictures=torch.stack(pictures),
            labels=torch.tensor(labels),
            masks=torch.stack(there) if len(there) == count else None,
            boxes=tuple(boxes),
            ids=tuple(ids),
            classes=self.collection.classes,
            numbers=self.collection.numbers,
            skipped=tuple(skipped),
            notes=notes,
        )

    def _skip(self, entry: Entry, error: Unreadable) -> str:
        name, reason = _printable(entry.id), _printable(str(error))
        if self.strict:
            message = f"--images: the picture {name} of '{self.name}' cannot be read: {reason}"
            raise SycamError(message, "remove it, or leave --strict out to skip such pictures")
        self.unread += 1
        return f"{name}: {reason}"


def _printable(text: str) -> str:
    """The text with what would steer a terminal, or is no character, written as in Python: files may be called so."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _shapes_split(search: int, held_out: int, seed: int, preprocessing: Preprocessing) -> Split:
    if preprocessing.size != SHAPES_PREPROCESSING.size:
        height, width = preprocessing.size
        message = (
            f"--images: the pictures `shapes` are {generator.SIZE}x{generator.SIZE}, the network takes {height}x{width}"
        )
        raise OptionError(message, "give a folder of pictures, or the network shapes-vgg or shapes-resnet")
    return Split(_shapes(range(search), seed), _shapes(range(search, search + held_out), seed))


def _shapes(indices: range, seed: int) -> ImageSet:
    made = [generator.generate(index, seed) for index in indices]
    return ImageSet(
        name=f"shapes[{indices.start}:{indices.stop}] seed {seed}",
        pictures=torch.from_numpy(np.stack([picture.image for picture in made])),
        labels=torch.tensor([picture.label for picture in made]),
        masks=torch.from_numpy(np.stack([picture.mask for picture in made])),
        boxes=tuple(picture.boxes for picture in made),
        ids=tuple(f"shapes-{seed}-{index}" for index in indices),
        classes=tuple(generator.CLASSES),
    )
