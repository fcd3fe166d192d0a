"""What a user's callback is told of a search, and how it ends one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from solvers.cam.archive import Judged
from solvers.cam.job import Display
from solvers.cam.run import Progress
from sygus.language.text import term_text


@dataclass(frozen=True)
class Improvement:
    """The best expression so far, as it takes the lead.

    Attributes:
        expression: in SyGuS-IF, over features.
        size: in nodes.
        objectives: by label, over the pictures of the search.
        score: the first of them; None where the problem has none.
        judged: proposals that were judged so far.
        forwards: forward passes that were spent so far.
        seconds: since the search began.
    """

    expression: str
    size: int
    objectives: Mapping[str, float]
    score: float | None
    judged: int
    forwards: int
    seconds: float


Callback = Callable[[Improvement], object]
"""Told of each improvement; to return True ends the search."""


def calling(callback: Callback, display: Display) -> Display:
    """A display that also tells a callback of each improvement.

    What the callback raises passes through, when the batch that was judged is in the journal. Where it returns True a
    KeyboardInterrupt is raised, as which the search ends with the best so far.

    Args:
        callback: the user's.
        display: what is shown beside.

    Returns:
        The display.
    """

    @contextmanager
    def shown(goals: Sequence[str]) -> Iterator[Callable[[Progress], None]]:
        leader: Judged | None = None
        with display(goals) as show:

            def report(progress: Progress) -> None:
                nonlocal leader
                show(progress)
                if progress.leader is not None and progress.leader is not leader:
                    leader = progress.leader
                    answered = callback(_improvement(leader, goals, progress))
                    if isinstance(answered, bool | np.bool_) and answered:
                        raise KeyboardInterrupt

            yield report

    return shown


def _improvement(leader: Judged, goals: Sequence[str], progress: Progress) -> Improvement:
    objectives = dict(zip(goals, map(float, leader.outcome.objectives), strict=True))
    return Improvement(
        expression=term_text(leader.term),
        size=leader.term.size,
        objectives=objectives,
        score=next(map(float, leader.outcome.objectives), None),
        judged=sum(progress.fates.values()),
        forwards=progress.spending.forwards,
        seconds=progress.spending.seconds,
    )
