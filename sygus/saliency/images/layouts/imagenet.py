"""The validation pictures of ImageNet (ILSVRC 2012) with boxes, and of Imagenette."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sygus.errors import OptionError
from sygus.saliency.images.collection import Collection, Entry, Record, entry_of, pictures_in
from sygus.saliency.images.imagenet import class_names, class_of_wnid
from sygus.saliency.images.imageset import NO_CLASS
from sygus.saliency.images.layouts.annotation import read_annotation
from sygus.saliency.images.layouts.folders import class_folders, named_by_wnid
from sygus.saliency.images.layouts.layout import layout

_PICTURES = ("Data/CLS-LOC/val", "val")
_ANNOTATIONS = ("Annotations/CLS-LOC/val", "Annotations/val", "ILSVRC2012_bbox_val_v3/val", "bbox/val")


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of some subfolders that exists, in ``folder`` or its ``ILSVRC``."""
    candidates = (root / name for root in (folder, folder / "ILSVRC") for name in names)
    return next((path for path in candidates if path.is_dir()), None)


@layout(
    "imagenet",
    detect=lambda folder: all(_first(folder, names) for names in (_PICTURES, _ANNOTATIONS)),
    generality=40,
)
def collect(folder: Path) -> Collection:
    """ImageNet's validation pictures with their box XML, as torchvision or Kaggle lays them out.

    The class is that of the WordNet folder (torchvision's layout), else of the objects in the XML (Kaggle's flat
    one). Box numbers are used as they are written, end exclusive, as the localisation literature does.

    Raises:
        OptionError: the pictures or the boxes are missing.
    """
    pictures, annotations = _first(folder, _PICTURES), _first(folder, _ANNOTATIONS)
    if pictures is None:
        raise OptionError(
            f"--images: '{folder}' has none of the folders {', '.join(_PICTURES)}", "give ImageNet's root"
        )
    if annotations is None:
        message = f"--images: '{folder}' has none of the folders {', '.join(_ANNOTATIONS)}"
        raise OptionError(message, f"without boxes, use folder:{pictures}")
    files = pictures_in(pictures)
    entries = (Entry(file.relative_to(pictures).as_posix(), partial(_record, file, annotations)) for file in files)
    return Collection(tuple(entries), class_names())


def _record(file: Path, annotations: Path) -> Record:
    known = class_of_wnid()
    objects = read_annotation(annotations / f"{file.stem}.xml")
    names = [file.parent.name, *(one.name for one in objects)]
    wnid = next((name for name in names if name in known), "")
    boxes = tuple(one.box for one in objects if one.name == wnid)
    return Record(file, known.get(wnid, NO_CLASS), boxes)


@layout(
    "imagenette",
    detect=lambda folder: (folder / "val").is_dir() and named_by_wnid(class_folders(folder / "val")),
    generality=50,
)
def collect_imagenette(folder: Path) -> Collection:
    """Imagenette, Imagewoof and other parts of ImageNet: the pictures of val/, in folders named by WordNet id.

    Raises:
        OptionError: there are no such folders.
    """
    part = folder / "val"
    folders = class_folders(part) if part.is_dir() else []
    if not named_by_wnid(folders):
        raise OptionError(f"--images: '{part}' has no folders named by WordNet ids", "give Imagenette's root")
    known = class_of_wnid()
    records = [Record(file, known[path.name]) for path in folders for file in pictures_in(path)]
    return Collection(tuple(entry_of(part, record) for record in records), class_names())
