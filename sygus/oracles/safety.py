"""The safety oracle: Z3 proves from the domain facts that no denominator of a strict division can be zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal as OneOf

import z3

from sygus.language.problem import Grammar, Production
from sygus.language.terms import Hole, Literal, Nonterminal, Term, Variable, expand, fill, fold, subterms
from sygus.language.theories import Function
from sygus.language.theories.function import Facts
from sygus.language.theories.sorts import representation, z3_constant

Domain = OneOf["any", "nonnegative", "unit"]
"""Which values a variable takes: any real, at least 0, or in the open interval (0, 1)."""

EFFORT = 500_000
"""Z3's units of work (``rlimit``) for one proof, about a second of a quiet core: a verdict hangs on no clock."""


@dataclass(frozen=True)
class Verdict:
    """The answer of the safety oracle.

    Attributes:
        safe: every denominator is proved nonzero.
        denominator: the first that is not.
        witness: values at one pixel that make it zero, where Z3 found some; a reduction such as ``gap`` appears under
            its name and is only bounded by what is known of it.
    """

    safe: bool
    denominator: Term | None = None
    witness: Mapping[str, str] | None = None


class _Encoding:
    """The Z3 form of one term, with what is known of its parts; implements the protocol ``Facts``."""

    def __init__(self, domains: Mapping[str, Domain], effort: int) -> None:
        self.solver = z3.Solver()
        self.solver.set("rlimit", effort)
        self.solver.set("ctrl_c", False)  # an interrupt is Python's, not a denominator that cannot be proved
        self.domains = domains
        self.count = 0

    def fresh(self, name: str) -> z3.ArithRef:
        self.count += 1
        return z3.Real(f"{name}!{self.count}")

    def assume(self, fact: z3.BoolRef) -> None:
        self.solver.add(fact)

    def proves(self, claim: z3.BoolRef) -> bool:
        return bool(self.refute(claim) == z3.unsat)

    def refute(self, claim: z3.BoolRef) -> z3.CheckSatResult:
        """Sat with a model in the solver where the claim can be false."""
        self.solver.push()
        self.solver.add(z3.Not(claim))
        result = self.solver.check()
        self.model = self.solver.model() if result == z3.sat else None
        self.solver.pop()
        return result

    def encode(self, root: Term) -> z3.ExprRef:
        def visit(node: Term, arguments: list[z3.ExprRef]) -> z3.ExprRef:
            head = node.head
            if isinstance(head, Function):
                return head.z3(self, *arguments)
            if isinstance(head, Literal):
                return representation(head.sort).z3_value(head.value)
            if isinstance(head, Variable):
                return self.variable(head)
            raise TypeError(f"{head!r} has no Z3 form")

        return fold(root, visit)

    def variable(self, variable: Variable) -> z3.ExprRef:
        value = z3_constant(variable.name, variable.sort)
        state_domain(self, value, self.domains.get(variable.name, "any"))
        return value


def state_domain(facts: Facts, value: z3.ArithRef, domain: Domain) -> None:
    """Assume that the value lies in the domain."""
    match domain:
        case "nonnegative":
            facts.assume(value >= 0)
        case "unit":
            facts.assume(z3.And(value > 0, value < 1))


class SafetyOracle:
    """Decides which terms may be evaluated. Answers are remembered by denominator.

    Args:
        domains: what is known of the variables, by name.
        effort: for one proof, in Z3's units of work; what is not proved with it is not safe.
    """

    def __init__(self, domains: Mapping[str, Domain], effort: int = EFFORT) -> None:
        self.domains = domains
        self.effort = effort
        self._verdicts: dict[Term, Verdict] = {}

    def check(self, root: Term) -> Verdict:
        """Whether every strict division in the term has a nonzero denominator."""
        for node in subterms(expand(root)):
            if isinstance(node.head, Function):
                for position in node.head.nonzero:
                    verdict = self.nonzero(node.arguments[position])
                    if not verdict.safe:
                        return verdict
        return Verdict(True)

    def nonzero(self, denominator: Term) -> Verdict:
        """Whether the term is nonzero for all values of the variables."""
        if denominator not in self._verdicts:
            encoding = _Encoding(self.domains, self.effort)
            result = encoding.refute(encoding.encode(expand(denominator)) != 0)
            witness = None
            if encoding.model is not None:
                witness = {str(symbol): str(encoding.model[symbol]) for symbol in encoding.model.decls()}
            self._verdicts[denominator] = Verdict(result == z3.unsat, denominator, witness)
        return self._verdicts[denominator]


