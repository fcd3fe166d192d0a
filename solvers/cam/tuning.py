"""The constants of promising terms, tuned on the search pictures.

A grammar's ``(Constant Real)`` is enumerated with a few values; where a term with one does well, the best value may lie
between them. Each constant in turn is moved by Brent's bounded search (SciPy) on the logarithmic scale. Every value it
tries is rounded first and proposed as a term like any other: the constant that is printed is the one that was scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import minimize_scalar

from solvers.cam.archive import Judged
from solvers.cam.learner import Fate
from sygus.language.problem import Derivation, Grammar
from sygus.language.terms import REAL, AnyConstant, Literal, Term, Variable, leaf, substitute, term
from sygus.oracles.cam import Scores
from sygus.oracles.objective import CamProblem

DIGITS = 3
"""Significant digits of a tuned constant."""

EVALUATIONS = 10
"""Values tried for each constant of a term."""

REACH = 8.0
"""How many times larger or smaller than where it began a constant may become."""


@dataclass(frozen=True)
class Open:
    """A term with its positive real constants open.

    Attributes:
        shape: the term with a variable in the place of each.
        places: these variables.
        values: what stood there.
    """

    shape: Term
    places: tuple[Variable, ...]
    values: tuple[float, ...]

    def filled(self, values: Sequence[float]) -> Term:
        """The term with these values, rounded to :data:`DIGITS` digits."""
        literals = (leaf(Literal(rounded(value), REAL)) for value in values)
        return substitute(self.shape, dict(zip(map(leaf, self.places), literals, strict=True)))


def rounded(value: float) -> Fraction:
    """The nearest number of :data:`DIGITS` significant digits."""
    return Fraction(f"{value:.{DIGITS - 1}e}")


def opened(root: Term, grammar: Grammar) -> Open | None:
    """A term with its constants open; None where the grammar's ``(Constant Real)`` derives no positive one in it.

    Args:
        root: what the grammar derives.
        grammar: as the file writes it.
    """
    derivation = grammar.derive(root)
    if derivation is None:
        return None
    found: dict[Variable, float] = {}

    def variable(value: Fraction | int) -> Term:
        place = Variable(f"(Constant Real) {len(found) + 1}", REAL)
        found[place] = float(value)
        return leaf(place)

    shape = _opened(derivation, root, variable)
    return Open(shape, tuple(found), tuple(found.values())) if found else None


def _opened(derivation: Derivation, node: Term, variable: Callable[[Fraction | int], Term]) -> Term:
    production = derivation.production
    parts = production.match(node)
    assert parts is not None
    children = tuple(_opened(child, part, variable) for child, part in zip(derivation.children, parts, strict=True))
    chosen = {}
    for place, found in _constants(production.template, node):
        value = found.head.value if isinstance(found.head, Literal) and place.sort == REAL else None
        positive = value if isinstance(value, Fraction | int) and value > 0 else None
        chosen[term(place, (), place.sort)] = found if positive is None else variable(positive)
    return substitute(production.instantiate(children), chosen)


def _constants(template: Term, node: Term) -> Iterable[tuple[AnyConstant, Term]]:
    """Each ``(Constant σ)`` of a template with what stands there in a term that it matches."""
    stack = [(template, node)]
    while stack:
        pattern, found = stack.pop()
        if isinstance(pattern.head, AnyConstant):
            yield pattern.head, found
        else:
            stack.extend(zip(pattern.arguments, found.arguments, strict=False))


class Tuner:
    """Tunes the constants of terms, each shape once.

    Args:
        grammar: as the file writes it.
        cost: judges a term and says how good it is, the smaller the better.
    """

    def __init__(self, grammar: Grammar, cost: Callable[[Term], float]) -> None:
        self._grammar = grammar if grammar.has_constants else None
        self._cost = cost
        self._looked_at: set[Term] = set()
        self._tuned: set[Term] = set()
        self.shapes = 0
        self.evaluations = 0

    def tune(self, terms: Iterable[Term]) -> None:
        """Try other constants in these terms, where no term of the same shape was tuned before."""
        if self._grammar is None:
            return
        for one in terms:
            if one in self._looked_at:  # the front hardly changes from batch to batch
                continue
            self._looked_at.add(one)
            found = opened(one, self._grammar)
            if found is not None and found.shape not in self._tuned:
                self._tuned.add(found.shape)
                self.shapes += 1
                self._descend(found)

    def _descend(self, found: Open) -> None:
        """Each constant in turn, from the first; the others stay at the best value so far."""
        best = list(found.values)
        known: dict[Term, float] = {}
        for index in range(len(best)):

            def cost(logarithm: float, index: int = index) -> float:
                tried = found.filled([*best[:index], math.exp(logarithm), *best[index + 1 :]])
                if tried not in known:
                    self.evaluations += 1
                    known[tried] = self._cost(tried)
                return known[tried]

            middle, reach = math.log(best[index]), math.log(REACH)
            minimum = minimize_scalar(
                cost,
                bounds=(middle - reach, middle + reach),
                method="bounded",
                options={"maxiter": EVALUATIONS, "xatol": 10.0**-DIGITS},
            )
            if minimum.fun < cost(middle):
                best[index] = float(rounded(math.exp(minimum.x)))


class Bar:
    """The best term as it was proposed, with no constant tuned: who is ahead of it deserves to be tuned.

    Of terms that lost a race the difference is taken on the pictures that both saw, and has to be more than its
    standard error; of a batch, the one that is ahead most.

    Args:
        problem: with objectives. Only the first one counts, where it is a metric and outranks the others.
    """

    def __init__(self, problem: CamProblem) -> None:
        goal = problem.goals[0] if problem.goals and problem.is_ordered else None
        self._metric = goal.metric if goal is not None else None
        self._sign = goal.rank(1.0) if goal is not None else 1.0
        self._best: Scores | None = None

    def over(self, batch: Iterable[Judged]) -> list[Judged]:
        """Who of a batch of proposals is ahead, one at most; a feasible one that is complete is the next to beat."""
        if self._metric is None:
            return []
        found: list[tuple[float, Judged]] = []
        for judged in batch:
            outcome = judged.outcome
            scores = outcome.scores.get(self._metric)
            lost = scores is not None and bool(np.isnan(scores).any())
            if scores is None or outcome.fate is Fate.DUPLICATE or not (lost or outcome.feasible):
                continue
            ahead = self._ahead(scores)
            if ahead > 0:
                found.append((ahead, judged))
                if outcome.complete:
                    self._best = scores
        return [max(reversed(found), key=lambda one: one[0])[1]] if found else []

    def _ahead(self, scores: Scores) -> float:
        """By how many standard errors scores are better than the best; 0 where they are not by one."""
        if self._best is None:
            return 0.0 if np.isnan(scores).any() else math.inf
        seen = ~np.isnan(scores)
        gains = -self._sign * (scores[seen].astype(np.float64) - self._best[seen])
        mean = float(gains.mean())
        if seen.all():
            return math.inf if mean > 0 else 0.0
        error = float(gains.std(ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else math.inf
        return mean / error if mean > error > 0 else 0.0
