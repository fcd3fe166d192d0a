"""Single pictures, by path or from the embedded set, as a network wants them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency import shapes
from sygus.saliency.images import NO_CLASS, ImageSet
from sygus.saliency.networks import Network

EMBEDDED = "shapes:"
"""``shapes:3`` is picture 3 of the embedded set, of seed 0."""

MARGIN = 256 / 224
"""The shorter side is resized to so many times the network's before the centre is cut out."""


def read_pictures(names: Sequence[str], network: Network) -> ImageSet:
    """The pictures of these names, of the network's size; without labels and ground truth.

    Raises:
        OptionError: a picture cannot be read; it is named.
    """
    pictures = torch.stack([_read(name, network.size) for name in names])
    return ImageSet(
        name=", ".join(names),
        pictures=pictures,
        labels=torch.full((len(names),), NO_CLASS),
        masks=None,
        boxes=((),) * len(names),
        ids=tuple(names),
    )


def _read(name: str, size: tuple[int, int]) -> Tensor:
    """One picture, (3, H, W) in [0, 1]."""
    if name.startswith(EMBEDDED):
        index = name.removeprefix(EMBEDDED)
        if not index.isdecimal():
            raise OptionError(f"IMAGES: '{name}' names no picture", f"give a number, as {EMBEDDED}3")
        pixels = np.ascontiguousarray(shapes.generate(int(index), 0).image.transpose(1, 2, 0))
        picture = Image.fromarray((pixels * 255).round().astype(np.uint8))
        if size == picture.size[::-1]:
            return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float()
    else:
        try:
            with Image.open(name) as file:
                picture = file.convert("RGB")
        except UnidentifiedImageError:
            raise OptionError(f"IMAGES: '{name}' is not a picture", "give a PNG, JPEG or the like") from None
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise OptionError(f"IMAGES: cannot read '{name}' ({error})", "give a whole, readable picture") from None
    return _fitted(picture, size)


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Tensor:
    """Resized so that the network's size with a margin fits in, and its centre cut out: (3, H, W) in [0, 1]."""
    height, width = size
    scale = MARGIN * max(width / picture.width, height / picture.height)
    shape = (max(width, round(picture.width * scale)), max(height, round(picture.height * scale)))
    resized = picture.resize(shape, Image.Resampling.BICUBIC)
    left, top = (resized.width - width) // 2, (resized.height - height) // 2
    pixels = np.asarray(resized.crop((left, top, left + width, top + height)), dtype=np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
