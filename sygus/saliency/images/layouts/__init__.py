"""The layouts of picture folders, one module each."""

from __future__ import annotations

from pathlib import Path

from sygus.saliency.images.layouts import covid, folders, imagenet, manifest, voc  # noqa: F401 - register themselves
from sygus.saliency.images.layouts.layout import LAYOUTS, Layout

__all__ = ["LAYOUTS", "Layout", "detect"]

_MOST_SPECIAL_FIRST = ("manifest", "covid", "voc", "imagenet", "imagenette", "folder")
"""Almost every folder has folders, so class folders come last."""


def detect(folder: Path) -> Layout | None:
    """The layout that a folder has; None where it has none that can be told from its files."""
    found = (LAYOUTS[name] for name in _MOST_SPECIAL_FIRST)
    return next((one for one in found if one.detect is not None and one.detect(folder)), None)
