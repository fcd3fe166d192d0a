"""The classes that the lines of a manifest state: by name, by WordNet id, by number, or by several of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sygus.errors import OptionError
from sygus.saliency.images.imagenet import class_names, class_of_wnid
from sygus.saliency.images.imageset import NO_CLASS

Rows = list[tuple[int, dict[str, str]]]
"""Lines with their numbers."""

_LONGEST = 9
"""Digits of a class; longer numbers do not fit a tensor."""


@dataclass(frozen=True)
class Labels:
    """The label of each line, and what the labels are; see :class:`Collection`."""

    labels: tuple[int, ...]
    classes: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


def read_labels(folder: Path, rows: Rows) -> Labels:
    """The labels of a manifest's lines.

    Raises:
        OptionError: a line is wrong, or contradicts itself or another.
    """
    numbers = [_number(folder, line, row) for line, row in rows]
    if any("wnid" in row for _, row in rows):
        pairs = zip(rows, numbers, strict=True)
        return Labels(tuple(_of_imagenet(folder, *row, number) for row, number in pairs), class_names())
    names = [row.get("class_name", "") for _, row in rows]
    if not any(names):
        return Labels(tuple(NO_CLASS if number is None else number for number in numbers))
    if all(number is None for number in numbers):
        classes = tuple(sorted(set(filter(None, names))))
        return Labels(tuple(classes.index(name) if name else NO_CLASS for name in names), classes)
    return _named_and_numbered(folder, rows, names, numbers)


def _number(folder: Path, line: int, row: dict[str, str]) -> int | None:
    text = row.get("class_index", "")
    if text and not (text.isdecimal() and len(text) <= _LONGEST):
        raise wrong(folder, line, f"class_index is '{text}'", "give a whole number, or nothing where it is unknown")
    return int(text) if text else None


def _of_imagenet(folder: Path, line: int, row: dict[str, str], number: int | None) -> int:
    wnid, known = row.get("wnid", ""), class_of_wnid()
    if not wnid:
        if number is not None and number >= len(known):
            raise wrong(folder, line, f"class_index is {number}", f"ImageNet's classes are 0 to {len(known) - 1}")
        return NO_CLASS if number is None else number
    if wnid not in known:
        raise wrong(folder, line, f"'{wnid}' is no class of ImageNet", "give a WordNet id as n01440764, or nothing")
    if number not in (None, known[wnid]):
        said = f"class_index is {number}, and '{wnid}' is class {known[wnid]} of ImageNet"
        raise wrong(folder, line, said, "leave one of the two columns out")
    return known[wnid]


def _named_and_numbered(folder: Path, rows: Rows, names: list[str], numbers: list[int | None]) -> Labels:
    """Where some lines have both, a name belongs to one number and a number to one name."""
    name_of: dict[int, str] = {}
    number_of: dict[str, int] = {}
    for (line, _), name, number in zip(rows, names, numbers, strict=True):
        if number is None:
            continue
        known = name_of.get(number) or name
        if name and (known != name or number_of.get(name, number) != number):
            other = f"class {number} is '{known}'" if known != name else f"'{name}' is class {number_of[name]}"
            said = f"class_index is {number} and class_name '{name}'; on another line {other}"
            raise wrong(folder, line, said, "a class has one number and one name")
        name_of[number] = known
        if name:
            number_of[name] = number
    order = sorted(name_of)
    rank = {number: index for index, number in enumerate(order)}
    labels = []
    for (line, _), name, number in zip(rows, names, numbers, strict=True):
        if number is None and name and name not in number_of:
            raise wrong(folder, line, f"class_name is '{name}', which has no class_index", "give one, or none at all")
        found = number_of.get(name) if number is None else number
        labels.append(NO_CLASS if found is None else rank[found])
    return Labels(tuple(labels), tuple(name_of[number] for number in order), tuple(order))


def wrong(folder: Path, line: int, what: str, hint: str) -> OptionError:
    """What is wrong with a line."""
    return OptionError(f"--images: {folder / 'manifest.csv'}:{line}: {what}", hint)
