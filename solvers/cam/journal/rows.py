"""The journal's rows: their digests, and what a run can have written in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from solvers.cam.learner import Fate
from sygus.oracles.cam import Scores

JournalRows = Sequence[Mapping[str, Any]]
"""The rows of the table of proposals, by column."""

COLUMNS = ("id", "term", "size", "fate", "alias", "key", "images", "objectives", "feasible")
"""Of the table of proposals, without the digest."""


def digest(*values: Any, content: bytes = b"") -> bytes:
    """16 bytes of the values of a row, kinds included, and of what belongs to them."""
    return blake2b(repr(values).encode("utf-8", "surrogatepass") + content, digest_size=16).digest()


def stored_scores(key: str, metric: str, row: tuple[Any, Any], pictures: int, low: float, high: float) -> Scores | None:
    """The scores in a row; None where a run does not write such.

    Args:
        key: of the heat maps, by which the row was looked for.
        metric: the identity of the metric, by which it was looked for.
        row: the values and the digest.
        pictures: how many there are; NaN stands for one that was not scored.
        low: the least score.
        high: the largest.
    """
    values, given = row
    if not isinstance(values, bytes) or given != digest(key, metric, content=values) or len(values) != 4 * pictures:
        return None
    scores: Scores = np.frombuffer(values, np.float32).copy()
    seen = scores[~np.isnan(scores)]
    return scores if bool((np.isfinite(seen) & (seen >= low) & (seen <= high)).all()) else None


def stored_proposal(row: tuple[Any, ...], pictures: int | None, goals: int) -> Mapping[str, Any] | None:
    """A row of proposals by column, the objectives as numbers; None where a run does not write such.

    Args:
        row: the columns and the digest.
        pictures: how many a proposal is scored on; None where that is not known.
        goals: how many objectives there are.
    """
    *values, given = row
    if given != digest(*values):
        return None
    found = dict(zip(COLUMNS, values, strict=True))
    found["objectives"] = _numbers(found["objectives"])
    return found if _is_proposal(found, pictures, goals) else None


def _numbers(text: Any) -> list[float] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    is_list = isinstance(found, list) and all(type(number) in (int, float) for number in found)
    return found if is_list else None


def _is_proposal(row: Mapping[str, Any], pictures: int | None, goals: int) -> bool:
    number, size, alias, images, objectives = (row[name] for name in ("id", "size", "alias", "images", "objectives"))
    known = row["fate"] in set(Fate)
    complete = (
        objectives is not None and len(objectives) == goals and images == (images if pictures is None else pictures)
    )
    return (
        type(number) is int
        and number >= 0
        and isinstance(row["term"], str)
        and type(size) is int
        and size > 0
        and known
        and (alias is None or (type(alias) is int and 0 <= alias < number))
        and isinstance(row["key"], str | None)
        and type(images) is int
        and 0 <= images <= (images if pictures is None else pictures)
        and (complete or (objectives == [] and row["fate"] != Fate.SCORED))
        and row["feasible"] in (0, 1)
    )
