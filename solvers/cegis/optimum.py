"""Weights and objectives, as a sequence of ordinary problems.

Once the weights of an answer are chosen they are numbers, and the grammars are those of the terms of these weights. An
answer that is better by an objective satisfies one more constraint; where that has no answer, the one before it is the
best. So the ordinary solvers find the answers, and what they prove infeasible is the proof that none is better. How
good an answer may be at most, Z3's optimiser says, of functions of which nothing is known but the constraints at the
points that the objective looks at, see :mod:`solvers.cegis.relaxation`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import field, replace
from enum import Enum
from itertools import islice, product
from math import inf
from operator import ge, gt, le, lt

from solvers.cegis.answer import Answer, Judgement
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.construction import FALSE
from solvers.cegis.logic.verifier import check, interrupted
from solvers.cegis.portfolio import AUTO, Found, Portfolio
from solvers.cegis.relaxation import Bound, Relaxation, Value, computed
from solvers.cegis.search.weighing import Weights, achievable
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Strategy
from solvers.cegis.weighted import Weighted, calls_any
from sygus.errors import OptionError, SourceError
from sygus.language.problem import Problem
from sygus.language.terms import INT, Literal, Term, substitute
from sygus.language.theories.values import value_term
from sygus.records import record

FIRST_SECONDS, FIRST_REACH = 0.5, 8
"""Of the first round through the weights: what each may take, and how large they are together; the next have twice."""

FARTHEST = 128
"""Sum of the weights beyond which terms are found only as they come."""

MOST_CHOICES = 1_000
"""Of weights that are gone through in a round."""

Values = tuple[Value, ...]
"""Of the objectives, in their order."""


@record(frozen=True, eq=False)
class Best:
    """An answer with the values of its objectives."""

    found: Found
    values: Values
    weights: Weights


class _Outcome(Enum):
    """What a search for a better answer came to."""

    CLOSED = "none is better, which is proved"
    ENDED = "nothing more to propose"
    STOPPED = "out of time"


@record(eq=False)
class Optimum:
    """A problem with weights or objectives.

    Args:
        problem: what is asked.
        limits: of the whole search.
        choice: the strategy.

    Attributes:
        infeasible: the proof that there is no answer, in words, once there is one.
        out_of_time: whether the clock ended the whole, so that more time might change what is known; a search that it
            stopped and that is gone on with later does not count.
        best: the answer so far: by the first objective, of those equal by the second, and so on, which is one of the
            Pareto set too.
        proved: whether no answer is better.
        others: the rest of the Pareto set as far as it is known, where the objectives are equals.
        complete: whether that is proved to be all.
        searches: how many ordinary problems were looked at.
        left_out: answers at which an objective has no value, as ``(div 7 (f 0))`` where f(0) is 0.
    """

    problem: Problem
    limits: Limits
    choice: str | Strategy = AUTO
    infeasible: str | None = None
    out_of_time: bool = False
    best: Best | None = None
    proved: bool = False
    others: list[Best] = field(default_factory=list)
    complete: bool = False
    searches: int = 0
    left_out: int = 0

    def __post_init__(self) -> None:
        self.weighted = weighted = Weighted.of(self.problem)
        self._objectives, self._symbols = weighted.objectives, weighted.symbols
        self._relaxation = Relaxation(
            weighted.constraints, weighted.assumptions, weighted.objectives, weighted.symbols, self.limits
        )
        self._reason: str | None = None
        self._left_unfinished = False  # the search without regard to weights
        self._current: Best | None = None
        self._front: list[Values] = []

    def solve(self) -> None:
        """Look for the best answer, and for others that are equals, until the time is over.

        Raises:
            SourceError: an objective has a value that Z3 computes at none of the answers.
        """
        try:
            with interrupted(self.limits):
                self._go_through()
        except OutOfTimeError:
            self.out_of_time = True
        self.require_value()

    def require_value(self) -> None:
        """Refuse an objective that has a value at none of the answers so far.

        Raises:
            SourceError: it has none.
        """
        if self.left_out and self.best is None:
            raise self._valueless()

    def _go_through(self) -> None:
        self.proved = self._settle()
        while self.best is not None and self.proved and self._has_equals:
            self._front.append((self.others[-1] if self.others else self.best).values)
            self._current = None
            proved = self._settle()
            if self._current is None:
                self.complete = proved
                return
            if not proved:
                return
            self.others.append(self._current)

    @property
    def _has_equals(self) -> bool:
        return len(self._objectives) > 1 and not self.problem.lexicographic

    # One answer

    def _settle(self) -> bool:
        """Find the best answer by the objectives in turn; whether it is proved that there is none better, or none."""
        none = not self._relaxation_found() and (self.infeasible is not None or self._rounds(None))
        self.out_of_time |= self._left_unfinished and not none and self._current is None
        if self._current is not None:
            proved = [self._rounds(place) for place in range(len(self._objectives))]
            return all(proved)
        if none and not self._front and self.infeasible is None:
            about = "terms of no weights that may be satisfy the constraints"
            self.infeasible = about if self._symbols else self._reason
        return none

    def _relaxation_found(self) -> bool:
        """Look for an answer without regard to weights; whether it stands with those that it has."""
        if not self._symbols or self._front:
            return False
        found, outcome = self._search(self.weighted.without_weights(), None, self.limits.left / 2)
        if outcome is _Outcome.CLOSED:
            self.infeasible = self._reason
        self._left_unfinished = found is None and outcome is _Outcome.STOPPED
        return found is not None and self._stands(found)

    def _stands(self, found: Found) -> bool:
        """Whether an answer that was found without looking at weights satisfies what is asked of its own."""
        weights = self.weighted.weights_of(found.answer)
        problem = self.weighted.numbered(weights, self.problem.targets, [])
        if check(Specification(problem), found.answer.bodies, self.limits).judgement is not Judgement.ACCEPTED:
            return False
        self._take(found, weights)
        return True

    def _take(self, found: Found, weights: Weights) -> None:
        values = tuple(self._value(one.term, weights, found.answer) for one in self._objectives)
        literals = (Literal(v, one.term.sort) for v, one in zip(values, self._objectives, strict=True))
        shown = replace(found.answer, values=tuple(literals))
        self._current = Best(Found(shown, found.strategy, self.limits.spent), values, weights)
        if not self._front:
            self.best = self._current

    # Better ones

    def _rounds(self, place: int | None) -> bool:
        """Go through all weights again and again, each time for longer; whether everything is settled.

        Args:
            place: of the objective to make better; None where any answer is looked for.
        """
        settled: dict[Weights, _Outcome] = {}
        seconds, reach = FIRST_SECONDS if self._symbols else self.limits.left, FIRST_REACH
        while True:
            choices, known = self._choices(reach)
            for weights in choices:
                if weights in settled:
                    continue
                self.limits.check()
                outcome = self._better(place, weights, seconds)
                if outcome is not _Outcome.STOPPED:
                    settled[weights] = outcome
                if place is None and self._current is not None:
                    return False
            waiting = any(weights not in settled for weights in choices)
            beyond = known < 0 or (known < inf and self._relaxation.any_beyond(reach, self._bounds(place)))
            if not waiting and not beyond:
                return all(outcome is _Outcome.CLOSED for outcome in settled.values())
            if not self.limits.left:
                self.out_of_time = True
                return False
            if not waiting and reach >= FARTHEST:
                return False
            seconds *= 2
            reach = min(2 * reach, FARTHEST)

    def _choices(self, reach: int) -> tuple[list[Weights], float]:
        """The weights that terms have, the least first, and up to which sum there are no others; -1 of no sum."""
        parts, known = [], inf
        for target in self.problem.targets:
            keywords = self.weighted.keywords.get(target.function.name)
            if keywords:
                found, own = achievable(target.written, keywords, reach, self.limits.check)
                parts.append(sorted(found, key=lambda one: (sum(one), one)))
                known = min(known, own)
        joined = [sum(each, ()) for each in islice(product(*parts), MOST_CHOICES)]
        return sorted(joined, key=lambda one: (sum(one), one)), known if len(joined) < MOST_CHOICES else -1

    def _better(self, place: int | None, weights: Weights, seconds: float) -> _Outcome:
        """Find better answers of these weights until there are no more."""
        limits = self.limits.part(seconds)
        step, aim = 1, None if place is None else self._aim(place, weights, limits)
        while limits.left:
            exact = step == 1 and aim is None
            found, outcome = self._sought(place, weights, step, aim, limits.left if exact else limits.left / 2)
            if found is None and exact:
                return outcome
            if found is None:
                step, aim = 1, None
                continue
            self._take(self.weighted.restored(found, weights), weights)
            if place is None:
                break
            step = 2 * step if aim is None and self._objectives[place].term.sort == INT else 1
            aim = None
        return _Outcome.STOPPED

    def _sought(
        self, place: int | None, weights: Weights, step: int, aim: Value | None, seconds: float
    ) -> tuple[Found | None, _Outcome]:
        """An answer of these weights that is better by a step, or as good as it may be at most."""
        goals = self._goals(place, weights, step, aim)
        if goals is None or (goals and not self._relaxation.possible(weights, goals)):
            return None, _Outcome.CLOSED
        problem = self.weighted.with_weights(weights, goals)
        if problem is None:
            return None, _Outcome.ENDED
        if any(not target.written.productions[target.written.start] for target in problem.targets):
            return None, _Outcome.CLOSED
        return self._search(problem, weights, seconds)

    def _search(self, problem: Problem, weights: Weights | None, seconds: float) -> tuple[Found | None, _Outcome]:
        """The first answer to an ordinary problem at which all objectives have values; its own weights where None."""
        self.searches += 1
        limits = self.limits.part(seconds)
        try:
            portfolio = Portfolio.of(Specification(problem), limits, self.choice)
        except OptionError:
            if self.best is None:
                raise
            return None, _Outcome.ENDED  # the strategy that was chosen finds answers, but none that must be better
        with closing(portfolio.answers()) as answers:
            for found in answers:
                if self._is_valued(found.answer, weights):
                    return found, _Outcome.ENDED
                self.left_out += 1
        self._reason = portfolio.infeasible
        if self._reason is not None:
            return None, _Outcome.CLOSED
        return None, _Outcome.STOPPED if portfolio.out_of_time else _Outcome.ENDED

    def _is_valued(self, answer: Answer, weights: Weights | None) -> bool:
        """Whether every objective is a number, whatever the standard leaves open, such as quotients by zero."""
        own = self.weighted.weights_of(answer) if weights is None else weights
        found = all(self._computed(one.term, own, answer) is not None for one in self._objectives)
        self.limits.check()  # what is interrupted computes nothing
        return found

    def concrete(self, best: Best) -> Problem:
        """The problem with the numbers that the weights of an answer are, and of the terms of these alone."""
        weighted = self.weighted
        return weighted.with_weights(best.weights, []) or weighted.numbered(best.weights, self.problem.targets, [])

    # What is asked of better ones

    def _bounds(self, place: int | None) -> list[list[Bound]]:
        """What answers that are of use must be better than, one of each, or as good as."""
        found = [[Bound(one, value, strictly=True) for one, value in enumerate(values)] for values in self._front]
        if place is not None and self._current is not None:
            values = self._current.values
            found += [[Bound(one, values[one], strictly=False)] for one in range(place)]
            found.append([Bound(place, values[place], strictly=True)])
        return found

    def _aim(self, place: int, weights: Weights, limits: Limits) -> Value | None:
        """The best that an objective may be at these weights, None where that is not known or not better."""
        body = substitute(self._objectives[place].term, self.weighted.numbers(weights))
        if self._current is None or not calls_any(body):
            return None
        goals = self._goals(place, weights, 1, None)
        return None if goals is None else self._relaxation.best(place, body, weights, goals, limits)

    def _goals(self, place: int | None, weights: Weights, step: int, aim: Value | None) -> list[Term] | None:
        """The constraints that an answer of some weights must satisfy to be of use, None where it cannot."""
        goals: list[Term] = []
        if place is not None and self._current is not None:
            for other in range(place):
                goals += self._related(other, weights, self._current.values[other], strictly=False)
            objective, value = self._objectives[place], self._current.values[place]
            if aim is not None:
                goals += self._related(place, weights, aim, strictly=False)
            elif step > 1 and objective.term.sort == INT:
                bound = value - step if objective.direction == "min" else value + step
                goals += self._related(place, weights, bound, strictly=False)
            else:
                goals += self._related(place, weights, value, strictly=True)
        for values in self._front:
            parts = [self._related(one, weights, value, strictly=True) for one, value in enumerate(values)]
            if all(parts):
                goals.append(self.weighted.apply("or", *(part[0] for part in parts)) if len(parts) > 1 else parts[0][0])
        return None if any(goal == FALSE for goal in goals) else goals

    def _related(self, place: int, weights: Weights, value: Value, *, strictly: bool) -> list[Term]:
        """That an objective is better than a value, or no worse: a constraint, or none where it is so."""
        objective = self._objectives[place]
        smaller = objective.direction == "min"
        body = substitute(objective.term, self.weighted.numbers(weights))
        if not calls_any(body):
            compare = (lt if smaller else gt) if strictly else (le if smaller else ge)
            return [] if compare(self._value(objective.term, weights, None), value) else [FALSE]
        name = ("<" if smaller else ">") + ("" if strictly else "=")
        return [self.weighted.apply(name, body, value_term(value, body.sort, self.problem.theory))]

    def _value(self, root: Term, weights: Weights, answer: Answer | None) -> Value:
        """The value of an objective that has one."""
        found = self._computed(root, weights, answer)
        if found is not None:
            return found
        self.limits.check()  # what is interrupted computes nothing
        raise self._valueless()

    def _computed(self, root: Term, weights: Weights, answer: Answer | None) -> Value | None:
        """What Z3 computes of an objective, or following recursion to its end gives; None where that is no number."""
        body = substitute(root, self.weighted.numbers(weights))
        return computed(body, answer.bodies if answer else {})

    def _valueless(self) -> SourceError:
        message = "Z3 does not compute the value of an objective"
        return self.problem.error(message, self.problem.asked, "let it be a number once the functions are known")