@dataclass(frozen=True)
class Hazard:
    """What is known of the denominators that a production with a strict division can have.

    Attributes:
        nonterminal: that the production is of.
        production: as the file writes it.
        denominators: how many were tried, the smallest first.
        unsafe: those that are not proved nonzero, the smallest first, each with the oracle's verdict.
    """

    nonterminal: Nonterminal
    production: Production
    denominators: int
    unsafe: tuple[Verdict, ...]


def hazards(grammar: Grammar, oracle: SafetyOracle, tried: int = 40) -> list[Hazard]:
    """The productions with strict divisions, with what the smallest terms in their denominators do.

    Args:
        grammar: without ``(Constant σ)``.
        oracle: with what is known of the variables.
        tried: denominators of each division.
    """
    small = smallest_terms(grammar, tried)
    found = []
    for nonterminal, productions in grammar.productions.items():
        for production in productions:
            templates = [
                node.arguments[position]
                for node in subterms(expand(production.template))
                if isinstance(node.head, Function)
                for position in node.head.nonzero
            ]
            if not templates:
                continue
            denominators = [d for template in templates for d in islice(_fillings(template, small), tried)]
            verdicts = (oracle.nonzero(denominator) for denominator in denominators)
            unsafe = tuple(verdict for verdict in verdicts if not verdict.safe)
            found.append(Hazard(nonterminal, production, len(denominators), unsafe))
    return found


def _fillings(template: Term, small: Mapping[Nonterminal, list[Term]]) -> Iterator[Term]:
    """The template with small terms in its holes, the smallest first."""
    holes = {n.head.index: n.head.nonterminal for n in subterms(template) if isinstance(n.head, Hole)}
    choices = sorted(product(*(small[n] for n in holes.values())), key=lambda terms: sum(t.size for t in terms))
    for chosen in choices:
        yield fill(template, dict(zip(holes, chosen, strict=True)))


def smallest_terms(grammar: Grammar, count: int, largest: int = 12) -> Mapping[Nonterminal, list[Term]]:
    """So many terms of each nonterminal, or all up to a size, the smallest first; divisions may be unsafe."""
    levels: dict[tuple[Nonterminal, int], dict[Term, None]] = {}
    found: dict[Nonterminal, dict[Term, None]] = {n: {} for n in grammar.productions}
    for size in range(1, largest + 1):
        for nonterminal, productions in grammar.productions.items():
            made = (t for p in productions if not p.is_chain for t in _of_size(p, size, levels))
            levels[nonterminal, size] = dict.fromkeys(islice(made, count))
        for _ in grammar.productions:  # a chain of renamings is no longer than the nonterminals are many
            for nonterminal, productions in grammar.productions.items():
                for production in productions:
                    if production.is_chain:
                        levels[nonterminal, size].update(levels[production.holes[0], size])
        for nonterminal, terms in found.items():
            terms.update(levels[nonterminal, size])
        if all(len(terms) >= count for terms in found.values()):
            break
    return {nonterminal: list(terms)[:count] for nonterminal, terms in found.items()}


def _of_size(
    production: Production, size: int, levels: Mapping[tuple[Nonterminal, int], dict[Term, None]]
) -> Iterator[Term]:
    """The terms of a size that a production makes of smaller ones."""
    rest, holes = size - production.size, production.holes
    if not holes:
        if rest == 0:
            yield production.template
        return
    for head in product(range(1, max(1, rest)), repeat=len(holes) - 1):
        sizes = (*head, rest - sum(head))
        if sizes[-1] >= 1:
            for children in product(*(levels.get(key, ()) for key in zip(holes, sizes, strict=True))):
                yield production.instantiate(children)
