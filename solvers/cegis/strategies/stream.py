"""Further answers, smallest first."""

from __future__ import annotations

import numpy as np

from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.grammars import enumerable, needs_exact
from solvers.cegis.search.initial import initial_samples
from solvers.cegis.search.samples import InstanceSamples
from solvers.cegis.search.unification import renamed
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from sygus.language.problem import Grammar
from sygus.language.terms import Nonterminal


class Stream(Strategy):
    """Every term of the start symbol built of the smallest terms of each behaviour, by size."""

    name = "stream"
    doc = "every answer, smallest first, by enumeration alone"
    turn = 70
    by_size = True

    def applies(self, specification: Specification) -> bool:
        """To one function that is not applied to itself."""
        one = len(specification.functions) == 1
        return one and not any(conjunct.nested for conjunct in specification.conjuncts)

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Terms that behave alike on the samples count as one as parts of others, but not as answers.

        A counterexample starts the enumeration anew, so an answer that comes after it can be smaller than one that came
        before.
        """
        (target,) = specification.targets
        grammar = rooted(enumerable(specification, target, limits.depth))
        samples = initial_samples(specification, exact=needs_exact(specification, grammar))
        while True:
            refuted = False
            bank = sample_bank(grammar, samples, limits, all_of=grammar.start)
            while not refuted and (yield from bank.growing()):
                if (limits.largest is not None and bank.size > limits.largest) or bank.exhausted:
                    return
                level = bank.level(grammar.start, bank.size)
                holds = (yield from samples.judging(level.values, limits)).all(1)
                for row in np.flatnonzero(holds):
                    term = bank.term(grammar.start, bank.size, int(row))
                    verdict = yield Candidate({target.function: term})
                    if verdict.counterexample is not None and isinstance(samples, InstanceSamples):
                        refuted = samples.add(verdict.counterexample, verdict.conjunct)
                        if refuted:
                            break
                limits.check()
            if not refuted:
                return


def rooted(grammar: Grammar) -> Grammar:
    """The grammar with a start symbol that stands in no production, and renames nothing."""
    reached = renamed(grammar)
    start = Nonterminal(f"{grammar.start.name} of answers", grammar.start.sort)
    own = tuple(p for nonterminal in reached for p in grammar.productions[nonterminal] if not p.is_chain)
    return Grammar({start: own, **grammar.productions})
