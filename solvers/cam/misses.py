"""Which constraints stand between a search and its first answer, and how nearly they were met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sygus.language.terms import OracleFunction, Term
from sygus.language.text import measured, number_text, term_text
from sygus.oracles.cam import Scores
from sygus.oracles.objective import Objectives


@dataclass(frozen=True)
class _Near:
    """A term that breaks a constraint.

    Attributes:
        term: it.
        sides: of the comparison.
        pictures: how many it was scored on.
    """

    term: Term
    sides: tuple[float, float]
    pictures: int

    @property
    def by(self) -> float:
        """How far the sides are apart."""
        return abs(self.sides[0] - self.sides[1])

    @property
    def rank(self) -> tuple[int, float]:
        """Those seen on most pictures come first, of them the nearest."""
        return -self.pictures, self.by


class Misses:
    """Takes note of what is scored as long as nothing meets all constraints.

    Args:
        objectives: of the search.
    """

    def __init__(self, objectives: Objectives) -> None:
        self.objectives = objectives
        self.constraints = dict.fromkeys(objectives.problem.problem.constraints)
        self._judged = dict.fromkeys(self.constraints, 0)
        self._met = dict.fromkeys(self.constraints, 0)
        self._nearest: dict[Term, _Near] = {}

    def note(self, term: Term, scores: Mapping[OracleFunction, Scores]) -> None:
        """Take note of a term, by each constraint whose metrics it was scored by.

        Args:
            term: it.
            scores: of the pictures, (N,) by metric; NaN where it did not come to a picture.
        """
        for constraint in self.constraints:
            known = self.objectives.seen(constraint, scores)
            if known is None:
                continue
            means, seen = known
            self._judged[constraint] += 1
            if self.objectives.value(constraint, term, means, seen):
                self._met[constraint] += 1
            elif constraint.head.name in _COMPARISONS and len(constraint.arguments) == 2:
                left, right = (self.objectives.value(side, term, means, seen) for side in constraint.arguments)
                near, rival = _Near(term, (left, right), len(seen) if means else 0), self._nearest.get(constraint)
                if rival is None or near.rank < rival.rank:
                    self._nearest[constraint] = near

    def lines(self, pictures: int) -> tuple[str, ...]:
        """Of each constraint that some term broke, what is known, in words.

        Args:
            pictures: of the search.
        """
        return tuple(
            self._line(constraint, pictures)
            for constraint in self.constraints
            if self._met[constraint] < self._judged[constraint]
        )

    def _line(self, constraint: Term, pictures: int) -> str:
        met, judged = self._met[constraint], self._judged[constraint]
        line = f"the constraint {term_text(constraint)} is met by {met} of the {judged} terms that came to it"
        near = self._nearest.get(constraint)
        if near is None:
            return line
        left, right = (number_text(measured(side)) for side in near.sides)
        seen = f" on {near.pictures} of {pictures} pictures" if near.pictures else ""
        value = f"{left} {constraint.head.name} {right}"
        return f"{line}; nearest of the others{seen}, by {near.by:.4g}: {term_text(near.term)}, where {value} is wanted"


_COMPARISONS = ("<=", "<", ">=", ">", "=")
