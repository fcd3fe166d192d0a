"""Invariants and other predicates under Horn constraints: Z3's Horn engine (Spacer) proposes, the grammar decides.

Komuravelli, Gurfinkel, Chaki: SMT-Based Model Checking for Recursive Programs (CAV 2014).
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from solvers.cegis.answer import Judgement
from solvers.cegis.limits import Limits
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.logic.from_z3 import UnreadableError, read
from solvers.cegis.logic.to_z3 import Encoder, uninterpreted
from solvers.cegis.specification import Bodies, Specification
from solvers.cegis.strategy import Candidate, InfeasibleError, Proposals, Strategy
from sygus.language.terms import BOOL, SynthFunction, Term, leaf
from sygus.language.theories.sorts import z3_constant

CONFIGURATIONS: tuple[dict[str, object], ...] = (
    {"fp.spacer.global": True, "fp.spacer.use_bg_invs": True},
    {},
    {"fp.spacer.global": True},
    {"fp.xform.slice": False, "fp.xform.inline_linear": False, "fp.xform.inline_eager": False},
)
"""Options of the Horn engine, tried in turn for growing times, each time with another seed."""

FIRST_SECONDS = 0.8

DECISION_SECONDS = 0.5
"""For a candidate with less in it; the next is tried where Z3 takes longer."""


class Invariants(Strategy):
    """What the engine proves, fitted to the grammars, then with what is not needed left out."""

    name = "invariants"
    doc = "predicates under Horn constraints by Z3's Horn engine, fitted to the grammar"
    share = 6.0
    turn = 30

    def applies(self, specification: Specification) -> bool:
        """To predicates of which one implies another, or itself elsewhere."""
        predicates = all(function.sort == BOOL and function.parameters for function in specification.functions)
        return predicates and any(len(conjunct.applications) > 1 for conjunct in specification.conjuncts)

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """The engine is asked in several configurations for growing times.

        Raises:
            InfeasibleError: the engine refutes the constraints.
        """
        make = Construction(specification.problem.theory)
        seconds, seed = FIRST_SECONDS, 0
        while True:
            for options in ({**configuration, "fp.spacer.random_seed": seed} for configuration in CONFIGURATIONS):
                limits.check()
                bodies = _solve(specification, make, options, limits.part(seconds))
                if bodies is not None and (yield from proposed(specification, bodies, limits)):
                    yield from _smaller(specification, bodies, make, limits)
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


def _smaller(specification: Specification, bodies: Bodies, make: Construction, limits: Limits) -> Proposals:
    """Without conjuncts, and without disjuncts, that the constraints do not need; largest first."""
    best = bodies
    improved = True
    while improved:
        improved = False
        for function in specification.functions:
            for body in sorted(_without_part(best[function], make), key=lambda term: term.size):
                if body.size >= best[function].size:
                    continue
                limits.check()
                attempt = {**best, function: body}
                verdict = yield Candidate(attempt, DECISION_SECONDS)
                if verdict.judgement is Judgement.NOT_DERIVED:
                    improved = yield from proposed(specification, attempt, limits)
                else:
                    improved = verdict.right
                if improved:
                    best = attempt
                    break


def _without_part(body: Term, make: Construction) -> Iterator[Term]:
    """The body with one conjunct or disjunct of its two outermost layers left out."""
    join = {"and": make.conjunction, "or": make.disjunction}
    if body.head.name not in join:
        return
    parts = _flat(body, body.head.name)
    for i, part in enumerate(parts):
        yield join[body.head.name]([*parts[:i], *parts[i + 1 :]])
        if part.head.name in join:
            inner = _flat(part, part.head.name)
            for j in range(len(inner)):
                less = join[part.head.name]([*inner[:j], *inner[j + 1 :]])
                yield join[body.head.name]([*parts[:i], less, *parts[i + 1 :]])


def _flat(root: Term, name: str) -> list[Term]:
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        if node.head.name == name:
            stack.extend(reversed(node.arguments))
        else:
            found.append(node)
    return found
