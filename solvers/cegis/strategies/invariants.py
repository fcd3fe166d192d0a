"""Invariants and other predicates under Horn constraints: Z3's Horn engine (Spacer) proposes, the grammar decides.

Komuravelli, Gurfinkel, Chaki: SMT-Based Model Checking for Recursive Programs (CAV 2014).
"""

from __future__ import annotations

from contextlib import suppress

import z3

from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.logic.from_z3 import UnreadableError, read
from solvers.cegis.logic.predicates import are_predicates, smaller
from solvers.cegis.logic.to_z3 import Encoder, uninterpreted
from solvers.cegis.specification import Bodies, Specification
from solvers.cegis.strategy import InfeasibleError, Proposals, Strategy
from sygus.language.terms import SynthFunction, Term, leaf
from sygus.language.theories.sorts import z3_constant

CONFIGURATIONS: tuple[dict[str, object], ...] = (
    {"fp.spacer.global": True, "fp.spacer.use_bg_invs": True},
    {},
    {"fp.spacer.global": True},
    {"fp.xform.slice": False, "fp.xform.inline_linear": False, "fp.xform.inline_eager": False},
)
"""Options of the Horn engine, tried in turn for growing times, each time with another seed."""

FIRST_SECONDS = 0.8

SMALLER_SHARE = 0.3
"""Of the time left, for leaving out what is not needed; other strategies may find something smaller."""


class Invariants(Strategy):
    """What the engine proves, fitted to the grammars, then with what is not needed left out."""

    name = "invariants"
    doc = "predicates under Horn constraints by Z3's Horn engine, fitted to the grammar"
    turn = 30

    def applies(self, specification: Specification) -> bool:
        """To predicates of which one implies another, or itself elsewhere."""
        return are_predicates(specification)

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """The engine is asked in several configurations for growing times.

        Raises:
            InfeasibleError: the engine refutes the constraints.
        """
        make = Construction(specification.problem.theory)
        seconds, seed = FIRST_SECONDS, 0
        while True:
            for options in ({**configuration, "fp.spacer.random_seed": seed} for configuration in CONFIGURATIONS):
                yield None
                limits.check()
                bodies = _solve(specification, make, options, limits.part(seconds))
                if bodies is not None and (yield from proposed(specification, bodies, limits)):
                    with suppress(OutOfTimeError):
                        yield from smaller(specification, bodies, make, limits.part(SMALLER_SHARE * limits.left))
                    return
            seconds, seed = 2 * seconds, seed + 1


def _solve(
    specification: Specification, make: Construction, options: dict[str, object], limits: Limits
) -> Bodies | None:
    """One run of the engine."""
    solver = z3.SolverFor("HORN")
    solver.set("timeout", limits.milliseconds)
    for name, value in options.items():
        solver.set(name, value)
    encode = Encoder()
    for conjunct in specification.conjuncts:
        bound = [z3_constant(v.name, v.sort) for v in conjunct.variables]
        claim = encode(conjunct.formula)
        solver.add(z3.ForAll(bound, claim) if bound else claim)
    try:
        result = solver.check()
        if result == z3.unsat:
            raise InfeasibleError("Z3's Horn engine derives a contradiction from the constraints")
        if result != z3.sat:
            return None
        model = solver.model()
        return {function: _body(function, model, make) for function in specification.functions}
    except (z3.Z3Exception, UnreadableError):
        return None


def _body(function: SynthFunction, model: z3.ModelRef, make: Construction) -> Term:
    parameters = [z3_constant(f"{p.name}|parameter", p.sort) for p in function.parameters]
    found = model[uninterpreted(function)]
    value = z3.BoolVal(True) if found is None else z3.substitute_vars(found.else_value(), *parameters)
    names = {f"{p.name}|parameter": leaf(p) for p in function.parameters}
    return make.simplified(read(z3.simplify(value), names, make))
