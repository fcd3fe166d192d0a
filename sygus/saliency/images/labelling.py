"""Which classes of a network the labels of pictures are: they are matched by name, and not counted off in silence.

A name of the pictures' classes and one of the network's are the same class, the first of these that finds any:

* both are the same text,
* or the same but for case, spaces, underscores and hyphens,
* or one of the synonyms between commas in the network's name is the picture's, as ``tench, Tinca tinca``,
* or one is the WordNet id and the other the name of one class of ImageNet.

Names that are whole numbers, and match nothing else, are numbers of the network's classes. Where the network's classes
have no names, the pictures' are numbered in their order if there are as many, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch

from sygus.saliency.images.imagenet import class_names, wnids
from sygus.saliency.images.imageset import NO_CLASS, ImageSet

_ALIKE = 0.9
"""The share of ImageNet's names that a network's must agree with, each in its place, to be ImageNet's: spellings
differ."""

_SHOWN = 12
"""Names that a message or a note lists."""


class _Unmatched(Exception):  # noqa: N818 - becomes a reason
    """The labels are not classes of the network; the text is the reason."""


def labelled(images: ImageSet, classes: Sequence[str], network: str) -> ImageSet:
    """The pictures with labels that are classes of a network.

    Where they cannot be, every label is :data:`NO_CLASS` and :attr:`ImageSet.unmatched` says why: what needs labels
    refuses with that, and what does not goes on.

    Args:
        images: as they were loaded.
        classes: the names of the network's classes, in their order.
        network: its name.
    """
    used = sorted(set(images.labels.tolist()) - {NO_CLASS})
    if images.classes == tuple(classes) or not used:
        return images
    try:
        numbers, note = _numbers(images, used, classes, network)
    except _Unmatched as error:
        reason = f"the classes of the pictures are not those of '{network}': {error}"
        return replace(images, labels=torch.full_like(images.labels, NO_CLASS), classes=(), unmatched=reason)
    labels = torch.tensor([numbers.get(label, NO_CLASS) for label in images.labels.tolist()])
    return replace(images, labels=labels, classes=tuple(classes), notes=images.notes + note)


def are_numbered(classes: Sequence[str]) -> bool:
    """Whether a network's classes have no names but their numbers, as ``class 3`` or ``LABEL_3``."""
    return all(_key(name) in (str(i), f"class{i}", f"label{i}") for i, name in enumerate(classes))


def _numbers(
    images: ImageSet, used: Sequence[int], classes: Sequence[str], network: str
) -> tuple[dict[int, int], tuple[str, ...]]:
    """The network's class of each label, and a note where it cannot be certain."""
    if images.numbers or not images.classes:
        numbers = {label: images.numbers[label] if images.numbers else label for label in used}
        if max(numbers.values()) >= len(classes):
            raise _Unmatched(f"there is a class {max(numbers.values())}, the network's are 0 to {len(classes) - 1}")
        if images.numbers and not are_numbered(classes):
            _check_stated(images.classes, numbers, classes)
        return numbers, ()
    if images.classes == class_names():
        return _of_imagenet(used, classes, network)
    names = dict(enumerate(images.classes))
    if all(name.isdecimal() and name.isascii() for name in names.values()) and not set(names.values()) & set(classes):
        return _by_number(names, classes)
    if are_numbered(classes):
        return _in_order(names, classes, network)
    return _by_name(names, classes), ()


def _by_number(names: dict[int, str], classes: Sequence[str]) -> tuple[dict[int, int], tuple[str, ...]]:
    numbers = {label: int(name) for label, name in names.items() if len(name) <= _LONGEST}
    if len(numbers) < len(names) or max(numbers.values()) >= len(classes):
        raise _Unmatched(f"they are the numbers {_listed(names.values())}, the network's are 0 to {len(classes) - 1}")
    if len(set(numbers.values())) < len(numbers):
        raise _Unmatched(f"two of {_listed(names.values())} are the same number")
    told = _listed(
        f"{name} is '{classes[number]}'" for name, number in zip(names.values(), numbers.values(), strict=True)
    )
    return numbers, (f"the pictures' classes are numbers, taken for the network's: {told}",)


_LONGEST = 9
"""Digits of a class; longer numbers do not fit a tensor."""


