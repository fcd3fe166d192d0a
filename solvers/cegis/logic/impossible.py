"""Proofs, before any search, that no functions at all satisfy the constraints."""

from __future__ import annotations

from collections.abc import Sequence

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.asking import asked, attempt
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.specification import Example, Specification
from solvers.cegis.strategy import InfeasibleError
from solvers.pausing import Pausing
from sygus.language.text import term_text
from sygus.language.theories.sorts import z3_constant


def contradiction(specification: Specification, limits: Limits) -> Pausing[None]:
    """Look for examples that contradict one another, or a constraint that mentions no function and fails.

    Raises:
        InfeasibleError: there is one.
        OutOfTimeError: from the limits.
    """
    said = contradicting(specification.examples or specification.structured_examples or ())
    if said is not None:
        raise InfeasibleError(said)
    for conjunct in specification.conjuncts:
        if not conjunct.applications:
            solver = z3.Solver()
            solver.add(z3.Not(Encoder()(conjunct.formula)))
            if (yield from asked(solver, limits)) == z3.sat:
                shown = term_text(conjunct.formula, specification.problem.theory.numerals)
                raise InfeasibleError(f"{shown} fails, whatever the functions are")


def contradicting(examples: Sequence[Example]) -> str | None:
    """Two examples of one input with different outputs, in words."""
    outputs: dict[tuple[object, ...], object] = {}
    for example in examples:
        if outputs.setdefault(example.arguments, example.output) != example.output:
            first = outputs[example.arguments]
            return f"the examples ask for both {first!r} and {example.output!r} at {example.arguments!r}"
    return None


ATTEMPTS = (0.1, 0.3, 1.0)
"""Seconds within which Z3 may show that no functions at all do."""

WORK = 2_000_000
"""Z3's own units in a second, about: of what it unfolds from quantifiers it does not always heed the clock."""


def impossible(specification: Specification, limits: Limits) -> Pausing[None]:
    """Ask Z3 whether there are any functions at all, whatever the grammars, where strategies would not find out.

    Raises:
        InfeasibleError: there are none.
        OutOfTimeError: from the limits.
    """
    if _is_found_out(specification):
        return
    encode, solver = Encoder(), z3.Solver()
    for conjunct in specification.conjuncts:
        free = [z3_constant(v.name, v.sort) for v in conjunct.variables]
        claim = encode(conjunct.formula)
        solver.add(z3.ForAll(free, claim) if free else claim)
    for seconds in ATTEMPTS:
        solver.set("rlimit", int(WORK * seconds))
        result = attempt(solver, limits, seconds)
        if result == z3.unsat:
            raise InfeasibleError("no functions at all satisfy the constraints")
        if result is not None:
            return
        yield


def _is_found_out(specification: Specification) -> bool:
    """Whether the strategies for examples, or instantiation, which looks at one point at a time, find that out.

    Of functions that nothing connects each part finds it out for itself.
    """
    if len(specification.parts) > 1:
        return True
    if specification.calls:
        return False
    if specification.examples is not None:
        return True
    applications = specification.single_invocation
    if applications is None:
        return False
    seen = {argument.head for application in applications.values() for argument in application.arguments}
    return all(seen.issuperset(conjunct.variables) for conjunct in specification.conjuncts)
