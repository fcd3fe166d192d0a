"""Further answers, smallest first."""

from __future__ import annotations

import numpy as np

from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import Status, verify
from solvers.cegis.search.enumeration import Enumerator
from solvers.cegis.search.grammars import enumerable
from solvers.cegis.search.samples import ExampleSamples, InstanceSamples, Samples, first_points
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Proposals, Strategy
from sygus.language.problem import Grammar
from sygus.language.terms import Nonterminal

FIRST = 32
SEED = 7


def propose(specification: Specification, limits: Limits) -> Proposals:
    """Every term of the start symbol built of the smallest terms of each behaviour, by size.

    Terms that behave alike on the samples count as one as parts of others, but not as answers. A counterexample starts
    the enumeration anew, so an answer that comes after it can be smaller than one that came before.
    """
    (target,) = specification.targets
    grammar = rooted(enumerable(specification, target, limits.depth))
    samples = _samples(specification)
    while True:
        refuted = False
        enumerator = Enumerator(grammar, samples, limits, all_of=grammar.start)
        while not refuted and enumerator.grow():
            if (limits.largest is not None and enumerator.size > limits.largest) or enumerator.exhausted:
                return
            level = enumerator.level(grammar.start, enumerator.size)
            holds = samples.judge(level.values).all(1) if len(level) else np.zeros(0, bool)
            for row in np.flatnonzero(holds):
                candidate = {target.function: enumerator.term(grammar.start, enumerator.size, int(row))}
                verdict = verify(specification, candidate, limits)
                if verdict.correct:
                    yield candidate
                elif verdict.status is Status.WRONG and isinstance(samples, InstanceSamples):
                    assert verdict.counterexample is not None
                    refuted = samples.add(verdict.counterexample, verdict.conjunct)
                    if refuted:
                        break
            limits.check()
        if not refuted:
            return


def rooted(grammar: Grammar) -> Grammar:
    """The grammar with a start symbol that stands in no production, and renames nothing."""
    reached = [grammar.start]
    for nonterminal in reached:
        for production in grammar.productions[nonterminal]:
            if production.is_chain and production.holes[0] not in reached:
                reached.append(production.holes[0])
    start = Nonterminal(f"{grammar.start.name} of answers", grammar.start.sort)
    own = tuple(p for nonterminal in reached for p in grammar.productions[nonterminal] if not p.is_chain)
    return Grammar({start: own, **grammar.productions})


def _samples(specification: Specification) -> Samples:
    if specification.examples is not None:
        return ExampleSamples(specification.functions[0], specification.examples)
    samples = InstanceSamples(specification)
    variables = tuple(dict.fromkeys(v for conjunct in specification.conjuncts for v in conjunct.variables))
    samples.add_all(first_points(variables, FIRST, SEED))
    return samples


def _applies(specification: Specification) -> bool:
    return len(specification.functions) == 1 and not any(conjunct.nested for conjunct in specification.conjuncts)


STREAM = Strategy(
    name="stream",
    doc="every answer, smallest first, by enumeration alone",
    applies=_applies,
    propose=propose,
)
