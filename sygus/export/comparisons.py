"""What a run found beside the baselines of its table: the paired tests, the verdict in a line, and what it is like."""

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


ALIKE = 0.99
"""From this correlation of maps on, an expression is a known method in other words."""


def nearest_line(record: Record) -> str:
    """The baseline whose maps are most like the answer's, on the held-out pictures; "" where there is none."""
    if not record.alike:
        return ""
    title, correlation = max(record.alike.items(), key=lambda item: item[1])
    count = len(record.held_out.ids)
    said = f"nearest known method: {title}, mean correlation of maps {correlation:.2f} on {count} held-out pictures"
    return f"{said}: this is {title} in disguise" if correlation >= ALIKE else said


def verdict_line(comparisons: Comparisons) -> str:
    """How the found expression stands by the first metric; "" where there is nothing to compare with."""
    return verdict(comparisons[0][1], comparisons[0][0]) if comparisons else ""
