"""What a trial had spent when it knew each term: the terms of a batch are charged one after another.

A batch races in lockstep against the leader that there was when it began, so what a term costs does not depend on the
others of its batch: charged in the order of the proposals, each is known when its own scores are paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.cam.archive import Archive, Judged
from solvers.cam.budget import Spending
from solvers.cam.contest.scores import NoJournal
from sygus.oracles.cam import Scores
from sygus.oracles.objective import CamProblem

_KEY = 5
"""The place of the key of the maps in a row of the journal; that of the number is 0."""


@dataclass(frozen=True)
class Spent:
    """Masked passes, terms scored and proposals."""

    passes: int
    terms: int
    proposals: int


class Ledger(NoJournal):
    """In place of a journal: keeps what was spent when each proposal was known.

    Args:
        spending: of the run.
        passes: of a metric on one picture, by its identity.
    """

    def __init__(self, spending: Spending, passes: Mapping[str, int]) -> None:
        super().__init__()
        self.at: dict[int, Spent] = {}
        self._spending = spending
        self._passes = passes

    def keep(self, proposals: list[tuple[Any, ...]], scores: list[tuple[str, str, Scores]]) -> None:
        """Charge a batch; the run has counted all of its passes, and not yet its terms."""
        paid = self._paid(scores)
        passes = self._spending.forwards - sum(map(sum, paid.values()))
        terms = self._spending.terms
        for row in proposals:
            of_key = paid.get(row[_KEY] or "")
            if of_key:
                passes += of_key.pop(0)
                terms += 1
            self.at[row[0]] = Spent(passes, terms, row[0] + 1)

    def _paid(self, scores: list[tuple[str, str, Scores]]) -> dict[str, list[int]]:
        """By key what each term with it has cost, in order; more than one where duplicates are scored again."""
        found: dict[str, list[int]] = {}
        last, seen = "", set[str]()
        for key, identity, values in scores:
            if key != last or identity in seen:
                last, seen = key, set()
                found.setdefault(key, []).append(0)
            seen.add(identity)
            found[key][-1] += self._passes[identity] * int(np.count_nonzero(~np.isnan(values)))
        return found


@dataclass(frozen=True)
class Improvement:
    """A new leader, and what had been spent when it was known."""

    judged: Judged
    spent: Spent


class WatchedArchive(Archive):
    """The archive of a run that takes note of every leader, and keeps apart what was known within the budget.

    Args:
        problem: what is asked.
        ledger: of the run.
        limit: the budget.
        by_passes: whether that is of passes; of terms otherwise.
    """

    def __init__(self, problem: CamProblem, ledger: Ledger, limit: float, *, by_passes: bool) -> None:
        super().__init__(problem)
        self.ledger = ledger
        self.limit = limit
        self.by_passes = by_passes
        self.within = Archive(problem)
        self.improvements: list[Improvement] = []

    def spent(self, spent: Spent) -> int:
        """As the budget counts."""
        return spent.passes if self.by_passes else spent.terms

    def consider(self, judged: Judged) -> bool:
        """As of any archive."""
        leads = super().consider(judged)
        spent = self.ledger.at[judged.id]
        if leads:
            self.improvements.append(Improvement(judged, spent))
        if self.spent(spent) <= self.limit:
            self.within.consider(judged)
        return leads

    def leader_by(self, share: float) -> Judged | None:
        """The leader when a share of the budget was spent."""
        found = [one.judged for one in self.improvements if self.spent(one.spent) <= share * self.limit]
        return found[-1] if found else None
