"""What a layout finds in a folder: pictures that are not read yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from sygus.saliency.images.imageset import NO_CLASS

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Of the files that are taken for pictures, in lower case."""

Corners = tuple[float, float, float, float]
"""``x1 y1 x2 y2`` in pixels of the file; the end is exclusive."""


class Unreadable(Exception):  # noqa: N818 - a state of a file, caught and counted where files are read
    """A picture cannot be read; the text is the reason."""


@dataclass(frozen=True)
class Record:
    """A picture of a folder, or of Python, and its ground truth.

    Attributes:
        file: the picture; of one that Python gives, its name.
        label: its class, or :data:`NO_CLASS`.
        boxes: of the objects of that class, in pixels of the file.
        mask: a picture of the same size.
        mask_value: the pixels inside have this value; None: they are nonzero.
        pixels: of a picture that Python gives; a tensor (C, H, W) in [0, 1] is taken as it is. None: they are read.
    """

    file: Path
    label: int = NO_CLASS
    boxes: tuple[Corners, ...] = ()
    mask: Path | None = None
    mask_value: int | None = None
    pixels: Image.Image | Tensor | None = None


@dataclass(frozen=True)
class Entry:
    """A picture by its name; ``record`` reads its annotation and may raise :class:`Unreadable`."""

    id: str
    record: Callable[[], Record]


@dataclass(frozen=True)
class Collection:
    """The pictures of a folder, sorted by name, or of Python.

    Attributes:
        entries: the pictures.
        classes: the names of the classes, by index; empty where the labels are only numbers.
        notes: what a reader of the results should know.
        numbers: of each of them the number that it is said to have among the network's; empty where none is said.
        in_order: whether they are taken in their order, and not in one by the seed.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    in_order: bool = False


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder and its subfolders, sorted; hidden files are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def pictures_directly_in(folder: Path) -> list[Path]:
    """The picture files of a folder, without those of its subfolders, sorted; hidden files are left out."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def entry_of(root: Path, record: Record) -> Entry:
    """The entry of a picture whose annotation is known already."""
    return Entry(record.file.relative_to(root).as_posix(), lambda: record)
