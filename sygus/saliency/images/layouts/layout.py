"""What a layout is: how pictures and their ground truth lie in a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sygus.saliency.images.collection import Collection

Collect = Callable[[Path], Collection]


@dataclass(frozen=True)
class Layout:
    """A layout.

    Attributes:
        name: what stands before the colon in ``voc:DIR``.
        doc: what it is.
        detect: whether a folder looks like it; None: it has to be named.
        collect: finds the pictures of a folder; an :class:`OptionError` says what the folder lacks.
        generality: a folder that looks like several layouts has the one where this is smallest.
    """

    name: str
    doc: str
    detect: Callable[[Path], bool] | None
    collect: Collect
    generality: int


LAYOUTS: dict[str, Layout] = {}
"""Every layout, by name."""


def layout(name: str, *, detect: Callable[[Path], bool] | None, generality: int = 0) -> Callable[[Collect], Collect]:
    """Register the decorated function as a layout; the first line of its docstring says what it is.

    See :class:`Layout` for the arguments.
    """

    def register(collect: Collect) -> Collect:
        if name in LAYOUTS:
            raise ValueError(f"there are two layouts '{name}'; use another name")
        doc = (collect.__doc__ or "").strip().splitlines()[0].removesuffix(".")
        LAYOUTS[name] = Layout(name, doc, detect, collect, generality)
        return collect

    return register
