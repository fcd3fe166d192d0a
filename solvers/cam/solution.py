"""What a run found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solvers.cam.archive import Judged
from solvers.cam.finalists import Choice
from solvers.cam.run import Ending
from solvers.cam.settings import Settings
from sygus.language.terms import Term
from sygus.language.text import answer_text, measured
from sygus.oracles.certificate import Certificate
from sygus.oracles.objective import CamProblem


@dataclass(frozen=True, eq=False)
class Solution:
    """What a run found, and everything needed to repeat it.

    Attributes:
        problem: what was asked.
        settings: with which options.
        best: the answer; None where nothing satisfied the constraints. Its objectives are over all pictures seen: those
            of the search and, of a finalist, those of the validation.
        front: the best of each size that no smaller one matches; without an order of the objectives, the Pareto set.
            Of the finalists, where there was a choice between some.
        ending: why the search ended.
        conclusion: that in words: what the learner guarantees, or which limit was reached.
        racing: what racing saved, and the probability statement it stands on.
        accounting: proposals by fate, combinations, passes, seconds.
        protocol: versions, fingerprints and options.
        passes: masked passes that the scores stand for, the same whether they were spent or known from before.
        certificates: the terms that behave like the answer with what Z3 says of it; None where it was not asked.
        choice: what the validation pictures decided; None where there was nothing to choose, or nothing to choose with.
        cut: what broke the search off that another machine, or another day, would have it survive: the time limit, or
            an interrupt; "" where the answer follows from the options alone.
        unscored: the terms that could not be scored, and why, in words.
        missed: where nothing satisfied the constraints, of each that was broken how often and how nearly, in words.
    """

    problem: CamProblem
    settings: Settings
    best: Judged | None
    front: list[Judged]
    ending: Ending
    conclusion: str
    racing: str
    accounting: Mapping[str, Any]
    protocol: Mapping[str, Any]
    passes: int = 0
    certificates: list[tuple[Term, Certificate]] | None = None
    choice: Choice | None = None
    cut: str = ""
    missed: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """The standard's answer: values and definition, or ``fail`` where the search found none.

        ``infeasible`` is never claimed: behind a metric no search proves it.
        """
        if self.best is None:
            return "fail"
        values = self.typed_values if self.problem.goals else None
        return answer_text(self.problem.problem.target.function, self.best.term, values)

    @property
    def printed(self) -> str:
        """The answer as it is printed: below a comment of SyGuS-IF where the search was cut."""
        if not self.cut:
            return self.answer
        spent = f"after {self.accounting['seconds']:.0f} s, {self.accounting['proposed']} terms proposed"
        return f"; cut: {self.cut} {spent}; with more time there may be another answer\n{self.answer}"

    @property
    def typed_values(self) -> list[int | float]:
        """The objectives of the answer as they are printed, integers where the objective is one."""
        assert self.best is not None
        pairs = zip(self.problem.goals, self.best.outcome.objectives, strict=True)
        return [int(value) if goal.term.sort.name == "Int" else measured(value) for goal, value in pairs]
