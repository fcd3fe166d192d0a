"""What pictures are once loaded: tensors of one size with their ground truth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency.images.shelf import Shelf

Box = tuple[int, int, int, int]
"""``x1 y1 x2 y2`` in pixels of the loaded picture; the end is exclusive."""

NO_CLASS = -1
"""The label of a picture whose class is not known. No network predicts it."""

RENAME = "call the pictures' classes as the network's, by its numbers, or by the WordNet ids of ImageNet"
"""What to do where names of classes do not match."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one size, in memory; or on a shelf, where all but the pixels is in memory.

    Attributes:
        name: what they are and which part, as ``shapes[0:96] seed 0``.
        pictures: (N, C, H, W) float32 in [0, 1]; those of files are red, green and blue. On a shelf they have a shape
            and no pixels, and so have the masks; :meth:`part` reads some.
        labels: (N,) class indices, :data:`NO_CLASS` where a picture has none.
        masks: (N, H, W) bool, the ground truth; None unless every picture has a mask.
        boxes: for each picture its boxes; empty where it has none, or none of them is left after the crop.
        ids: a name for each picture, for messages and reports.
        classes: the names of the classes that the labels index; empty where the labels are only numbers.
        numbers: of each of them the number that it is said to have among the network's; empty where none is said.
        unmatched: why the labels are not known as classes of the network, where they are not.
        skipped: the pictures that could not be read, each as ``name: reason``.
        copies: the pictures that were left out since they are copies of others, each as ``name is other``.
        notes: what a reader of the results should know about the set.
        shelf: where pixels and masks are read; None where they are in memory.
    """

    name: str
    pictures: Tensor
    labels: Tensor
    masks: Tensor | None
    boxes: tuple[tuple[Box, ...], ...]
    ids: tuple[str, ...]
    classes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    unmatched: str = ""
    copies: tuple[str, ...] = ()
    shelf: Shelf | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def fingerprint(self) -> str:
        """Of the pixels and the ground truth."""
        digest = hashlib.sha256()
        for part in self.parts():
            digest.update(part.pictures.numpy().tobytes())
        digest.update(self.labels.numpy().tobytes())
        if self.masks is not None:
            for part in self.parts():
                assert part.masks is not None
                digest.update(part.masks.numpy().tobytes())
        digest.update(repr(self.boxes).encode())
        return digest.hexdigest()[:16]

    @property
    def spans(self) -> tuple[range, ...]:
        """The rows of the parts that the pictures are worked through in: all, or of those on a shelf some each."""
        count = len(self)
        step = count if self.shelf is None else self.shelf.at_once
        return tuple(range(start, min(start + step, count)) for start in range(0, count, max(1, step)))

    def parts(self) -> Iterator[ImageSet]:
        """The parts of :attr:`spans`, one after the other."""
        return map(self.part, self.spans)

    def part(self, rows: range) -> ImageSet:
        """Some of the pictures that follow one another, in memory.

        Raises:
            SycamError: one of a shelf cannot be read any more, or is another one now.
        """
        if self.shelf is None and len(rows) == len(self):
            return self
        chosen = slice(rows.start, rows.stop)
        if self.shelf is None:
            pictures, masks = self.pictures[chosen], None if self.masks is None else self.masks[chosen]
        else:
            pictures, masks = self.shelf.read(rows)
        return replace(
            self,
            pictures=pictures,
            labels=self.labels[chosen],
            masks=None if self.masks is None else masks,
            boxes=self.boxes[chosen],
            ids=self.ids[chosen],
            shelf=None,
        )

    def only(self, kept: Tensor, note: str) -> ImageSet:
        """Those of the pictures at these places (n,), with a note that says why."""
        places = kept.tolist()
        rows = kept if self.shelf is None else slice(len(places))  # without pixels, any as many are they
        return replace(
            self,
            pictures=self.pictures[rows],
            labels=self.labels[kept],
            masks=None if self.masks is None else self.masks[rows],
            boxes=tuple(self.boxes[place] for place in places),
            ids=tuple(self.ids[place] for place in places),
            notes=(*self.notes, note),
            shelf=None if self.shelf is None else self.shelf.only(places),
        )

    def labels_for(self, classes: int) -> Tensor:
        """The labels (N,), once it is certain that they are classes of a network with this many.

        Raises:
            OptionError: a picture has no class, or the labels are those of other classes.
        """
        hint = "use --target predicted"
        if self.unmatched:
            raise OptionError(f"--target: {self.unmatched}", f"{RENAME}, or {hint}")
        unknown = int((self.labels == NO_CLASS).sum())
        if unknown:
            raise OptionError(
                f"--target: the class of {unknown} of {len(self)} pictures of {self.name} is unknown", hint
            )
        known = max(len(self.classes), int(self.labels.max()) + 1)
        if known > classes or (self.classes and known != classes):
            message = f"--target: {self.name} is labelled with {known} classes, the network has {classes}"
            raise OptionError(message, hint)
        return self.labels


def unread(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """What stands for pictures or masks on a shelf: a tensor of a shape that takes no memory."""
    return torch.empty(shape, dtype=dtype, device="meta")


def box_around(mask: Tensor | None) -> tuple[Box, ...]:
    """The box around the pixels of a mask (H, W), where it has any."""
    if mask is None or not mask.any():
        return ()
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    return ((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1),)


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures that have none in common.

    Attributes:
        search: what is proposed is scored on them.
        held_out: looked at once, for the report.
        validation: the answer is chosen with them among the finalists; None where there are none.
    """

    search: ImageSet
    held_out: ImageSet
    validation: ImageSet | None = None
