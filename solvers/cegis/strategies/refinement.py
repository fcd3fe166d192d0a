"""Counterexample-guided refinement of the smallest terms: what Z3 refutes becomes a sample."""

from __future__ import annotations

from collections.abc import Generator

from solvers.cegis.answer import Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.search.exhaustion import refute
from solvers.cegis.search.grammars import enumerable, has_reals, needs_exact
from solvers.cegis.search.initial import initial_instances
from solvers.cegis.search.open_values import looked_at
from solvers.cegis.search.samples import InstanceSamples
from solvers.cegis.search.smallest import SmallestTerms
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from sygus.language.terms import SynthFunction, Term


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
        samples = initial_instances(specification, exact=needs_exact(specification, grammar))
        formulas = [conjunct.formula for conjunct in specification.conjuncts]
        proved = False
        wrong: set[Term] = set()
        while True:
            rounded = not samples.exact and has_reals(grammar)
            terms = SmallestTerms(grammar, looked_at(samples, grammar, formulas), limits)
            refuted, right = yield from _judged(
                terms, target.function, samples, wrong, limits, doubting=rounded and not proved
            )
            proved |= right
            if refuted:
                continue
            if not proved:
                yield from refute(grammar, target, samples, limits, formulas)
            if proved or not rounded:
                return
            samples = samples.exactly()


def _judged(
    terms: SmallestTerms,
    function: SynthFunction,
    samples: InstanceSamples,
    wrong: set[Term],
    limits: Limits,
    *,
    doubting: bool,
) -> Generator[Candidate | None, Verdict, tuple[bool, bool]]:
    """Propose terms until one gives a sample more.

    Args:
        terms: that hold on the samples.
        function: whose bodies they are.
        samples: take counterexamples in.
        wrong: terms that were refuted, which are not proposed again.
        limits: of time.
        doubting: end where the samples take one of these for right, as they may others where reals are rounded, unless
            there is a right one.

    Returns:
        Whether the samples have one more, and whether a term was right.
    """
    right = False
    for found in terms.propose():
        if found is None:
            yield None
            continue
        term, _ = found
        if term in wrong:
            if doubting and not right:
                break
            continue
        verdict = yield Candidate({function: term})
        right |= verdict.right
        if verdict.conjunct is not None and verdict.counterexample is not None:
            wrong.add(term)
            if not verdict.conjunct.quantified and samples.add(verdict.counterexample, verdict.conjunct):
                return True, right
        limits.check()
    return False, right
