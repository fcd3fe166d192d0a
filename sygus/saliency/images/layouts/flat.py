"""A folder of pictures and nothing else."""

from __future__ import annotations

from pathlib import Path

from sygus.errors import OptionError
from sygus.saliency.images.collection import (
    SUFFIXES,
    Collection,
    Record,
    entry_of,
    pictures_directly_in,
    pictures_in,
)
from sygus.saliency.images.layouts.layout import layout


@layout("flat", detect=lambda folder: bool(pictures_directly_in(folder)), generality=200)  # where nothing else is
def collect(folder: Path) -> Collection:
    """A folder of pictures without classes: enough where the class explained is the one predicted.

    Raises:
        OptionError: there are no pictures.
    """
    pictures = pictures_directly_in(folder)
    if not pictures:
        raise OptionError(f"--images: '{folder}' has no pictures", f"their names end in {', '.join(sorted(SUFFIXES))}")
    beside = len(pictures_in(folder)) - len(pictures)
    notes = (f"{beside} pictures in folders of '{folder}' are not used",) if beside > 0 else ()
    return Collection(tuple(entry_of(folder, Record(file)) for file in pictures), notes=notes)
