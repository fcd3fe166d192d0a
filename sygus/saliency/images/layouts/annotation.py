"""The XML files with boxes that PASCAL VOC and ImageNet share."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from xml.etree import ElementTree

from sygus.saliency.images.collection import Corners, Unreadable

_LARGEST = 1_000_000
"""Bytes; annotations have a few thousand."""


@dataclass(frozen=True)
class Annotated:
    """An object of a picture: the name of its class, the numbers of its box as they are written, and a flag."""

    name: str
    box: Corners
    difficult: bool


def read_annotation(path: Path) -> list[Annotated]:
    """The objects of an annotation file.

    Raises:
        Unreadable: the file is missing or no annotation.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise Unreadable(f"{path.name} is too large for an annotation")
        text = path.read_bytes()
        if b"\0" in text:  # where the test for declarations would see none
            raise Unreadable(f"{path.name} is no annotation: it is not written in UTF-8")
        if b"<!" in text.replace(b"<!--", b""):  # entities can be made to fill the memory
            raise Unreadable(f"{path.name} declares a document type, which annotations do not")
        root = ElementTree.fromstring(text)  # noqa: S314 - small, and without declarations
        return [_annotated(element) for element in root.iter("object")]
    except FileNotFoundError:
        raise Unreadable(f"there is no annotation {path.name}") from None
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise Unreadable(f"{path.name} is no annotation: {error}") from None


def _annotated(element: ElementTree.Element) -> Annotated:
    values = [element.findtext(f"bndbox/{corner}") for corner in ("xmin", "ymin", "xmax", "ymax")]
    name = element.findtext("name")
    if name is None or any(value is None for value in values):
        raise ValueError("an object lacks its name or a corner of its box")
    left, top, right, bottom = (float(value) for value in values if value is not None)
    if not all(map(isfinite, (left, top, right, bottom))):
        raise ValueError("a corner of a box is not finite")
    return Annotated(name.strip(), (left, top, right, bottom), (element.findtext("difficult") or "0").strip() == "1")
