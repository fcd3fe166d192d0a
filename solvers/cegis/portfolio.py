"""The strategies one after the other under one time limit, and the check of all that they propose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import z3

from solvers.cegis.answer import Answer, check
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.verifier import Encoder, interrupted
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import InfeasibleError, Strategy, known_strategies
from sygus.errors import OptionError
from sygus.language.text import term_text
from sygus.language.theories.quantifiers import NotEvaluatedError
from sygus.language.theories.sorts import z3_constant

AUTO, STREAM = "auto", "stream"


@dataclass(frozen=True, eq=False)
class Found:
    """An answer with the strategy that found it and the seconds it took."""

    answer: Answer
    strategy: str
    seconds: float


@dataclass(eq=False)
class Portfolio:
    """Runs the strategies that apply.

    Attributes:
        specification: what is asked.
        limits: of the whole search.
        strategies: in the order in which they are tried.
        infeasible: the proof that there is no answer, in words, once there is one.
        out_of_time: whether some strategy was stopped by the clock.
        notes: what happened, for the report: one line for each strategy.
        best: the smallest answer so far, where one is looked for.
    """

    specification: Specification
    limits: Limits
    strategies: Sequence[Strategy]
    infeasible: str | None = None
    out_of_time: bool = False
    notes: list[str] = field(default_factory=list)
    best: Found | None = None

    @classmethod
    def of(cls, specification: Specification, limits: Limits, name: str = AUTO, *, further: bool = False) -> Portfolio:
        """With the strategy of a name, or all that apply; for further answers the one that has them by size, if it can.

        Raises:
            OptionError: there is no such strategy, or it can do nothing here.
        """
        known = known_strategies()
        if name == AUTO:
            applicable = [strategy for strategy in known.values() if strategy.applies(specification)]
            if specification.propositional:  # few points: enumeration is quick, and instantiation seldom fits
                applicable.sort(key=lambda strategy: strategy.share)
                applicable = [replace(strategy, share=1.0) for strategy in applicable]
            by_size = [strategy for strategy in applicable if strategy.name == STREAM]
            quick = [strategy for strategy in applicable if strategy.name != STREAM]
            return cls(specification, limits, (by_size or quick) if further else quick)
        if name not in known:
            raise OptionError(f"--strategy: there is no '{name}'", f"known: {', '.join([AUTO, *known])}")
        if not known[name].applies(specification):
            usable = [AUTO, *(s.name for s in known.values() if s.applies(specification))]
            raise OptionError(f"--strategy: '{name}' can do nothing for this problem", f"use {', '.join(usable)}")
        return cls(specification, limits, [known[name]])

    def answers(self) -> Iterator[Found]:
        """Checked answers as they are found, of one strategy after the other; repeated ones are left out."""
        self.infeasible = contradiction(self.specification, self.limits) or impossible(self.specification, self.limits)
        if not self.strategies:
            self.notes.append("no strategy can do anything for this problem")
        seen: set[tuple[object, ...]] = set()
        for place, strategy in enumerate(self.strategies):
            if self.infeasible is not None:
                return
            rest = sum(other.share for other in self.strategies[place:])
            limits = self.limits.part(self.limits.left * strategy.share / rest)
            tally: Counter[str] = Counter()
            ending = "nothing more to propose"
            try:
                for answer in self._accepted(strategy, limits, seen, tally):
                    yield Found(answer, strategy.name, self.limits.spent)
            except (OutOfTimeError, z3.Z3Exception) as error:
                if isinstance(error, z3.Z3Exception) and limits.left:
                    raise
                self.out_of_time = True
                ending = "out of time"
            except NotEvaluatedError as error:
                ending = str(error)
            except InfeasibleError as error:
                self.infeasible = str(error)
                ending = f"proved infeasible: {error}"
            counts = ", ".join(f"{count} {judgement}" for judgement, count in tally.items()) or "no candidates"
            self.notes.append(f"{strategy.name}: {counts}; {ending} ({limits.spent:.2f} s)")

    def _accepted(
        self, strategy: Strategy, limits: Limits, seen: set[tuple[object, ...]], tally: Counter[str]
    ) -> Iterator[Answer]:
        """What a strategy proposes, where it is new and passes every check."""
        for candidate in strategy.propose(self.specification, limits):
            key = tuple(candidate[function] for function in self.specification.functions)
            if key not in seen:
                seen.add(key)
                checked = check(self.specification, candidate, limits)
                tally[checked.judgement] += 1
                if checked.answer is not None:
                    yield checked.answer


def contradiction(specification: Specification, limits: Limits) -> str | None:
    """A constraint that mentions no function to synthesise and fails, in words."""
    for conjunct in specification.conjuncts:
        if not conjunct.applications:
            claim = Encoder()(conjunct.formula)
            solver = z3.Solver()
            solver.set("timeout", limits.milliseconds)
            solver.add(z3.Not(claim))
            if solver.check() == z3.sat:
                shown = term_text(conjunct.formula, specification.problem.theory.numerals)
                return f"{shown} fails, whatever the functions are"
    return None


AT_ONCE = 0.1
"""Seconds within which Z3 may show that no functions at all do."""


def impossible(specification: Specification, limits: Limits) -> str | None:
    """That Z3 finds no functions at all, whatever the grammars, in words; where strategies would not find out."""
    if specification.examples is not None or len(specification.functions) > 1:
        return None
    applications = specification.single_invocation
    if applications is not None:  # instantiation finds out, unless there are variables that the function does not see
        seen = {argument.head for application in applications.values() for argument in application.arguments}
        if all(seen.issuperset(conjunct.variables) for conjunct in specification.conjuncts):
            return None
    encode, solver = Encoder(), z3.Solver()
    solver.set("timeout", min(int(1000 * AT_ONCE), limits.milliseconds))
    for conjunct in specification.conjuncts:
        free = [z3_constant(v.name, v.sort) for v in conjunct.variables]
        claim = encode(conjunct.formula)
        solver.add(z3.ForAll(free, claim) if free else claim)
    return "no functions at all satisfy the constraints" if solver.check() == z3.unsat else None


def best_answer(portfolio: Portfolio, patience: float) -> Found | None:
    """The smallest answer found within ``patience`` times the seconds to the first one, half a second at least.

    It never takes more than half of what was left then.
    """
    with interrupted(portfolio.limits):
        for found in portfolio.answers():
            if portfolio.best is None:
                more = max(0.5, patience * portfolio.limits.spent)
                portfolio.limits.shorten(min(more, portfolio.limits.left / 2))
            if portfolio.best is None or found.answer.size < portfolio.best.answer.size:
                portfolio.best = found
                portfolio.limits.size = found.answer.size - 1  # only a smaller one is of use now
    return portfolio.best
