"""What a comparison says and does not say, in one paragraph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sygus.errors import counted
from sygus.export.contest.findings import LEVEL, Findings, Pair
from sygus.export.contest.numbers import LEAST_BLOCKS
from sygus.export.tables import Direction, score_text

FEWEST_TASKS = 6
"""Below so many tasks no signed-rank test can come out below 5 %."""


def number(value: float, digits: int = 3) -> str:
    """A number for people: so many digits, a hyphen where there is none."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞"
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e+" in text or abs(value) >= 10**digits else text


def score(value: float, unit: str) -> str:
    """A score for people, as the tables of runs show it; a hyphen where there is none."""
    return score_text(value, _Unit(unit)) if math.isfinite(value) else "-"


@dataclass(frozen=True)
class _Unit:
    """A unit as tables ask for it."""

    unit: str
    name: str = ""
    direction: Direction = "min"


def paragraph(found: Findings) -> str:
    """One honest paragraph: what is significant, what is not, and what cannot be."""
    measures = found.measures
    protocol = measures.contest.protocol
    tasks, seeds = len(measures.tasks), len(protocol.seeds)
    unit = "masked passes" if protocol.unit == "passes" else "terms scored"
    said = [
        f"{len(measures.strategies)} strategies on {counted(tasks, 'task')}, {seeds} seeds, "
        f"{protocol.limit:,} {unit} each."
    ]
    said += _told(found)
    said += _across(found)
    if measures.deterministic:
        said.append(
            f"{_listed(measures.deterministic)} did the same with every seed, which is one trial: others are tested "
            "against that number by the sign test."
        )
    if measures.contest.exhaustive:
        said.append("Ranks in the exhaustive table say how far each was from what there is to find.")
    said.append(
        "The tests are of the scores on the search pictures, which the winners were chosen on; what they keep on other "
        "pictures is the held-out column. They are for these tasks, this budget and these settings of each strategy."
    )
    return " ".join(said)


def _told(found: Findings) -> list[str]:
    if not found.pairs:
        return ["There is a single strategy, so there is nothing to compare."]
    tested = [pair for pair in found.pairs if not math.isnan(pair.corrected)]
    told = [pair for pair in tested if pair.verdict]
    if not tested:
        return ["No strategy draws by chance, so that there is nothing to test: the scores differ or do not."]
    rule = f"at the end of the budget (Mann-Whitney, Holm over all {len(tested)} tests, p < {LEVEL:g})"
    if not told:
        return [f"No two strategies are told apart on any task {rule}: that is no proof that they are alike."]
    lines = [f"In {len(told)} of {len(tested)} tests two strategies are told apart on a task {rule}."]
    for strategy in found.measures.strategies:
        over = [pair for pair in told if pair.verdict == strategy]
        if over:
            lines.append(f"{strategy} is better than {_beaten(found, strategy, over)}.")
    if len(told) < len(tested):
        lines.append(f"The other {len(tested) - len(told)} tell nothing apart, which is no proof of being alike.")
    return lines


def _beaten(found: Findings, strategy: str, over: Sequence[Pair]) -> str:
    """Whom a strategy is better than, and on how many tasks."""
    tasks = len(found.measures.tasks)
    beaten: dict[str, int] = {}
    for pair in over:
        loser = pair.second if pair.first == strategy else pair.first
        beaten[loser] = beaten.get(loser, 0) + 1
    return ", ".join(loser if tasks == 1 else f"{loser} on {count} of {tasks} tasks" for loser, count in beaten.items())


def _across(found: Findings) -> list[str]:
    tasks = len(found.measures.tasks)
    if tasks < FEWEST_TASKS:
        lines = [f"Over {counted(tasks, 'task')} no signed-rank test can reach {LEVEL:.0%}."]
    else:
        told = [one for one in found.across if one.corrected < LEVEL]
        names = [
            f"{one.first} and {one.second} ({one.better} of {one.tasks} for the first, p = {number(one.corrected, 2)})"
            for one in told
        ]
        apart = f"these are told apart: {'; '.join(names)}" if told else "no two strategies are told apart"
        lines = [f"Over the tasks (Wilcoxon's signed ranks of median regrets, Holm) {apart}."]
    if found.friedman is not None:
        lines.append(f"Friedman's test that all are alike over the tasks: p = {number(found.friedman, 2)}.")
    elif tasks < LEAST_BLOCKS and len(found.measures.strategies) > 2:
        lines.append(f"Friedman's test is not made: its block is a task, and it takes {LEAST_BLOCKS}.")
    return lines


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
