"""What a run found beside the baselines of its table: the paired tests, and the verdict in a line."""

from __future__ import annotations

from collections.abc import Sequence

from sygus.export.record import Measure, Record
from sygus.export.tables import Compared, compared, verdict

Comparisons = Sequence[tuple[Measure, Sequence[Compared]]]
"""For each metric the found expression against the baselines that it scores."""


def comparisons_of(record: Record) -> Comparisons:
    """The tests; none where nothing was found or nothing stands beside it."""
    found = record.found_row
    if found is None or not record.baselines:
        return []
    return [(measure, compared(found, record.baselines, measure)) for measure in record.measures]


def verdict_line(comparisons: Comparisons) -> str:
    """How the found expression stands by the first metric; "" where there is nothing to compare with."""
    return verdict(comparisons[0][1], comparisons[0][0]) if comparisons else ""
