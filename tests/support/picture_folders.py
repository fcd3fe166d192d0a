"""Folders of small pictures in every layout, for tests; a picture's colour tells which one it is."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Corners = tuple[float, float, float, float]


def colour(index: int) -> tuple[int, int, int]:
    """Of the picture with this number."""
    return 10 * index, 255 - 10 * index, 77


def picture(path: Path, index: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    """A picture of one colour at a path; size is width, height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour(index)).save(path, quality=100)
    return path


def mask(path: Path, box: tuple[int, int, int, int], size: tuple[int, int] = (40, 30), value: int = 255) -> Path:
    """A mask with this value inside a box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(size[::-1], np.uint8)
    values[box[1] : box[3], box[0] : box[2]] = value
    Image.fromarray(values).save(path)
    return path


def manifest(folder: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """``manifest.csv`` with the columns of the first row."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def annotation(path: Path, objects: Sequence[tuple[str, Corners] | tuple[str, Corners, int]], before: str = "") -> Path:
    """An XML file of objects: name, box, and perhaps whether it is difficult."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = []
    for name, box, *difficult in objects:
        corners = "".join(
            f"<{key}>{value:g}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        )
        flag = f"<difficult>{difficult[0]}</difficult>" if difficult else ""
        parts.append(f"<object><name>{name}</name>{flag}<bndbox>{corners}</bndbox></object>")
    path.write_text(f"{before}<annotation><filename>x</filename>{''.join(parts)}</annotation>")
    return path
