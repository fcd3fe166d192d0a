"""What a run found beside the baselines of its table, in a sentence: by the tests, controls, and what it is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sygus.errors import counted, listed
from sygus.export.tables import LEVEL, Compared, Scale
from sygus.statistics import least_p

NAMED = 6
"""Rows that a verdict names; the marks of the table show the others."""

ALIKE = 0.99
"""From this correlation of maps on, an expression is a known method in other words."""


def verdict(tests: Sequence[Compared], metric: Scale, without: int = 0) -> str:
    """How the found expression stands beside the methods on the held-out pictures; which controls beat it.

    Args:
        tests: against the rows that the metric scores, from :func:`sygus.export.tables.compared`.
        metric: which.
        without: how many methods of the table it does not score.

    Returns:
        A sentence without its first capital and its last point.
    """
    methods = [test for test in tests if not test.control]
    said = [*(_beside(methods, without) if methods else _nothing(without)), *_controls(tests)]
    return f"held out, by {metric.name}: {'; '.join(said)}"


def as_sentence(said: str) -> str:
    """With its capital and its point."""
    return f"{said[:1].upper()}{said[1:]}."


def _nothing(without: int) -> list[str]:
    if not without:
        return ["no method in the table to compare with"]
    return [f"no method to compare with, {without} in the table without a score"]


def _beside(tests: Sequence[Compared], without: int) -> list[str]:
    count, pictures = len(tests), tests[0].held_out.mean.images
    better, behind, unclear = ([test for test in tests if test.verdict == one] for one in ("better", "behind", "open"))
    unscored = [f"{without} more in the table without a score"] if without else []
    if count * least_p(pictures) >= LEVEL:
        ahead = sum(test.better for test in tests)
        few = f"{pictures} pictures are too few for a test against {count}: no p < {LEVEL:g} is possible"
        return [f"better on average than {ahead} of {counted(count, 'method')}", few, *unscored]
    said = []
    if len(better) == count and not without:
        said.append(f"better than every method in the table (p < {LEVEL:g}), {count} of {count}")
    elif better:
        said.append(f"better than {len(better)} of {counted(count, 'method')} (p < {LEVEL:g})")
    if unclear:
        none = "" if better or behind else f" (no p < {LEVEL:g})"
        said.append(f"not told apart from {_names(unclear)}{none}")
    if behind:
        said.append(f"worse than {_names(behind)} ({_p_text([test.corrected for test in behind])})")
    return [*said, *unscored, f"paired tests on {pictures} pictures, Holm-corrected"]


def _controls(tests: Sequence[Compared]) -> list[str]:
    """The controls that are better, as far as a test can tell."""
    names = [test.title for test in tests if test.control and test.verdict == "behind"]
    if not names:
        return []
    if len(names) == 1:
        return [f"the control {names[0]} scores better: the metric rewards what it does"]
    return [f"the controls {listed(names, NAMED)} score better: the metric rewards what they do"]


def _names(tests: Sequence[Compared]) -> str:
    return listed([test.title for test in tests], NAMED)


def _p_text(values: Sequence[float]) -> str:
    """One p to two digits, or the bound that holds for it; of several the level that all are below."""
    (first, *others), least = values, 0.001
    if others or float(f"{first:.2g}") >= LEVEL:
        return f"p < {LEVEL:g}"
    return f"p < {least:g}" if first < least else f"p = {first:.2g}"


def nearest(alike: Mapping[str, float], pictures: int) -> str:
    """The baseline whose maps are most like the answer's.

    Args:
        alike: the mean correlation of maps with each baseline, by its title.
        pictures: how many held-out pictures the means are over.

    Returns:
        A sentence as of :func:`verdict`; "" where there is no baseline.
    """
    if not alike:
        return ""
    title, correlation = max(alike.items(), key=lambda item: item[1])
    said = f"nearest known method: {title}, mean correlation of maps {correlation:.2f} on {pictures} held-out pictures"
    return f"{said}: this is {title} in disguise" if correlation >= ALIKE else said
