"""Where pictures that are too many for the memory are read again, some at a time, whenever they are needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sygus.errors import SycamError

Read = Callable[[int], tuple[Tensor, Tensor | None]]
"""The picture (C, H, W) at a place of its source, and its mask (H, W), where it has one."""


def digest_of(picture: Tensor) -> bytes:
    """Of the pixels: equal for copies alone."""
    return hashlib.sha256(picture.contiguous().numpy().data).digest()


def as_they_are(pictures: Tensor) -> Tensor:
    """The same pictures."""
    return pictures


@dataclass(frozen=True, eq=False)
class Shelf:
    """Pictures of one set by their places, read anew each time.

    Attributes:
        read_one: reads a picture; it raises SycamError where that is no longer possible.
        places: of the pictures of the set at their source, in the set's order.
        digests: of each of them, as it was when the set was put together.
        ids: their names, for messages.
        at_once: how many are read at a time.
        change: what the network's pictures are of those read, as grey ones of those in colour.
    """

    read_one: Read
    places: Sequence[int]
    digests: Sequence[bytes]
    ids: Sequence[str]
    at_once: int
    change: Callable[[Tensor], Tensor] = as_they_are

    def read(self, rows: range) -> tuple[Tensor, Tensor | None]:
        """The pictures (n, C, H, W) at some rows of the set, and their masks (n, H, W) where each has one.

        Raises:
            SycamError: one cannot be read any more, or is another one now.
        """
        pictures: Tensor | None = None
        masks: list[Tensor] = []
        for place, row in enumerate(rows):
            picture, mask = self._one(row)
            if pictures is None:
                pictures = torch.empty((len(rows), *picture.shape))  # filled one by one, it is there once and not twice
            pictures[place] = picture
            masks += [] if mask is None else [mask]
        assert pictures is not None, "a part has pictures"
        return self.change(pictures), torch.stack(masks) if len(masks) == len(rows) else None

    def only(self, rows: Sequence[int]) -> Shelf:
        """Those of the pictures at these rows."""
        return replace(
            self,
            places=[self.places[row] for row in rows],
            digests=[self.digests[row] for row in rows],
            ids=[self.ids[row] for row in rows],
        )

    def changed(self, change: Callable[[Tensor], Tensor]) -> Shelf:
        """The same pictures, changed as they are read."""
        return replace(self, change=change)

    def _one(self, row: int) -> tuple[Tensor, Tensor | None]:
        picture, mask = self.read_one(self.places[row])
        if digest_of(picture) != self.digests[row]:
            message = f"--images: the picture {self.ids[row]!r} is another one than when it was read first"
            hint = "leave the files alone while they are scored; of a data set, let nothing be drawn at random"
            raise SycamError(message, hint)
        return picture, mask
