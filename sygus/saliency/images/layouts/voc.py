"""PASCAL VOC 2007 (Everingham et al. 2010): boxes for every picture, segmentation for some."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sygus.errors import OptionError
from sygus.saliency.images.collection import Collection, Entry, Record, Unreadable
from sygus.saliency.images.layouts.annotation import Annotated, read_annotation
from sygus.saliency.images.layouts.layout import layout

CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""In the order of the values of the segmentation, which begins with 1."""

_PARTS = ("test", "val", "trainval")


def _root(folder: Path) -> Path | None:
    """The folder that holds ``JPEGImages``: this one, or inside it."""
    years = [*sorted(folder.glob("VOCdevkit/VOC*")), *sorted(folder.glob("VOC*"))]
    candidates = [folder, folder / "VOCdevkit" / "VOC2007", folder / "VOC2007", *years]
    return next((path for path in candidates if (path / "JPEGImages").is_dir()), None)


@layout("voc", detect=lambda folder: _root(folder) is not None, generality=30)
def collect(folder: Path) -> Collection:
    """PASCAL VOC's test pictures (else val) with boxes; class and boxes are those of the largest object's class.

    Raises:
        OptionError: the folder is no VOC folder.
    """
    return _collect(folder, "Main", masks=False)


@layout("voc-segmentation", detect=None)
def collect_segmentation(folder: Path) -> Collection:
    """PASCAL VOC's segmented test pictures (else val), with boxes and masks of the largest object's class.

    Raises:
        OptionError: the folder is no VOC folder.
    """
    return _collect(folder, "Segmentation", masks=True)


def _collect(folder: Path, kind: str, *, masks: bool) -> Collection:
    root = _root(folder)
    if root is None:
        raise OptionError(f"--images: '{folder}' has no folder JPEGImages", "give the folder VOCdevkit or VOC2007")
    lists = [root / "ImageSets" / kind / f"{part}.txt" for part in _PARTS]
    listed = next((path for path in lists if path.is_file()), None)
    if listed is None:
        message = f"--images: '{root}' has no list of its pictures"
        raise OptionError(message, f"one of {', '.join(path.relative_to(root).as_posix() for path in lists)} is needed")
    names = sorted(line.split()[0] for line in listed.read_text(encoding="utf-8").splitlines() if line.strip())
    strange = next((name for name in names if Path(name).name != name), None)
    if strange is not None:
        raise OptionError(f"--images: '{listed}' names '{strange}', which is no picture of JPEGImages")
    entries = (Entry(f"{name}.jpg", partial(_record, root, name, masks)) for name in names)
    return Collection(tuple(entries), CLASSES)


def _record(root: Path, name: str, masks: bool) -> Record:
    found = [one for one in read_annotation(root / "Annotations" / f"{name}.xml") if one.name in CLASSES]
    objects = [one for one in found if not one.difficult] or found
    if not objects:
        raise Unreadable("its annotation has no object of the 20 classes")
    largest = max(objects, key=_area).name
    label = CLASSES.index(largest)
    return Record(
        root / "JPEGImages" / f"{name}.jpg",
        label,
        _boxes([one for one in objects if one.name == largest]),
        root / "SegmentationClass" / f"{name}.png" if masks else None,
        label + 1,
    )


def _area(one: Annotated) -> float:
    left, top, right, bottom = one.box
    return (right - left) * (bottom - top)


def _boxes(objects: Sequence[Annotated]) -> tuple[tuple[float, float, float, float], ...]:
    """VOC counts pixels from 1 and includes the last."""
    return tuple((x1 - 1, y1 - 1, x2, y2) for x1, y1, x2, y2 in (one.box for one in objects))
