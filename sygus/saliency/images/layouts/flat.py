"""A folder of pictures and nothing else."""

from __future__ import annotations

from pathlib import Path

from sygus.errors import OptionError
from sygus.saliency.images.collection import SUFFIXES, Collection, Record, entry_of
from sygus.saliency.images.layouts.layout import layout


def pictures_directly_in(folder: Path) -> list[Path]:
    """The picture files of a folder, without those of its subfolders, sorted; hidden files are left out."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


@layout("flat", detect=lambda folder: bool(pictures_directly_in(folder)), generality=200)  # where nothing else is
def collect(folder: Path) -> Collection:
    """A folder of pictures without classes: enough where the class explained is the one predicted.

    Raises:
        OptionError: there are no pictures.
    """
    pictures = pictures_directly_in(folder)
    if not pictures:
        raise OptionError(f"--images: '{folder}' has no pictures", f"their names end in {', '.join(sorted(SUFFIXES))}")
    return Collection(tuple(entry_of(folder, Record(file)) for file in pictures))
