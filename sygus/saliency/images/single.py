"""Single pictures, by path or from the embedded set, as a network wants them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency.images import generator
from sygus.saliency.images.collection import Record, Unreadable
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.images.given import GivenImages, stacked
from sygus.saliency.images.imageset import NO_CLASS, ImageSet
from sygus.saliency.images.reading import pixels_of, read_record

EMBEDDED = "shapes:"
"""``shapes:3`` is picture 3 of the embedded set, of seed 0."""


def read_pictures(names: Sequence[str], preprocessing: Preprocessing, *, strict: bool = False) -> ImageSet:
    """The pictures of these names, resized and cropped for a network; without labels and ground truth.

    Args:
        names: these.
        preprocessing: the network's.
        strict: whether a file that cannot be read is an error; otherwise it is left out, and
            :attr:`ImageSet.skipped` names it.

    Raises:
        OptionError: a name is of no file, no file can be read, or ``strict``, and one cannot.
    """
    pictures, ids, skipped = [], [], []
    for name in names:
        try:
            pictures.append(_read(name, preprocessing))
        except Unreadable as error:
            skipped.append((name, str(error)))
            continue
        ids.append(name)
    if skipped and (strict or not ids):
        name, reason = skipped[0]
        raise OptionError(f"IMAGES: cannot read '{name}': {reason}", "give a whole PNG, JPEG or the like")
    return ImageSet(
        name=", ".join(ids),
        pictures=torch.stack(pictures),
        labels=torch.full((len(ids),), NO_CLASS),
        masks=None,
        boxes=((),) * len(ids),
        ids=tuple(ids),
        skipped=tuple(f"{name}: {reason}" for name, reason in skipped),
    )


def read_given(given: GivenImages, preprocessing: Preprocessing) -> ImageSet:
    """All pictures that Python gives, with their labels.

    Raises:
        OptionError: there are none, one cannot be read, or they are not of one number of channels.
    """
    collection = given.everything()
    if not collection.entries:
        raise OptionError(f"pictures: the {given.text} is empty", "give at least one")
    records = [entry.record() for entry in collection.entries]
    ids = tuple(entry.id for entry in collection.entries)
    return ImageSet(
        name=given.text,
        pictures=stacked([_read_record(record, preprocessing) for record in records], ids),
        labels=torch.tensor([record.label for record in records]),
        masks=None,
        boxes=((),) * len(records),
        ids=ids,
        classes=collection.classes,
    )


def _read_record(record: Record, preprocessing: Preprocessing) -> Tensor:
    try:
        return read_record(record, preprocessing)[0]
    except Unreadable as error:
        raise OptionError(f"pictures: {error}", "give a whole PNG, JPEG or the like") from None


def _read(name: str, preprocessing: Preprocessing) -> Tensor:
    """One picture, (3, H, W) in [0, 1].

    Raises:
        OptionError: the name is of no file.
        Unreadable: the file cannot be read.
    """
    if name.startswith(EMBEDDED):
        return _embedded(name, preprocessing)
    path = Path(name)
    if not path.exists():
        raise OptionError(f"IMAGES: there is no file '{name}'", "give a whole PNG, JPEG or the like")
    if not path.is_file():
        raise Unreadable(f"{path.name} is no plain file")
    return read_record(Record(path), preprocessing)[0]


def _embedded(name: str, preprocessing: Preprocessing) -> Tensor:
    index = name.removeprefix(EMBEDDED)
    if not index.isdecimal():
        raise OptionError(f"IMAGES: '{name}' names no picture", f"give a number, as {EMBEDDED}3")
    drawn = generator.generate(int(index), 0).image
    if preprocessing == Preprocessing.square(generator.SIZE):
        return torch.from_numpy(drawn).float()  # not rounded to 8 bits
    picture = Image.fromarray((drawn.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    return pixels_of(picture, preprocessing.placement(*picture.size))
