"""Counterexample-guided refinement of the learner: what Z3 refutes becomes a sample."""

from __future__ import annotations

from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import Status, verify
from solvers.cegis.search.exhaustion import refute
from solvers.cegis.search.grammars import enumerable
from solvers.cegis.search.open_values import looked_at
from solvers.cegis.search.samples import InstanceSamples, first_points
from solvers.cegis.search.smallest import Learner
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Proposals, Strategy
from sygus.language.terms import Term

FIRST = 32
"""Random points to begin with."""

SEED = 7


def propose(specification: Specification, limits: Limits) -> Proposals:
    """Terms that Z3 proves, each smaller than the one before.

    Raises:
        InfeasibleError: the grammar has finitely many behaviours on the samples, and none is right.
    """
    (target,) = specification.targets
    grammar = enumerable(specification, target, limits.depth)
    samples = InstanceSamples(specification)
    variables = tuple(dict.fromkeys(v for conjunct in specification.conjuncts for v in conjunct.variables))
    samples.add_all(first_points(variables, FIRST, SEED))
    formulas = [conjunct.formula for conjunct in specification.conjuncts]
    proved = False
    wrong: set[Term] = set()
    while True:
        refuted = False
        for term, _ in Learner(grammar, looked_at(samples, grammar, formulas), limits).propose():
            if term in wrong:  # the samples cannot tell: reals are rounded there, and integers have 64 bits
                continue
            verdict = verify(specification, {target.function: term}, limits)
            if verdict.correct:
                proved = True
                yield {target.function: term}
            elif verdict.status is Status.WRONG and verdict.counterexample is not None and verdict.conjunct is not None:
                wrong.add(term)
                refuted = not verdict.conjunct.quantified and samples.add(verdict.counterexample, verdict.conjunct)
                if refuted:
                    break
            limits.check()
        if not refuted:
            if not proved:
                refute(grammar, target, samples, limits, formulas)
            return


def _applies(specification: Specification) -> bool:
    one = len(specification.functions) == 1 and specification.examples is None
    return one and not any(conjunct.nested for conjunct in specification.conjuncts)


REFINEMENT = Strategy(
    name="refinement",
    doc="terms enumerated on counterexamples, unified by a decision tree where that is sound",
    applies=_applies,
    propose=propose,
)
