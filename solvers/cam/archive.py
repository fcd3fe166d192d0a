"""The best that was judged: the leader, the best of each size, the Pareto set."""

from __future__ import annotations

from dataclasses import dataclass, field

from solvers.cam.learner import Outcome
from sygus.language.terms import Term
from sygus.oracles.objective import CamProblem, ranks


@dataclass(frozen=True, eq=False)
class Judged:
    """A term that was judged.

    Attributes:
        id: its number in the journal.
        term: the term.
        outcome: what was learnt.
        alias: the number of the one that it behaves like.
    """

    id: int
    term: Term
    outcome: Outcome
    alias: int | None = None


@dataclass
class Archive:
    """The best term and its rivals: the best of each size or, for objectives that are equals, the Pareto set.

    The leader is the first of the lexicographic order; of a Pareto set it is a member like any other, and the answer.
    """

    problem: CamProblem
    leader: Judged | None = None
    by_size: dict[int, Judged] = field(default_factory=dict)
    pareto: list[Judged] = field(default_factory=list)
    _distinct: dict[int, Judged] = field(default_factory=dict)
    _firsts: dict[int, int] = field(default_factory=dict)

    def rank(self, judged: Judged) -> tuple[float, ...]:
        """Smaller is better; objectives in the file's order."""
        return ranks(self.problem.goals, judged.outcome.objectives)

    def consider(self, judged: Judged) -> bool:
        """Take note of one with full scores; whether it leads now. The first of equals stays."""
        if not judged.outcome.feasible:
            return False
        rank = self.rank(judged)
        self._enter(judged, rank)
        if not self.problem.is_ordered:
            self._enter_pareto(judged, rank)
        rival = self.by_size.get(judged.term.size)
        if rival is None or rank < self.rank(rival):
            self.by_size[judged.term.size] = judged
        if self.leader is None or rank < self.rank(self.leader):
            self.leader = judged
            return True
        return False

    def entrants(self) -> list[Judged]:
        """Of all that are feasible, the best of those that behave alike, in the order of the proposals."""
        return list(self._distinct.values())

    def _enter(self, judged: Judged, rank: tuple[float, ...]) -> None:
        first = judged.id if judged.alias is None else self._firsts.get(judged.alias, judged.alias)
        self._firsts[judged.id] = first
        rival = self._distinct.get(first)
        if rival is None or rank < self.rank(rival):
            self._distinct[first] = judged

    def _enter_pareto(self, judged: Judged, rank: tuple[float, ...]) -> None:
        """Keep it unless another is as good in everything; drop those to which it is."""
        if any(_at_least(self.rank(other), rank) for other in self.pareto):
            return
        self.pareto = [other for other in self.pareto if not _at_least(rank, self.rank(other))] + [judged]

    def front(self) -> list[Judged]:
        """The Pareto set, best of the first objective first; or those that no smaller one matches."""
        if not self.problem.is_ordered:
            return sorted(self.pareto, key=self.rank)
        kept: list[Judged] = []
        for _, judged in sorted(self.by_size.items()):
            if not kept or self.rank(judged) < self.rank(kept[-1]):
                kept.append(judged)
        return kept


def _at_least(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether one rank is as good as another in every objective."""
    return all(a <= b for a, b in zip(one, other, strict=True))
