"""Choosing pictures: for the search, and held out."""

from __future__ import annotations

import hashlib
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
from sygus.saliency.images.given import GivenImages, stacked
from sygus.saliency.images.imageset import Box, ImageSet, Split
from sygus.saliency.images.layouts import LAYOUTS, Layout, detect
from sygus.saliency.images.reading import read_record

IMAGE_SETS: dict[str, str] = {
    "shapes": "textured pictures of eight kinds of shape, made by a seeded generator; exact masks and boxes",
    "DIR": "a folder; which of the following layouts it has is found out",
} | {f"{one.name}:DIR": one.doc for one in LAYOUTS.values()}
"""The image sets, as they are named, and what they are."""

SHAPES_PREPROCESSING = Preprocessing.square(generator.SIZE)

VALIDATION_SHARE = 4
"""So many validation pictures for each of the search, where their number is left open: for the few finalists they cost
little beside what every proposal costs, and the noise between pictures falls with nothing but their number."""

_COUNTS = "--search-images, --held-out-images and --validation-images"
PILOT_COUNT = "--pilot-images"


def load_images(
    name: str | GivenImages,
    *,
    search: int,
    held_out: int,
    validation: int | None = 0,
    seed: int,
    preprocessing: Preprocessing = SHAPES_PREPROCESSING,
    strict: bool = False,
) -> Split:
    """Pictures for searching, pictures held out, and pictures for choosing between finalists, by ``seed``.

    The pictures of a folder are put into an order by a PCG64 generator with this seed; the first that can be read are
    for the search, the next are held out, and those after them are for validation. A picture whose pixels another has
    too, as a copy of its file in a second folder, is left out, so that no picture is in two sets.

    Args:
        name: ``shapes``, a folder, or ``layout:folder``, see :data:`IMAGE_SETS`; or pictures that Python gives.
        search: how many pictures to search on.
        held_out: how many pictures to hold out.
        validation: how many to choose between finalists with, 0 for none; None for :data:`VALIDATION_SHARE` times those
            of the search, or as many as there are.
        seed: of the choice; for ``shapes``, of the pictures.
        preprocessing: the network's, applied alike to pictures, masks and boxes.
        strict: whether a picture that cannot be read is an error; otherwise it is skipped, and
            :attr:`ImageSet.skipped` names it.

    Raises:
        OptionError: unknown image set, a folder that does not have its layout, too few pictures.
        SycamError: ``strict``, and a picture cannot be read.
    """
    check_counts(search, held_out, validation)
    needed = search + held_out + (validation or 0)
    most = VALIDATION_SHARE * search if validation is None else validation
    if name == "shapes":
        _check_memory(search + held_out + most, preprocessing)
        return _shapes_split(search, held_out, most, seed, preprocessing)
    collection = _collected(name, search + held_out + most)
    also = f" and {validation} to choose with" if validation else ""
    asked = f"--images: {search} pictures to search on and {held_out} held out{also} are asked for"
    there = len(collection.entries)
    if needed > there:
        raise OptionError(f"{asked}, '{name}' has {there}", f"give {_COUNTS} that sum to at most {there}")
    _check_memory(min(there, search + held_out + most), preprocessing)
    reader = _Reader(str(name), collection, seed, preprocessing, strict)
    parts = [reader.take(search, "search"), reader.take(held_out, "held out"), reader.take(most, "validation")]
    if sum(map(len, parts)) < needed:
        hint = f"give {_COUNTS} that sum to at most {there - reader.left_out}"
        reasons = f"{reader.left_out} of which cannot be read or are copies"
        raise OptionError(f"{asked}, '{name}' has {there}, {reasons}", hint)
    return Split(parts[0], parts[1], parts[2] if len(parts[2]) > 1 else None)


def check_counts(search: int, held_out: int, validation: int | None) -> None:
    """Check that no set of pictures is too small.

    Raises:
        OptionError: one is.
    """
    for option, count in (("--search-images", search), ("--held-out-images", held_out)):
        if count < 2:
            raise OptionError(f"{option}: {count} is too few", "give at least 2")
    if validation is not None and validation < 2 and validation != 0:
        raise OptionError(f"--validation-images: {validation} is too few", "give at least 2, or 0 to do without")


def check_images(name: str | GivenImages) -> None:
    """Check that there is such an image set, before anything that takes time.

    Raises:
        OptionError: there is none, or a folder does not have its layout.
    """
    if isinstance(name, str) and name != "shapes":
        _find(name)


