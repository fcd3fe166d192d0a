"""A folder of class folders, torchvision's ImageFolder."""

from __future__ import annotations

from pathlib import Path

from sygus.errors import OptionError
from sygus.saliency.images.collection import Collection, Record, entry_of, pictures_directly_in, pictures_in
from sygus.saliency.images.imagenet import class_names, class_of_wnid
from sygus.saliency.images.layouts.layout import layout


def class_folders(folder: Path) -> list[Path]:
    """The subfolders, sorted as ImageFolder sorts them."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def named_by_wnid(folders: list[Path]) -> bool:
    """Whether every folder is named by the WordNet id of an ImageNet class."""
    known = class_of_wnid()
    return bool(folders) and all(path.name in known for path in folders)


def has_classes(folder: Path) -> bool:
    """Whether most pictures are in subfolders; of others these are something else, such as what a program put there."""
    folders, beside = class_folders(folder), len(pictures_directly_in(folder))
    return bool(folders) and (not beside or sum(len(pictures_in(path)) for path in folders) > beside)


@layout("folder", detect=has_classes, generality=100)  # almost every folder has folders
def collect(folder: Path) -> Collection:
    """A folder with a folder of pictures for each class.

    The folders are called as the network's classes, by WordNet ids of ImageNet, or by numbers of the network's
    classes; see :mod:`sygus.saliency.images.labelling`.

    Raises:
        OptionError: there are no class folders.
    """
    folders = class_folders(folder)
    if not folders:
        raise OptionError(f"--images: '{folder}' has no class folders", "put each class into a folder of its own")
    if named_by_wnid(folders):
        index, classes = dict(class_of_wnid()), class_names()
    else:
        classes = tuple(path.name for path in folders)
        index = {name: rank for rank, name in enumerate(classes)}
    records = [Record(file, index[path.name]) for path in folders for file in pictures_in(path)]
    beside = len(pictures_directly_in(folder))
    notes = (f"{beside} pictures directly in '{folder}' are in no class and not used",) if beside else ()
    return Collection(tuple(entry_of(folder, record) for record in records), classes, notes)
