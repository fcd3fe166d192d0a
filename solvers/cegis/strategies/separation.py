"""Functions that no constraint connects are found one by one."""

from __future__ import annotations

from itertools import pairwise

from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.specification import Candidate, Specification
from solvers.cegis.strategy import InfeasibleError, Proposals, Strategy
from sygus.language.terms import SynthFunction, Term


def components(specification: Specification) -> list[list[SynthFunction]]:
    """The functions, those together that constraints connect, in the order of declaration."""
    group = {function: {function} for function in specification.functions}
    for conjunct in specification.conjuncts:
        used = [application.head for application in conjunct.applications]
        for one, other in pairwise(used):
            if group[one] is not group[other]:
                joined = group[one] | group[other]
                group |= dict.fromkeys(joined, joined)
    found = {id(functions): functions for functions in group.values()}
    return [[f for f in specification.functions if f in functions] for functions in found.values()]


def propose(specification: Specification, limits: Limits) -> Proposals:
    """The first answer of each component, joined.

    Raises:
        InfeasibleError: a component has none.
    """
    from solvers.cegis.portfolio import Portfolio

    parts = components(specification)
    bodies: dict[SynthFunction, Term] = {}
    for place, functions in enumerate(parts):
        part = limits.part(limits.left / (len(parts) - place))
        portfolio = Portfolio.of(specification.of(functions), part)
        found = next(portfolio.answers(), None)
        if portfolio.infeasible is not None:
            raise InfeasibleError(portfolio.infeasible)
        if found is None:
            if portfolio.out_of_time:
                raise OutOfTimeError
            return
        bodies |= found.answer.bodies
    candidate: Candidate = {function: bodies[function] for function in specification.functions}
    yield candidate


SEPARATION = Strategy(
    name="separation",
    doc="functions that no constraint connects, each by the strategies that suit it",
    applies=lambda specification: len(components(specification)) > 1,
    propose=propose,
    share=4.0,
)
