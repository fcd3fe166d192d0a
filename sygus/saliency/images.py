"""Pictures with their ground truth, in pixel space."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency import shapes

IMAGE_SETS: dict[str, str] = {
    "shapes": "textured pictures of eight kinds of shape, made by a seeded generator; exact masks and boxes",
}
"""The names of the image sets and what they are."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one size.

    Attributes:
        name: what they are and which part, as ``shapes[0:96] seed 0``.
        pictures: (N, 3, H, W) float32 in [0, 1].
        labels: (N,) class indices.
        masks: (N, H, W) bool, the ground truth.
        boxes: for each picture its ``x1 y1 x2 y2`` boxes in pixels, end exclusive.
        ids: a name for each picture, for messages and reports.
    """

    name: str
    pictures: Tensor
    labels: Tensor
    masks: Tensor
    boxes: tuple[tuple[Box, ...], ...]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def fingerprint(self) -> str:
        """Of the pixels and the labels."""
        digest = hashlib.sha256(self.pictures.numpy().tobytes())
        digest.update(self.labels.numpy().tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Split:
    """The pictures that the search sees, and others that it never sees."""

    search: ImageSet
    held_out: ImageSet


def load_images(name: str, *, search: int, held_out: int, seed: int) -> Split:
    """Pictures for searching and pictures held out, disjoint, chosen by ``seed``.

    Raises:
        OptionError: unknown image set, or no pictures asked for.
    """
    if name not in IMAGE_SETS:
        raise OptionError(f"--images: unknown image set '{name}'", f"known image sets: {', '.join(IMAGE_SETS)}")
    for option, count in (("--search-images", search), ("--held-out-images", held_out)):
        if count < 2:
            raise OptionError(f"{option}: {count} is too few", "give at least 2")
    return Split(_shapes(range(search), seed), _shapes(range(search, search + held_out), seed))


def _shapes(indices: range, seed: int) -> ImageSet:
    made = [shapes.generate(index, seed) for index in indices]
    return ImageSet(
        name=f"shapes[{indices.start}:{indices.stop}] seed {seed}",
        pictures=torch.from_numpy(np.stack([picture.image for picture in made])),
        labels=torch.tensor([picture.label for picture in made]),
        masks=torch.from_numpy(np.stack([picture.mask for picture in made])),
        boxes=tuple(picture.boxes for picture in made),
        ids=tuple(f"shapes-{seed}-{index}" for index in indices),
    )
