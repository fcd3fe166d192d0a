"""Choosing pictures: for the search, and held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sygus.bounds import available_memory
from sygus.errors import OptionError, SycamError
from sygus.saliency.images import generator
from sygus.saliency.images.collection import Collection, Entry, Unreadable
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.images.given import GivenImages, check_channels, stacked
from sygus.saliency.images.imageset import Box, ImageSet, Split, box_around, unread
from sygus.saliency.images.layouts import LAYOUTS, Layout, detect
from sygus.saliency.images.reading import read_record
from sygus.saliency.images.shares import COUNTS, FEWEST, Shares, share_out, shares_note, too_few
from sygus.saliency.images.shelf import Shelf, digest_of
from sygus.saliency.progress import track

IMAGE_SETS: dict[str, str] = {
    "shapes": "textured pictures of eight kinds of shape, made by a seeded generator; exact masks and boxes",
    "DIR": "a folder; which of the following layouts it has is found out",
} | {f"{one.name}:DIR": one.doc for one in LAYOUTS.values()}
"""The image sets, as they are named, and what they are."""

SHAPES_PREPROCESSING = Preprocessing.square(generator.SIZE)

PILOT_COUNT = "--pilot-images"

Room = Callable[[str, int], int]
"""How many of so many pictures of a set, called ``search``, ``held out`` or ``validation``, are in memory at once."""


def everything(_: str, count: int) -> int:
    """All pictures of every part are in memory."""
    return count


def load_images(
    name: str | GivenImages,
    *,
    search: int | None,
    held_out: int | None,
    validation: int | None = 0,
    choosing: bool = True,
    seed: int,
    preprocessing: Preprocessing = SHAPES_PREPROCESSING,
    strict: bool = False,
    room: Room = everything,
) -> Split:
    """Pictures for searching, pictures held out, and pictures for choosing between finalists, by ``seed``.

    The pictures of a folder are put into an order by a PCG64 generator with this seed; the first that can be read are
    for the search, the next are held out, and those after them are for validation. A picture whose pixels another has
    too, as a copy of its file in a second folder, is left out, so that no picture is in two sets.

    Args:
        name: ``shapes``, a folder, or ``layout:folder``, see :data:`IMAGE_SETS`; or pictures that Python gives.
        search: how many pictures to search on; None for what suits what is there, see
            :func:`sygus.saliency.images.shares.share_out`. What does not suit is said by a note of those pictures.
        held_out: how many pictures to hold out; likewise.
        validation: how many to choose between finalists with, 0 for none; None for some times those
            of the search, or as many as there are.
        choosing: whether those are loaded; where not, their share is left to nobody.
        seed: of the choice; for ``shapes``, of the pictures.
        preprocessing: the network's, applied alike to pictures, masks and boxes.
        strict: whether a picture that cannot be read is an error; otherwise it is skipped, and
            :attr:`ImageSet.skipped` names it.
        room: how many pictures of a part there is room for; of more than these, the pixels are left on a shelf. Those
            of a stream, which can be read once, are always in memory.

    Raises:
        OptionError: unknown image set, a folder that does not have its layout, too few pictures, or more than there is
            memory for.
        SycamError: ``strict``, and a picture cannot be read.
    """
    if name == "shapes":
        shares = share_out(None, name, search=search, held_out=held_out, validation=validation)
        shares = shares if choosing else replace(shares, validation=0)
        _check_memory(_in_memory(shares, room), preprocessing)
        return _shapes_split(shares, seed, preprocessing, room)
    asked = share_out(None, str(name), search=search, held_out=held_out, validation=validation)
    most, left_out = asked.search + asked.held_out + asked.validation, 0
    while True:
        collection = _collected(name, most + left_out)
        there = len(collection.entries)
        shares = _shares(there, str(name), search, held_out, validation, choosing=choosing)
        spared = everything if collection.in_order else room
        _check_memory(min(there, _in_memory(shares, spared)), preprocessing)
        reader = _Reader(str(name), collection, seed, preprocessing, strict)
        parts = [reader.take(count, part, spared(part, count)) for part, count in _named(shares)]
        # of a stream as many more are taken as were no use, while it has more
        if not collection.in_order or reader.left_out <= left_out or there < most + left_out:
            break
        left_out = reader.left_out
    found = Shares(*map(len, parts))
    least = (FEWEST if search is None else search, FEWEST if held_out is None else held_out)
    needed = validation if choosing and validation is not None else 0
    if found.search < least[0] or found.held_out < least[1] or found.validation < needed:
        raise too_few(str(name), there, *least, needed, reader.left_out)
    note = shares_note(there, str(name), found, search=search, held_out=held_out)
    if note:
        parts[0] = replace(parts[0], notes=(*parts[0].notes, note))
    return Split(parts[0], parts[1], parts[2] if len(parts[2]) > 1 else None)


def _named(shares: Shares) -> list[tuple[str, int]]:
    return [("search", shares.search), ("held out", shares.held_out), ("validation", shares.validation)]


def _in_memory(shares: Shares, room: Room) -> int:
    """How many pictures are in memory together, at most."""
    return sum(min(count, room(part, count)) for part, count in _named(shares) if count)


def _shares(
    there: int, name: str, search: int | None, held_out: int | None, validation: int | None, *, choosing: bool
) -> Shares:
    """How many pictures of a folder are loaded; the search and its table are on the same, with a choice and without."""
    if choosing:
        return share_out(there, name, search=search, held_out=held_out, validation=validation)
    enough = share_out(None, name, search=search, held_out=held_out, validation=0)
    if (search is None or held_out is None) and enough.search + enough.held_out > there:
        enough = share_out(there, name, search=search, held_out=held_out, validation=validation)
    else:
        share_out(there, name, search=enough.search, held_out=enough.held_out, validation=0)
    return replace(enough, validation=0)


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
    found = reader.take(count, "pilot", count)
    return found, there - reader.left_out


def _check_memory(count: int, preprocessing: Preprocessing, options: str = COUNTS) -> None:
    """Refuse more pictures than fit into memory twice, as while they are put together."""
    height, width = preprocessing.size
    free, each = available_memory(), 2 * 3 * 4 * height * width
    if free is not None and count * each > free:
        message = f"{count} pictures of {height}x{width} take {count * each / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        most = free // each
        hint = f"let them sum to at most {most}" if options == COUNTS else f"give at most {most}"
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
    hint = f"name one of {', '.join(f'{n}:{name}' for n in LAYOUTS)}, or put pictures into it"
    raise OptionError(f"--images: the folder '{name}' has no known layout", hint)


class _Found:
    """What is known of the pictures of a part beside their pixels."""

    def __init__(self) -> None:
        self.labels: list[int] = []
        self.boxes: list[tuple[Box, ...]] = []
        self.ids: list[str] = []
        self.skipped: list[str] = []
        self.copies: list[str] = []

    def __len__(self) -> int:
        return len(self.ids)


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

    def take(self, count: int, part: str, room: int) -> ImageSet:
        """The next ``count`` pictures that can be read, or all that are left; of more than ``room`` without pixels."""
        if count > room:
            return self._left(count, part, room)
        pictures: list[Tensor] = []
        masks: list[Tensor | None] = []
        found = _Found()
        while len(found) < count and (entry := next(self.remaining, None)) is not None:
            read = self._read(entry, found)
            if read is not None:
                pictures.append(read[0])
                masks.append(read[1])
        there = [mask for mask in masks if mask is not None]
        images = stacked(pictures, found.ids) if pictures else torch.empty(0, 3, *self.preprocessing.size)
        complete = torch.stack(there) if there and len(there) == len(found) else None
        return self._set(part, found, images, complete, len(there))

    def _left(self, count: int, part: str, room: int) -> ImageSet:
        """The same with the pixels left where they are, once each was looked at."""
        found, entries, digests, around = _Found(), list[Entry](), list[bytes](), list[tuple[Box, ...]]()
        first: Tensor | None = None
        masks = 0
        for _ in track(range(count), count, f"pictures to look through ({part})"):
            read = None
            while read is None and (entry := next(self.remaining, None)) is not None:
                read = self._read(entry, found)
            if read is None or entry is None:
                break
            picture, mask, digest = read
            first = picture if first is None else first
            check_channels(first, picture, (found.ids[0], found.ids[-1]))
            masks += mask is not None
            entries.append(entry)
            digests.append(digest)
            around.append(box_around(mask))
        size = self.preprocessing.size
        complete = unread((len(found), *size), torch.bool) if masks and masks == len(found) else None
        if complete is not None:  # the boxes of the ground truth are known without its masks
            found.boxes = [boxes or other for boxes, other in zip(found.boxes, around, strict=True)]
        images = self._set(
            part, found, unread((len(found), 3 if first is None else len(first), *size)), complete, masks
        )

        def read_one(place: int) -> tuple[Tensor, Tensor | None]:
            try:
                picture, mask, _ = read_record(entries[place].record(), self.preprocessing)
            except Unreadable as error:
                name, reason = _printable(entries[place].id), _printable(str(error))
                message = f"--images: the picture {name} could be read at first, and cannot be read again: {reason}"
                raise SycamError(message, "leave the files alone while they are scored") from None
            return picture, mask

        return replace(images, shelf=Shelf(read_one, range(len(found)), digests, found.ids, room))

    def _read(self, entry: Entry, found: _Found) -> tuple[Tensor, Tensor | None, bytes] | None:
        """The picture of an entry, its mask and its digest; None where it is of no use, which is noted."""
        try:
            record = entry.record()
            picture, mask, placed = read_record(record, self.preprocessing)
        except Unreadable as error:
            found.skipped.append(self._skip(entry, error))
            return None
        content = digest_of(picture)
        if content in self._names:
            found.copies.append(f"{_printable(entry.id)} is {_printable(self._names[content])}")
            self.left_out += 1
            return None
        self._names[content] = entry.id
        found.boxes.append(placed)
        found.labels.append(record.label)
        found.ids.append(entry.id)
        return picture, mask, content

    def _set(self, part: str, found: _Found, pictures: Tensor, masks: Tensor | None, there: int) -> ImageSet:
        notes = self.collection.notes
        count = len(found)
        if 0 < there < count:
            notes += (f"{count - there} of {count} pictures have no mask, so no mask is used",)
        return ImageSet(
            name=f"{self.name} {part} ({count} of {len(self.collection.entries)}) seed {self.seed}",
            pictures=pictures,
            labels=torch.tensor(found.labels),
            masks=masks,
            boxes=tuple(found.boxes),
            ids=tuple(found.ids),
            classes=self.collection.classes,
            numbers=self.collection.numbers,
            skipped=tuple(found.skipped),
            copies=tuple(found.copies),
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


def _shapes_split(shares: Shares, seed: int, preprocessing: Preprocessing, room: Room) -> Split:
    _check_size_of_shapes(preprocessing)
    found, start = [], 0
    for part, count in _named(shares):
        indices, most = range(start, start + count), room(part, count) if count else 0
        found.append(_shapes(indices, seed) if count <= most else _shapes_left(indices, seed, most))
        start += count
    return Split(found[0], found[1], found[2] if shares.validation else None)


def _shapes(indices: range, seed: int) -> ImageSet:
    made = [generator.generate(index, seed) for index in indices]
    shape = (0, generator.SIZE, generator.SIZE)
    images = np.stack([picture.image for picture in made]) if made else np.empty((0, 3, *shape[1:]), np.float32)
    masks = np.stack([picture.mask for picture in made]) if made else np.empty(shape, np.bool_)
    labels = torch.tensor([picture.label for picture in made])
    boxes = tuple(picture.boxes for picture in made)
    return _set_of_shapes(indices, seed, torch.from_numpy(images), torch.from_numpy(masks), labels, boxes)


def _shapes_left(indices: range, seed: int, room: int) -> ImageSet:
    """The same with the pixels left to be made again."""
    labels, boxes, digests = list[int](), list[tuple[Box, ...]](), list[bytes]()
    for index in track(indices, len(indices), "pictures made"):
        made = generator.generate(index, seed)
        labels.append(made.label)
        boxes.append(made.boxes)
        digests.append(digest_of(torch.from_numpy(made.image)))

    def read_one(place: int) -> tuple[Tensor, Tensor]:
        made = generator.generate(place, seed)
        return torch.from_numpy(made.image), torch.from_numpy(made.mask)

    size = (generator.SIZE, generator.SIZE)
    pictures, masks = unread((len(indices), 3, *size)), unread((len(indices), *size), torch.bool)
    found = _set_of_shapes(indices, seed, pictures, masks, torch.tensor(labels), tuple(boxes))
    return replace(found, shelf=Shelf(read_one, indices, digests, found.ids, room))


def _set_of_shapes(
    indices: range, seed: int, pictures: Tensor, masks: Tensor, labels: Tensor, boxes: tuple[tuple[Box, ...], ...]
) -> ImageSet:
    return ImageSet(
        name=f"shapes[{indices.start}:{indices.stop}] seed {seed}",
        pictures=pictures,
        labels=labels,
        masks=masks,
        boxes=boxes,
        ids=tuple(f"shapes-{seed}-{index}" for index in indices),
        classes=tuple(generator.CLASSES),
    )