def _in_order(names: dict[int, str], classes: Sequence[str], network: str) -> tuple[dict[int, int], tuple[str, ...]]:
    if len(names) != len(classes):
        raise _Unmatched(
            f"the pictures have {len(names)}, {_listed(names.values())}; the network has {len(classes)} without names"
        )
    told = _listed(f"{label} is '{name}'" for label, name in names.items())
    note = f"the classes of '{network}' have no names, so those of the pictures are numbered in their order: {told}"
    return {label: label for label in names}, (note,)


def _of_imagenet(used: Sequence[int], classes: Sequence[str], network: str) -> tuple[dict[int, int], tuple[str, ...]]:
    """Labels that are classes of ImageNet, for a network of all of them or of some."""
    same = {label: label for label in used}
    if _are_imagenets(classes):
        return same, ()
    if are_numbered(classes):
        if len(classes) != len(class_names()):
            raise _Unmatched(f"the pictures' are of ImageNet, the network has {len(classes)} without names")
        return same, (f"the classes of '{network}' have no names; they are taken for ImageNet's, in their order",)
    return _by_name({label: wnids()[label] for label in used}, classes), ()


def _are_imagenets(classes: Sequence[str]) -> bool:
    """Whether a network's classes are ImageNet's 1000 in their order, whatever their spelling."""
    known = class_names()
    if len(classes) != len(known):
        return False
    alike = (
        _key(name) in {_key(part) for part in (*theirs.split(","), theirs)} or theirs == wnid
        for name, wnid, theirs in zip(known, wnids(), classes, strict=True)
    )
    return sum(alike) >= _ALIKE * len(known)


def _check_stated(names: Sequence[str], numbers: Mapping[int, int], classes: Sequence[str]) -> None:
    """Check that names which are stated beside numbers are those of the network's classes with these numbers."""
    found = _by_name({label: names[label] for label in numbers if names[label]}, classes)
    for label, number in found.items():
        if number != numbers[label]:
            raise _Unmatched(
                f"class {numbers[label]} is said to be '{names[label]}', of the network it is "
                f"'{classes[numbers[label]]}', and '{classes[number]}' is its class {number}"
            )


def _by_name(names: dict[int, str], classes: Sequence[str]) -> dict[int, int]:
    """The network's class of each name.

    Raises:
        _Unmatched: a name is of no class or of several, or two are of one.
    """
    found = {label: classes_named(name, classes) for label, name in names.items()}
    lists = f"the pictures': {_listed(names.values())}; the network's: {_listed(classes)}"
    several = [label for label, numbers in found.items() if len(numbers) > 1]
    if several:
        numbers = ", ".join(map(str, found[several[0]]))
        raise _Unmatched(f"'{names[several[0]]}' may be any of the network's classes {numbers}; {lists}")
    missing = [names[label] for label, numbers in found.items() if not numbers]
    if missing:
        raise _Unmatched(f"the network has no {_listed(map(repr, missing))}; {lists}")
    single = {label: numbers[0] for label, numbers in found.items()}
    by_number: dict[int, str] = {}
    for label, number in single.items():
        if number in by_number:
            raise _Unmatched(f"'{by_number[number]}' and '{names[label]}' are both its '{classes[number]}'; {lists}")
        by_number[number] = names[label]
    return single


def classes_named(name: str, classes: Sequence[str]) -> list[int]:
    """The numbers of the classes that a name may be of, by the first of the ways above that finds any.

    Args:
        name: of a class.
        classes: the names of the network's classes, in their order.
    """
    ways: tuple[Callable[[str], bool], ...] = (
        lambda theirs: theirs == name,
        lambda theirs: _key(theirs) == _key(name),
        lambda theirs: any(_key(part) == _key(name) for part in theirs.split(",")),
        lambda theirs: any(_key(part) in others for part in (*theirs.split(","), theirs)),
    )
    others = {_key(other) for other in _others(name)}
    for way in ways:
        numbers = [number for number, theirs in enumerate(classes) if way(theirs)]
        if numbers:
            return numbers
    return []


def _others(name: str) -> list[str]:
    """The WordNet id of ImageNet's class of this name, or the name of the class of this id; those of one class only."""
    known = class_names()
    if name in wnids():
        found = known[wnids().index(name)]
        return [found] if known.count(found) == 1 else []
    same = [index for index, one in enumerate(known) if _key(one) == _key(name)]
    return [wnids()[same[0]]] if len(same) == 1 else []


def _key(name: str) -> str:
    return name.casefold().translate({ord(one): None for one in " _-"})


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f", and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return f"{', '.join(every[:_SHOWN])}{more}"
