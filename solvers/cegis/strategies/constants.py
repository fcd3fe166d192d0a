"""Constants that Z3 solves for, in terms enumerated with symbols in their place.

Abate, David, Kesseli, Kroening, Polgreen: Counterexample Guided Inductive Synthesis Modulo Theories (CAV 2018).
"""

from __future__ import annotations

from dataclasses import field

from solvers.cegis.limits import Limits
from solvers.cegis.logic.solving import Solving
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.evaluation import column
from solvers.cegis.search.grammars import bounded
from solvers.cegis.search.samples import ArgumentSamples, random_points
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Proposals, Strategy
from sygus.errors import Position
from sygus.language.elaborate.defaults import has_constants
from sygus.language.terms import Sort, Term, Variable, leaf, subterms
from sygus.records import record

MOST = 2
"""Different constants of a sort in one term."""

POINTS, SEED = 24, 5
"""Random arguments and values of the symbols, which tell terms apart."""


@record(eq=False)
class _Symbols:
    """What stands for ``(Constant σ)``."""

    variables: dict[Sort, tuple[Variable, ...]] = field(default_factory=dict)

    def of(self, sort: Sort, _: Position) -> list[Term]:
        """The symbols of a sort."""
        made = tuple(Variable(f"|{sort} {number}", sort) for number in range(MOST))
        return [leaf(variable) for variable in self.variables.setdefault(sort, made)]

    def used(self, term: Term) -> list[Variable]:
        """Those in a term; none where it is another term with the symbols in another order."""
        heads = {node.head for node in subterms(term)}
        found = [[v for v in variables if v in heads] for variables in self.variables.values()]
        first = [list(variables[: len(part)]) for part, variables in zip(found, self.variables.values(), strict=True)]
        return [v for part in found for v in part] if found == first else []


class Constants(Strategy):
    """The smallest terms with constants for which Z3 finds values."""

    name = "constants"
    doc = "terms with symbols for (Constant σ), whose values Z3 finds (CEGIS modulo theories)"
    turn = 40

    def applies(self, specification: Specification) -> bool:
        """To a grammar of the file's own: without one, other strategies find constants."""
        if len(specification.targets) != 1 or specification.targets[0].free:
            return False
        grammar = specification.targets[0].written
        places = [place for productions in grammar.productions.values() for p in productions for place in p.constants]
        return bool(places) and all(has_constants(place.sort, specification.problem.theory) for place in places)

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Terms with symbols, smallest first, until one has values that are right."""
        (target,) = specification.targets
        symbols, solving = _Symbols(), Solving(specification, limits)
        grammar = target.written.closed(symbols.of)
        if limits.depth is not None:
            grammar = bounded(grammar, limits.depth)
        variables = [*target.function.parameters, *(v for of_sort in symbols.variables.values() for v in of_sort)]
        points = random_points(variables, POINTS, SEED)
        samples = ArgumentSamples({v: column([point[v] for point in points], v.sort) for v in variables})
        bank = sample_bank(grammar, samples, limits)
        while (limits.largest is None or bank.size < limits.largest) and (yield from bank.growing()):
            size = bank.size
            for row in range(len(bank.level(grammar.start, size))):
                yield None
                limits.check()
                term = bank.term(grammar.start, size, row)
                used = symbols.used(term)
                if used and (yield from solving.solved({target.function: term}, used)):
                    return
            if bank.exhausted:
                return
