"""The safety oracle: Z3 proves from the domain facts that no denominator of a strict division can be zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal as OneOf

import z3

from sygus.language.terms import Literal, Term, Variable, expand, fold, subterms
from sygus.language.theories import Function
from sygus.language.theories.function import Facts
from sygus.language.theories.sorts import representation, z3_constant

Domain = OneOf["any", "nonnegative", "unit"]
"""Which values a variable takes: any real, at least 0, or in the open interval (0, 1)."""

EFFORT = 500_000
"""Z3's units of work (``rlimit``) for one proof, about a second of a quiet core: a verdict hangs on no clock."""


LARGEST = 300
"""Nodes of a denominator that Z3 is asked about; of a larger one nothing is proved."""


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
        self.values: dict[str, z3.ExprRef] = {}
        """Variables, and what stands for parts of which only something is known, by name."""

    def fresh(self, name: str) -> z3.ArithRef:
        self.count += 1
        named = f"{name}!{self.count}"
        value = self.values[named] = z3.Real(named)
        return value

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
        value = self.values[variable.name] = z3_constant(variable.name, variable.sort)
        state_domain(self, value, self.domains.get(variable.name, "any"))
        return value


def state_domain(facts: Facts, value: z3.ArithRef, domain: Domain) -> None:
    """Assume that the value lies in the domain."""
    match domain:
        case "nonnegative":
            facts.assume(value >= 0)
        case "unit":
            facts.assume(z3.And(value > 0, value < 1))


MOST_KNOWN = 1 << 16
"""Answers that are remembered."""


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
        if denominator.size > LARGEST:
            return Verdict(False, denominator)
        if denominator not in self._verdicts:
            if len(self._verdicts) >= MOST_KNOWN:
                self._verdicts.clear()  # what is asked again is proved again, with the same effort
            encoding = _Encoding(self.domains, self.effort)
            result = encoding.refute(encoding.encode(expand(denominator)) != 0)
            witness = None
            if encoding.model is not None:
                found = {name: encoding.model[value] for name, value in encoding.values.items()}
                witness = {name: str(value) for name, value in found.items() if value is not None}
            self._verdicts[denominator] = Verdict(result == z3.unsat, denominator, witness)
        return self._verdicts[denominator]
