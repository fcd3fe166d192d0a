"""The 1000 classes of ILSVRC 2012: a class is the rank of its WordNet id."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources


@cache
def _table() -> tuple[tuple[str, str], ...]:
    text = resources.files("sygus.saliency.images").joinpath("imagenet_classes.tsv").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in text.splitlines())
    return tuple((wnid, name) for wnid, name in pairs)


@cache
def class_of_wnid() -> Mapping[str, int]:
    """The class of a WordNet id as ``n01440764``."""
    return {wnid: index for index, (wnid, _) in enumerate(_table())}


def wnids() -> tuple[str, ...]:
    """The WordNet id of each class."""
    return tuple(class_of_wnid())


def class_names() -> tuple[str, ...]:
    """The first lemma of each class: tench, goldfish, … (some occur twice, as crane)."""
    return tuple(name for _, name in _table())
