"""Sums of multiples of the parameters, with coefficients by Z3: where constraints look at several values at once."""

from __future__ import annotations

from solvers.cegis.answer import Judgement, Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.logic.solving import Solving
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Proposals, Strategy
from solvers.pausing import step
from sygus.language.terms import INT, REAL, SynthFunction, Term, Variable, leaf

ROUNDS = 40
"""How often coefficients are refuted before they are given up."""


class Linear(Strategy):
    """One sum for each function, with a symbol for each coefficient."""

    name = "linear"
    doc = "sums of multiples of the parameters, coefficients by Z3 on the points that refuted others"
    share = 0.25
    turn = 45

    def applies(self, specification: Specification) -> bool:
        """To functions of numbers, where instantiation and examples do not say all."""
        of_numbers = all(
            function.sort in (INT, REAL) and {p.sort for p in function.parameters} == {function.sort}
            for function in specification.functions
        )
        return of_numbers and specification.examples is None and specification.single_invocation is None

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Coefficients that serve all points so far, until they are right or there are none."""
        make = Construction(specification.problem.theory)
        symbols: list[Variable] = []
        try:
            bodies = {function: _sum(function, symbols, make) for function in specification.functions}
        except KeyError:  # the logic has no products
            return
        search = Solving(specification, limits, make.simplified).solved(bodies, symbols, ROUNDS)
        verdict: Verdict | None = None
        while True:
            try:
                candidate = step(search, verdict)
            except StopIteration:
                return
            verdict = yield candidate
            if candidate is not None and verdict.judgement is Judgement.NOT_DERIVED:
                yield from proposed(specification, candidate.bodies, limits)
                return


def _sum(function: SynthFunction, symbols: list[Variable], make: Construction) -> Term:
    """The sum of a function, its symbols being added to those before."""
    own = [Variable(f"|coefficient {len(symbols) + n}", function.sort) for n in range(len(function.parameters) + 1)]
    symbols.extend(own)
    found = leaf(own[0])
    for parameter, symbol in zip(function.parameters, own[1:], strict=True):
        found = make.apply("+", found, make.apply("*", leaf(symbol), leaf(parameter)))
    return found
