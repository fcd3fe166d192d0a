"""Proofs, before any search, that no functions at all satisfy the constraints."""

from __future__ import annotations

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.specification import Specification
from sygus.language.text import term_text
from sygus.language.theories.sorts import z3_constant


def contradiction(specification: Specification, limits: Limits) -> str | None:
    """A constraint that mentions no function to synthesise and fails, in words."""
    for conjunct in specification.conjuncts:
        if not conjunct.applications:
            claim = Encoder()(conjunct.formula)
            solver = z3.Solver()
            solver.set("timeout", limits.milliseconds)
            solver.add(z3.Not(claim))
            if solver.check() == z3.sat:
                shown = term_text(conjunct.formula, specification.problem.theory.numerals)
                return f"{shown} fails, whatever the functions are"
    return None


AT_ONCE = 0.1
"""Seconds within which Z3 may show that no functions at all do."""


def impossible(specification: Specification, limits: Limits) -> str | None:
    """That Z3 finds no functions at all, whatever the grammars, in words; where strategies would not find out."""
    if specification.examples is not None or len(specification.functions) > 1:
        return None
    applications = specification.single_invocation
    if applications is not None:  # instantiation finds out, unless there are variables that the function does not see
        seen = {argument.head for application in applications.values() for argument in application.arguments}
        if all(seen.issuperset(conjunct.variables) for conjunct in specification.conjuncts):
            return None
    encode, solver = Encoder(), z3.Solver()
    solver.set("timeout", min(int(1000 * AT_ONCE), limits.milliseconds))
    for conjunct in specification.conjuncts:
        free = [z3_constant(v.name, v.sort) for v in conjunct.variables]
        claim = encode(conjunct.formula)
        solver.add(z3.ForAll(free, claim) if free else claim)
    return "no functions at all satisfy the constraints" if solver.check() == z3.unsat else None
