"""Pictures with their ground truth, in pixel space: where they come from and how they are made to fit a network."""

from __future__ import annotations

from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.images.given import GivenImages, given_images
from sygus.saliency.images.imageset import NO_CLASS, Box, ImageSet, Split, box_around, unread
from sygus.saliency.images.loading import IMAGE_SETS, Room, check_images, everything, load_images, load_some
from sygus.saliency.images.shares import Shares, check_counts, share_out, shares_note

__all__ = [
    "IMAGE_SETS",
    "NO_CLASS",
    "Box",
    "GivenImages",
    "ImageSet",
    "Preprocessing",
    "Room",
    "Shares",
    "Split",
    "box_around",
    "check_counts",
    "check_images",
    "everything",
    "given_images",
    "load_images",
    "load_some",
    "share_out",
    "shares_note",
    "unread",
]
