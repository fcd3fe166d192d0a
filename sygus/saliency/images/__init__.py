"""Pictures with their ground truth, in pixel space: where they come from and how they are made to fit a network."""

from __future__ import annotations

from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.images.given import GivenImages, given_images
from sygus.saliency.images.imageset import NO_CLASS, Box, ImageSet, Split
from sygus.saliency.images.loading import IMAGE_SETS, check_counts, check_images, load_images, load_some

__all__ = [
    "IMAGE_SETS",
    "NO_CLASS",
    "Box",
    "GivenImages",
    "ImageSet",
    "Preprocessing",
    "Split",
    "check_counts",
    "check_images",
    "given_images",
    "load_images",
    "load_some",
]
