"""The page of runs that are watched, and what it is sent about a candidate; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from sygus.errors import counted
from sygus.export.report import STYLE, formula_of, framed, png_data, template
from sygus.language.terms import Term


def live_page(runs: Sequence[str]) -> str:
    """The page: its script fills it with what the server sends.

    Args:
        runs: their names, as a person typed them.
    """
    return framed(
        "live.html",
        styles=(STYLE, "live.css"),
        script="live.js",
        live=True,
        title=f"Watching {counted(len(runs), 'run')}",
        summary="What the searches have found so far, as their journals say. Select an expression for its formula.",
        sections=(),
        runs=runs,
    )


def candidate_piece(text: str, term: Term | None, reason: str = "") -> str:
    """A candidate's formula, as a piece of the page.

    Args:
        text: in SyGuS-IF.
        term: the same, read; None where it cannot be.
        reason: why not.
    """
    formula: dict[str, Any] = {} if term is None else dict(formula_of(term))
    piece: str = template("candidate.html").render(text=text, reason=reason, **{"equations": [], **formula})
    return piece


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture and the map over it.

    Attributes:
        caption: what it is.
        picture: (3, H, W) in [0, 1].
        heat: the map over the picture.
    """

    caption: str
    picture: Tensor
    heat: Image.Image


def maps_piece(pairs: Sequence[Pair], note: str) -> str:
    """Heat maps beside their pictures, as a piece of the page.

    Args:
        pairs: of them.
        note: what they are of; or, where there are none, why not.
    """
    items = [(one.caption, png_data(_image(one.picture)), png_data(one.heat)) for one in pairs]
    piece: str = template("maps.html").render(items=items, note=note)
    return piece


def _image(picture: Tensor) -> Image.Image:
    pixels = (picture * 255).round().clamp(0, 255).permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    return Image.fromarray(pixels)
