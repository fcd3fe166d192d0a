"""Reading pictures and masks from files that may be broken, huge or hostile."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from sygus.saliency.images.collection import Record, Unreadable
from sygus.saliency.images.geometry import Placement, Preprocessing
from sygus.saliency.images.given import pixels_as_given
from sygus.saliency.images.imageset import Box

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""PIL tells them by the content, whatever the name; of the others some start programs, as EPS does Ghostscript."""

_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L")
"""Of 16-bit grey pictures, as X-rays are; PIL would clip them to 8 bits."""


def read_record(record: Record, preprocessing: Preprocessing) -> tuple[Tensor, Tensor | None, tuple[Box, ...]]:
    """The picture (3, H, W) in [0, 1], its mask (H, W) bool, and its boxes, preprocessed.

    EXIF orientation is not applied: annotations count pixels as they are stored.

    Raises:
        Unreadable: the picture or its mask is broken, too large, or they do not fit each other.
        OptionError: a tensor is no picture, or not of the network's size.
    """
    if isinstance(record.pixels, Tensor):
        return pixels_as_given(record.pixels, record.file.name, preprocessing.size), None, ()
    image = _colours(_load(record.file) if record.pixels is None else _decoded(record.pixels, record.file.name))
    placement = preprocessing.placement(*image.size)
    if placement.resized[0] * placement.resized[1] > (Image.MAX_IMAGE_PIXELS or math.inf):  # of a line, a bomb is made
        sizes = "{}x{}, which the network would have as {}x{}".format(*image.size, *placement.resized)
        raise Unreadable(f"{record.file.name} is {sizes} pixels")
    return pixels_of(image, placement), _mask(record, placement), placement.boxes(record.boxes)


def pixels_of(image: Image.Image, placement: Placement) -> Tensor:
    """The pixels (3, H, W) in [0, 1] of a picture of three 8-bit channels, placed."""
    pixels = torch.from_numpy(np.array(placement.picture(image)))
    return pixels.permute(2, 0, 1).float().div_(255).contiguous()


def _mask(record: Record, placement: Placement) -> Tensor | None:
    if record.mask is None:
        return None
    image = _load(record.mask)
    if image.size != placement.source:
        sizes = "{}x{}, the picture {}x{}".format(*image.size, *placement.source)
        raise Unreadable(f"its mask {record.mask.name} is {sizes}")
    if image.mode not in ("1", "L", "P", *_DEEP_MODES):
        image = image.convert("L")
    values = np.array(placement.mask(image))
    return torch.from_numpy(values != 0 if record.mask_value is None else values == record.mask_value)


def _load(path: Path) -> Image.Image:
    """The decoded file; decoding is where truncated files fail."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                image.load()
                return image.copy()
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        limit = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise Unreadable(f"{path.name} has more than {limit} million pixels, which may be an attack") from None
    except FileNotFoundError:
        raise Unreadable(f"there is no file {path.name}") from None
    except UnidentifiedImageError:
        raise Unreadable(f"{path.name} is no picture of a known format") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # what PIL's decoders raise
        reason = getattr(error, "strerror", None) or error  # without the path, which is named already
        raise Unreadable(f"{path.name}: {reason}") from None


def _decoded(image: Image.Image, name: str) -> Image.Image:
    """A picture that was opened elsewhere, whose file is perhaps read only now."""
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unreadable(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    return image


def _colours(image: Image.Image) -> Image.Image:
    """Three channels of 8 bits."""
    if image.mode == "F":
        raise Unreadable("pictures of floating-point numbers have no known range")
    if image.mode not in _DEEP_MODES:
        return image.convert("RGB")
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("its grey values do not fit 16 bits")
    return Image.fromarray((values / 257).round().astype(np.uint8)).convert("RGB")
