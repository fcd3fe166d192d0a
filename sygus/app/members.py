"""The expressions of a run as Python sees them: the members of its front, and all that were scored in full."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sygus.export.finalists import SEEN, Entry, Seen
from sygus.export.record import Record
from sygus.statistics import Mean


@dataclass(frozen=True)
class Member:
    """An expression of the front.

    Attributes:
        expression: in SyGuS-IF, over features.
        size: in nodes.
        objectives: by label, over all pictures that chose: those of the search, and of a finalist those of the
            validation too.
        feasible: whether the constraints hold.
        search, validation, held_out: its mean scores by metric, each with its interval and the score of each picture;
            empty where the record has none, as of what was neither the answer nor a finalist.
    """

    expression: str
    size: int
    objectives: Mapping[str, float]
    feasible: bool
    search: Mapping[str, Mean]
    validation: Mapping[str, Mean]
    held_out: Mapping[str, Mean]

    def __str__(self) -> str:
        return self.expression


def members_of(record: Record) -> tuple[Member, ...]:
    """The front of a run.

    Args:
        record: of the run.

    Returns:
        Its members, in the order of the record.
    """
    return tuple(_member(entry, record) for entry in record.front)


def _member(entry: Entry, record: Record) -> Member:
    scores: dict[Seen, Mapping[str, Mean]] = {part: {} for part in SEEN}
    row = record.found_row
    if row is not None and record.found is not None and entry.id == record.found.id:
        scores |= {"search": row.search, "held_out": row.held_out}
    finalist = next((one for one in record.finalists if one.id == entry.id), None)
    if finalist is not None:
        scores |= finalist.scores
    objectives = _objectives(entry, record)
    return Member(entry.term, entry.size, objectives, entry.feasible, **scores)


def _objectives(entry: Entry, record: Record) -> dict[str, float]:
    labels = [objective.label for objective in record.objectives]
    return dict(zip(labels, entry.objectives, strict=True))


def candidate_records(record: Record) -> list[dict[str, Any]]:
    """Every expression that was scored on all search pictures, in the order of the proposals.

    Args:
        record: of the run.

    Returns:
        For each its number, expression, nodes, a value for each objective by its label, and whether the constraints
        hold.
    """
    return [
        {"id": entry.id, "term": entry.term, "nodes": entry.size}
        | _objectives(entry, record)
        | {"feasible": entry.feasible}
        for entry in record.candidates
    ]


def as_table(records: Sequence[Mapping[str, Any]]) -> Any:
    """Records as a DataFrame where pandas is installed, else as they are.

    Args:
        records: with the same keys in each.

    Returns:
        The DataFrame, or the list.
    """
    if importlib.util.find_spec("pandas") is None:
        return list(records)
    return importlib.import_module("pandas").DataFrame(list(records))
