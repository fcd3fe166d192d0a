"""A folder whose pictures are listed in ``manifest.csv``."""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path, PurePosixPath

from sygus.errors import OptionError
from sygus.saliency.images.collection import Collection, Corners, Record, entry_of
from sygus.saliency.images.layouts.layout import layout
from sygus.saliency.images.layouts.manifest_classes import Rows, read_labels, wrong

INSIDE_LUNGS = 0.9
"""The least share of an infection mask that must lie inside the lungs; others were drawn wrongly."""


def read_manifest(folder: Path) -> Rows:
    """The lines of ``manifest.csv``.

    Raises:
        OptionError: it is missing, or has no column ``file``.
    """
    path = folder / "manifest.csv"
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="", strict=True)
            rows = [(reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader]
            columns = reader.fieldnames or ()
    except FileNotFoundError:
        raise OptionError(f"--images: there is no '{path}'", "it lists the pictures, one a line") from None
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise OptionError(
            f"--images: '{path}' is no CSV file: {error}", "write it in UTF-8, separated by commas"
        ) from None
    if "file" not in columns:
        raise OptionError(f"--images: '{path}' has no column 'file'", f"its columns: {', '.join(columns)}")
    return rows


def has_findings(folder: Path) -> bool:
    """Whether the manifest is one of X-rays: with findings and masks of lungs and infections."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return {"finding", "mask_lungs", "mask_infection"} <= set(stream.readline().strip().split(","))


@layout(
    "manifest",
    detect=lambda folder: (folder / "manifest.csv").is_file() and not has_findings(folder),
    generality=10,
)
def collect(folder: Path) -> Collection:
    """A folder with manifest.csv: file, and where known class_name, wnid, class_index, boxes_xyxy, mask_file.

    Boxes are ``x1 y1 x2 y2`` in pixels, several separated by semicolons; masks are nonzero inside. The class is named,
    by the network's name of it or a WordNet id of ImageNet, or is a number of the network's classes; with a column
    ``wnid``, of ImageNet's.

    Raises:
        OptionError: a line is wrong, or two contradict each other.
    """
    rows = read_manifest(folder)
    found = read_labels(folder, rows)
    records = [_record(folder, line, row, label) for (line, row), label in zip(rows, found.labels, strict=True)]
    entries = tuple(sorted((entry_of(folder, one) for one in records), key=lambda entry: entry.id))
    return Collection(entries, found.classes, numbers=found.numbers)


def collect_findings(folder: Path, column: str) -> Collection:
    """X-rays with a manifest: those with a mask in ``column``; the class is the rank of the finding.

    Infections drawn outside the lungs are left out.

    Raises:
        OptionError: a line is wrong.
    """
    rows = read_manifest(folder)
    classes = tuple(sorted({row["finding"] for _, row in rows}))
    masked = [(line, row) for line, row in rows if row.get(column)]
    kept = masked
    if column == "mask_infection":
        kept = [(line, row) for line, row in masked if _inside(folder, line, row) >= INSIDE_LUNGS]
    records = [
        Record(_path(folder, line, row["file"]), classes.index(row["finding"]), mask=_path(folder, line, row[column]))
        for line, row in kept
    ]
    notes = [f"{len(rows) - len(masked)} of {len(rows)} pictures have no {column} and are left out"]
    notes += [f"{len(masked) - len(kept)} whose infection is drawn outside the lungs are left out"]
    entries = sorted((entry_of(folder, one) for one in records), key=lambda entry: entry.id)
    return Collection(tuple(entries), classes, tuple(note for note in notes if not note.startswith("0 ")))


def _record(folder: Path, line: int, row: dict[str, str], label: int) -> Record:
    mask = row.get("mask_file", "")
    return Record(
        _path(folder, line, row["file"]),
        label,
        tuple(_box(folder, line, text) for text in row.get("boxes_xyxy", "").split(";") if text.strip()),
        _path(folder, line, mask) if mask else None,
    )


def _box(folder: Path, line: int, text: str) -> Corners:
    try:
        x1, y1, x2, y2 = (float(number) for number in text.split())
    except ValueError:
        raise wrong(folder, line, f"the box '{text.strip()}' is not four numbers", "write x1 y1 x2 y2") from None
    if not all(map(isfinite, (x1, y1, x2, y2))):
        raise wrong(folder, line, f"the box '{text.strip()}' is not finite", "write x1 y1 x2 y2 in pixels")
    if not (x1 < x2 and y1 < y2):
        raise wrong(folder, line, f"the box '{text.strip()}' is empty", "write x1 y1 x2 y2, the end exclusive")
    return x1, y1, x2, y2


def _path(folder: Path, line: int, name: str) -> Path:
    """A file inside the folder."""
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts:
        raise wrong(folder, line, f"'{name}' is no file of the folder", "name files relative to manifest.csv")
    return folder / pure


def _inside(folder: Path, line: int, row: dict[str, str]) -> float:
    text = row.get("infection_inside_lungs", "")
    try:
        return float(text) if text else 1.0
    except ValueError:
        raise wrong(folder, line, f"infection_inside_lungs is '{text}'", "give a share, or nothing") from None
