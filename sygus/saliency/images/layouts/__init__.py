"""The layouts of picture folders, one module each."""

from __future__ import annotations

from pathlib import Path

from sygus.discovery import import_modules
from sygus.saliency.images.layouts.layout import LAYOUTS, Layout

__all__ = ["LAYOUTS", "Layout", "detect"]

import_modules(__name__)


def detect(folder: Path) -> Layout | None:
    """The layout that a folder has; None where it has none that can be told from its files."""
    found = sorted(LAYOUTS.values(), key=lambda one: one.generality)
    return next((one for one in found if one.detect is not None and one.detect(folder)), None)
