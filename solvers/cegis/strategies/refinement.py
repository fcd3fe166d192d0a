"""Counterexample-guided refinement of the smallest terms: what Z3 refutes becomes a sample."""

from __future__ import annotations

from solvers.cegis.limits import Limits
from solvers.cegis.search.exhaustion import refute
from solvers.cegis.search.grammars import enumerable
from solvers.cegis.search.initial import initial_instances
from solvers.cegis.search.open_values import looked_at
from solvers.cegis.search.smallest import SmallestTerms
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from sygus.language.terms import Term


class Refinement(Strategy):
    """The smallest terms that hold on the samples."""

    name = "refinement"
    doc = "terms enumerated on counterexamples, unified by a decision tree where that is sound"
    turn = 50

    def applies(self, specification: Specification) -> bool:
        """To one function that is not applied to itself."""
        one = len(specification.functions) == 1 and specification.examples is None
        return one and not any(conjunct.nested for conjunct in specification.conjuncts)

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Terms that hold on the samples, smallest first; a counterexample is a sample more, and all begins anew.

        Raises:
            InfeasibleError: the grammar has finitely many behaviours on the samples, and none is right.
        """
        (target,) = specification.targets
        grammar = enumerable(specification, target, limits.depth)
        samples = initial_instances(specification)
        formulas = [conjunct.formula for conjunct in specification.conjuncts]
        proved = False
        wrong: set[Term] = set()
        while True:
            refuted = False
            for term, _ in SmallestTerms(grammar, looked_at(samples, grammar, formulas), limits).propose():
                if term in wrong:  # the samples cannot tell: reals are rounded there, and integers have 64 bits
                    continue
                verdict = yield Candidate({target.function: term})
                proved |= verdict.right
                if verdict.conjunct is not None and verdict.counterexample is not None:
                    wrong.add(term)
                    refuted = not verdict.conjunct.quantified and samples.add(verdict.counterexample, verdict.conjunct)
                    if refuted:
                        break
                limits.check()
            if not refuted:
                if not proved:
                    refute(grammar, target, samples, limits, formulas)
                return
