"""Small terms of a grammar found by what they compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import z3

from solvers.bank import Bank
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.evaluation import Program, Values, column
from solvers.cegis.search.samples import Samples, random_points
from sygus.language.problem import Grammar
from sygus.language.terms import Nonterminal, Term, Variable, expand
from sygus.language.theories.sorts import representation

POINTS = 24
LARGEST = 7
SECONDS = 0.4
SEED = 11


class _RandomInputs(Samples):
    """Arguments without anything asked of the values."""

    separate = True

    def __init__(self, parameters: Sequence[Variable]) -> None:
        points = random_points(parameters, POINTS, SEED)
        self.inputs: Mapping[Variable, Values] = {p: column([point[p] for point in points], p.sort) for p in parameters}

    @property
    def points(self) -> int:
        return POINTS

    def judge(self, values: Values) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.ones((len(values), POINTS), bool)


class Lookup:
    """The terms of every nonterminal up to a small size, by their values on random points; made when first asked.

    Args:
        grammar: without ``(Constant σ)``.
        parameters: of the function.
        limits: of time.
    """

    def __init__(self, grammar: Grammar, parameters: Sequence[Variable], limits: Limits) -> None:
        self.grammar = grammar
        self.limits = limits
        self.samples = _RandomInputs(parameters)
        self._bank: Bank[Values] | None = None
        self._reached = 0

    def equal_term(self, root: Term, nonterminal: Nonterminal) -> Term | None:
        """A small term of a nonterminal that Z3 proves equal, None where there is none."""
        if self._bank is None:
            self._enumerate()
        assert self._bank is not None
        values = np.broadcast_to(Program(root)(self.samples.inputs), POINTS)
        values = values.astype(representation(nonterminal.sort).number)
        for size in range(1, self._reached + 1):
            level = self._bank.level(nonterminal, size)
            for row in np.flatnonzero((level.values == values).all(1)):
                found = self._bank.term(nonterminal, size, int(row))
                if self._equal(found, root):
                    return found
        return None

    def _enumerate(self) -> None:
        limits = self.limits.effort(SECONDS)
        self._bank = sample_bank(self.grammar, self.samples, limits)
        try:
            while self._bank.size < LARGEST and self._bank.grow():
                self._reached = self._bank.size
        except OutOfTimeError:
            self.limits.check()

    def _equal(self, a: Term, b: Term) -> bool:
        encode = Encoder()
        solver = z3.Solver()
        solver.set("timeout", min(500, self.limits.milliseconds))
        solver.add(encode(expand(a)) != encode(expand(b)))
        return bool(solver.check() == z3.unsat)