def load_some(
    name: str | GivenImages,
    count: int,
    *,
    seed: int,
    preprocessing: Preprocessing = SHAPES_PREPROCESSING,
    strict: bool = False,
) -> tuple[ImageSet, int | None]:
    """The first pictures of the order by ``seed``, as many as are asked for or as there are.

    Args:
        name: as :func:`load_images` takes it.
        count: how many pictures at most.
        seed: of the order; for ``shapes``, of the pictures.
        preprocessing: the network's.
        strict: whether a picture that cannot be read is an error.

    Returns:
        Them, and how many there are in all, without those found to be copies or not to be read; None where there is no
        end of them.

    Raises:
        OptionError: unknown image set, or a folder that does not have its layout.
        SycamError: ``strict``, and a picture cannot be read.
    """
    if name == "shapes":
        _check_memory(count, preprocessing, PILOT_COUNT)
        _check_size_of_shapes(preprocessing)
        return _shapes(range(count), seed), None
    collection = _collected(name, count)
    there = len(collection.entries)
    _check_memory(min(there, count), preprocessing, PILOT_COUNT)
    reader = _Reader(str(name), collection, seed, preprocessing, strict)
    found = reader.take(count, "pilot")
    return found, there - reader.left_out


def _check_memory(count: int, preprocessing: Preprocessing, options: str = _COUNTS) -> None:
    """Refuse more pictures than fit into memory twice, as while they are put together."""
    height, width = preprocessing.size
    free, each = available_memory(), 2 * 3 * 4 * height * width
    if free is not None and count * each > free:
        message = f"{count} pictures of {height}x{width} take {count * each / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        most = free // each
        hint = f"let them sum to at most {most}" if options == _COUNTS else f"give at most {most}"
        raise OptionError(f"{options}: {message}", hint)


def _collected(name: str | GivenImages, most: int) -> Collection:
    """The pictures of a folder, or those that Python gives, of a stream no more than ``most``."""
    if isinstance(name, GivenImages):
        return name.collected(most)
    layout, folder = _find(name)
    return layout.collect(folder)


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
        count = len(collection.entries)
        order = range(count) if collection.in_order else np.random.Generator(np.random.PCG64(seed)).permutation(count)
        self.remaining: Iterator[Entry] = iter([collection.entries[index] for index in order])
        self.left_out = 0
        """Pictures that could not be read, or are copies, so far."""
        self._names: dict[bytes, str] = {}

    def take(self, count: int, part: str) -> ImageSet:
        """The next ``count`` pictures that can be read, or all that are left."""
        pictures: list[Tensor] = []
        masks: list[Tensor | None] = []
        boxes: list[tuple[Box, ...]] = []
        labels, ids, skipped, copies = [], [], [], []
        while len(pictures) < count and (entry := next(self.remaining, None)) is not None:
            try:
                record = entry.record()
                picture, mask, placed = read_record(record, self.preprocessing)
            except Unreadable as error:
                skipped.append(self._skip(entry, error))
                continue
            content = hashlib.sha256(picture.numpy().tobytes()).digest()
            if content in self._names:
                copies.append(f"{_printable(entry.id)} is {_printable(self._names[content])}")
                self.left_out += 1
                continue
            self._names[content] = entry.id
            pictures.append(picture)
            masks.append(mask)
            boxes.append(placed)
            labels.append(record.label)
            ids.append(entry.id)
        there = [mask for mask in masks if mask is not None]
        notes = self.collection.notes
        found = len(pictures)
        if 0 < len(there) < found:
            notes += (f"{found - len(there)} of {found} pictures have no mask, so no mask is used",)
        return ImageSet(
            name=f"{self.name} {part} ({found} of {len(self.collection.entries)}) seed {self.seed}",
            pictures=stacked(pictures, ids) if pictures else torch.empty(0, 3, *self.preprocessing.size),
            labels=torch.tensor(labels),
            masks=torch.stack(there) if there and len(there) == found else None,
            boxes=tuple(boxes),
            ids=tuple(ids),
            classes=self.collection.classes,
            numbers=self.collection.numbers,
            skipped=tuple(skipped),
            copies=tuple(copies),
            notes=notes,
        )

    def _skip(self, entry: Entry, error: Unreadable) -> str:
        name, reason = _printable(entry.id), _printable(str(error))
        if self.strict:
            message = f"--images: the picture {name} of '{self.name}' cannot be read: {reason}"
            raise SycamError(message, "remove it, or leave --strict out to skip such pictures")
        self.left_out += 1
        return f"{name}: {reason}"


def _printable(text: str) -> str:
    """The text with what would steer a terminal, or is no character, written as in Python: files may be called so."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _check_size_of_shapes(preprocessing: Preprocessing) -> None:
    if preprocessing.size != SHAPES_PREPROCESSING.size:
        height, width = preprocessing.size
        message = (
            f"--images: the pictures `shapes` are {generator.SIZE}x{generator.SIZE}, the network takes {height}x{width}"
        )
        raise OptionError(message, "give a folder of pictures, or the network shapes-vgg or shapes-resnet")


def _shapes_split(search: int, held_out: int, validation: int, seed: int, preprocessing: Preprocessing) -> Split:
    _check_size_of_shapes(preprocessing)
    seen = search + held_out
    choosing = _shapes(range(seen, seen + validation), seed) if validation else None
    return Split(_shapes(range(search), seed), _shapes(range(search, seen), seed), choosing)


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
