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
    """

    name: str
    doc: str
    detect: Callable[[Path], bool] | None
    collect: Collect


LAYOUTS: dict[str, Layout] = {}
"""Every layout, by name."""


def layout(name: str, *, detect: Callable[[Path], bool] | None) -> Callable[[Collect], Collect]:
    """Register the decorated function as a layout; the first line of its docstring says what it is."""

    def register(collect: Collect) -> Collect:
        doc = (collect.__doc__ or "").strip().splitlines()[0].removesuffix(".")
        LAYOUTS[name] = Layout(name, doc, detect, collect)
        return collect

    return register
