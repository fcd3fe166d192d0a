"""The geometric preprocessing of a network, applied alike to pictures, masks and boxes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from PIL import Image

from sygus.saliency.images.imageset import Box

Interpolation: TypeAlias = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]

INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)


@dataclass(frozen=True)
class Preprocessing:
    """Resize, then crop the centre; the arithmetic of sizes and offsets is torchvision's.

    Attributes:
        resize: the length of the short side, the aspect ratio kept; or H, W of the whole picture, its aspect lost.
        crop: H, W of the centre that is kept, which is the size of the network's pictures.
        interpolation: the filter for pictures, with antialiasing; masks are always resized by the nearest pixel.

    Raises:
        ValueError: the crop is larger than the resized picture, or the filter is unknown.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int]
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        height, width = (self.resize, self.resize) if isinstance(self.resize, int) else self.resize
        if not (0 < self.crop[0] <= height and 0 < self.crop[1] <= width):
            raise ValueError(f"cannot crop {self.crop} from a picture resized to {self.resize}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"unknown interpolation {self.interpolation!r}; choose one of {', '.join(INTERPOLATIONS)}")

    @classmethod
    def square(cls, side: int, resize: int | None = None, interpolation: Interpolation = "bilinear") -> Preprocessing:
        """Pictures of ``side`` x ``side``, cropped from a short side of ``resize`` (default: the same)."""
        return cls(resize or side, (side, side), interpolation)

    @property
    def size(self) -> tuple[int, int]:
        """H, W of the network's pictures."""
        return self.crop

    def placement(self, width: int, height: int) -> Placement:
        """Where the pixels of a picture of this size go."""
        if isinstance(self.resize, tuple):
            tall, wide = self.resize
        else:
            short, long = sorted((width, height))
            other = int(self.resize * long / short)
            wide, tall = (self.resize, other) if width <= height else (other, self.resize)
        left, top = round((wide - self.crop[1]) / 2), round((tall - self.crop[0]) / 2)
        return Placement((width, height), (wide, tall), (left, top), self.crop, self.interpolation)


@dataclass(frozen=True)
class Placement:
    """The preprocessing of one picture.

    Attributes:
        source: width, height of the picture.
        resized: width, height after resizing.
        offset: left, top of the crop in the resized picture.
        crop: H, W of the crop.
        interpolation: the filter for pictures.
    """

    source: tuple[int, int]
    resized: tuple[int, int]
    offset: tuple[int, int]
    crop: tuple[int, int]
    interpolation: Interpolation

    def picture(self, image: Image.Image) -> Image.Image:
        """The resized and cropped picture."""
        return self._placed(image, Image.Resampling[self.interpolation.upper()])

    def mask(self, image: Image.Image) -> Image.Image:
        """The same of a mask; its values stay as they are."""
        return self._placed(image, Image.Resampling.NEAREST)

    def boxes(self, boxes: Iterable[tuple[float, float, float, float]]) -> tuple[Box, ...]:
        """The boxes in pixels of the crop, clipped to it; those of which less than a pixel is left are dropped."""
        scale = tuple(new / old for new, old in zip(self.resized, self.source, strict=True))
        limit = self.crop[::-1]

        def moved(value: float, axis: int) -> int:
            return min(max(round(value * scale[axis] - self.offset[axis]), 0), limit[axis])

        placed = ((moved(x1, 0), moved(y1, 1), moved(x2, 0), moved(y2, 1)) for x1, y1, x2, y2 in boxes)
        return tuple(box for box in placed if box[0] < box[2] and box[1] < box[3])

    def _placed(self, image: Image.Image, resampling: Image.Resampling) -> Image.Image:
        resized = image if image.size == self.resized else image.resize(self.resized, resampling)
        left, top = self.offset
        return resized.crop((left, top, left + self.crop[1], top + self.crop[0]))
