"""Single-invocation problems by counterexample-guided quantifier instantiation.

Reynolds, Deters, Kuncak, Tinelli, Barrett: Counterexample-Guided Quantifier Instantiation for Synthesis in SMT
(CAV 2015). Where every function is applied to distinct variables in one way only, its value is one unknown y, and the
problem ∃f ∀x φ(x, f(x)) is ∀x ∃y φ(x, y). Terms for y are read off the atoms of φ, one for a point x at a time at
which all earlier ones fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.bounds import terms_for
from solvers.cegis.logic.conditions import Branches, Choice, decision_list, decision_trees, is_cube
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.logic.from_z3 import read_point
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.specification import Bodies, Point, Specification
from solvers.cegis.strategy import Candidate, InfeasibleError, Proposals, Strategy
from sygus.language.terms import SynthFunction, Term, Variable, leaf, substitute, subterms
from sygus.language.theories.sorts import representation, z3_constant
from sygus.language.theories.values import value_term

MOST_CONSTANTS = 50
"""Points that may be served by a constant, for want of a term."""

PROOF_SECONDS = 0.4
"""Seconds for a proof that no point is left, before the choices so far are tried."""

TREE_SHARE = 0.4
"""Of the time, for a decision tree that is tried before a list."""


@dataclass(eq=False)
class _Instantiation:
    """The state of one run: φ over variables x and one unknown y for each function."""

    specification: Specification
    limits: Limits
    make: Construction
    encode: Encoder = field(default_factory=Encoder)

    def __post_init__(self) -> None:
        applications = self.specification.single_invocation
        assert applications is not None
        self.applications = applications
        self.unknowns = {f: Variable(f"{f.name}|value", f.sort) for f in self.specification.functions}
        values = {application: leaf(self.unknowns[f]) for f, application in applications.items()}
        formulas = [substitute(conjunct.formula, values) for conjunct in self.specification.conjuncts]
        self.formula = self.make.simplified(self.make.conjunction(formulas))
        heads = dict.fromkeys(node.head for node in subterms(self.formula))
        hidden = set(self.unknowns.values())
        self.constants = 0
        self.found: list[tuple[dict[Variable, Term], Term]] = []
        self.solver = z3.SimpleSolver()
        self.solver.set("arith.solver", 2)  # the older one: faster here, where many differences are compared
        self.variables = tuple(head for head in heads if isinstance(head, Variable) and head not in hidden)

    def branches(self) -> Branches:
        """Terms for the unknowns until one choice of them serves every point.

        Raises:
            InfeasibleError: no values at all serve some point.
        """
        result = z3.sat
        while result == z3.sat:
            self.limits.check()
            self.solver.set("timeout", min(int(1000 * PROOF_SECONDS), self.limits.milliseconds))
            result = self.solver.check()
            if result == z3.sat:
                self.serve(read_point(self.variables, self.solver.model()))
        return Branches(self.found, self.variables, complete=result == z3.unsat)

    def serve(self, point: Point) -> None:
        """Add a choice of terms that serves a point.

        Raises:
            InfeasibleError: there is none.
        """
        choice = self._choose(point)
        holds = self.make.simplified(substitute(self.formula, {leaf(v): t for v, t in choice.items()}))
        self.found.append((choice, holds))
        self.solver.add(z3.Not(self.encode(holds)))

    def _choose(self, point: Point) -> dict[Variable, Term]:
        """Terms for all unknowns that serve a point."""
        places = [(z3_constant(v.name, v.sort), representation(v.sort).z3_value(value)) for v, value in point.items()]
        solver = z3.Solver()
        solver.set("timeout", self.limits.milliseconds)
        solver.add(z3.substitute(self.encode(self.formula), *places))
        result = solver.check()
        if result == z3.unsat:
            shown = ", ".join(f"{v.name} = {value!r}" for v, value in point.items())
            raise InfeasibleError(f"no value satisfies the constraints where {shown}" if shown else "no value does")
        values = solver.model() if result == z3.sat else None
        chosen: dict[Variable, Term] = {}
        formula = self.formula
        for unknown in self.unknowns.values():
            term = self._term_for(unknown, formula, places, values)
            chosen = {v: substitute(t, {leaf(unknown): term}) for v, t in chosen.items()} | {unknown: term}
            formula = self.make.simplified(substitute(formula, {leaf(unknown): term}))
        return chosen

    def _term_for(
        self,
        unknown: Variable,
        formula: Term,
        places: Sequence[tuple[z3.ExprRef, z3.ExprRef]],
        values: z3.ModelRef | None,
    ) -> Term:
        """The first term with which the formula can still hold at the point."""
        ground = z3.substitute(self.encode(formula), *places)
        own = z3_constant(unknown.name, unknown.sort)
        for term in dict.fromkeys(terms_for(unknown, formula, self.make)):
            self.limits.check()
            value = z3.simplify(z3.substitute(self.encode(term), *places))
            if self._possible(z3.simplify(z3.substitute(ground, (own, value)))):
                return term
        self.constants += 1
        if values is None or self.constants > MOST_CONSTANTS:
            self.limits.check()
            raise _StuckError
        constant = values.eval(z3_constant(unknown.name, unknown.sort), model_completion=True)
        return self._literal(unknown, constant)

    def _possible(self, claim: z3.BoolRef) -> bool:
        """Whether a claim about the other unknowns can hold."""
        if z3.is_true(claim) or z3.is_false(claim):
            return bool(z3.is_true(claim))
        solver = z3.Solver()
        solver.set("timeout", self.limits.milliseconds)
        solver.add(claim)
        return bool(solver.check() == z3.sat)

    def _literal(self, unknown: Variable, constant: z3.ExprRef) -> Term:
        try:
            return value_term(representation(unknown.sort).read_z3(constant), unknown.sort, self.make.theory)
        except ValueError:  # it cannot be written: a value of a sort of declare-sort
            raise _StuckError from None

    def bodies(self, choice: Choice) -> Bodies:
        """Terms for the unknowns as bodies over the functions' own parameters."""
        found: dict[SynthFunction, Term] = {}
        for function, application in self.applications.items():
            names = {a: leaf(p) for a, p in zip(application.arguments, function.parameters, strict=True)}
            found[function] = substitute(choice[self.unknowns[function]], names)
        return found


class _StuckError(Exception):
    """No term serves a point, and its value alone leads nowhere."""


class Instantiation(Strategy):
    """The choices of terms joined by conditions: in a list, then in decision trees that get smaller."""

    name = "instantiation"
    doc = "single-invocation problems by quantifier instantiation, fitted to the grammar"
    share = 4.0
    turn = 20

    def applies(self, specification: Specification) -> bool:
        """Where one point decides about one value of each function."""
        applications = specification.single_invocation
        if applications is None or specification.examples is not None:
            return False
        used = {head for application in applications.values() for head in (a.head for a in application.arguments)}
        each = [{a.head for a in application.arguments} for application in applications.values()]
        return all(arguments == used for arguments in each) and all(
            set(conjunct.variables) <= used for conjunct in specification.conjuncts
        )

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """As long as Z3 does not prove that no point is left, a list of the choices so far: its counterexample is one.

        Raises:
            InfeasibleError: from a point at which no value serves.
        """
        make = Construction(specification.problem.theory)
        run = _Instantiation(specification, limits, make)
        try:
            branches = run.branches()
            while not branches.complete:
                bodies = run.bodies(decision_list(branches, make, limits))
                verdict = yield Candidate(bodies)
                if verdict.counterexample is None:
                    if verdict.answer is None:
                        yield from proposed(specification, bodies, limits)
                    break
                run.serve({v: verdict.counterexample[v] for v in run.variables})
                branches = run.branches()
        except _StuckError:
            return
        yield from _joined(run, branches, limits)


def _joined(run: _Instantiation, branches: Branches, limits: Limits) -> Proposals:
    """The choices joined by conditions."""
    specification, make = run.specification, run.make
    if not all(is_cube(holds) for _, holds in branches.choices):
        found = False
        for choice in decision_trees(branches, make, limits.part(TREE_SHARE * limits.left), None):
            found |= yield from proposed(specification, run.bodies(choice), limits)
        if found:
            return
    choice = decision_list(branches, make, limits)
    yield from proposed(specification, run.bodies(choice), limits)
    largest = sum(term.size for term in choice.values())
    for choice in decision_trees(branches, make, limits, largest):
        yield from proposed(specification, run.bodies(choice), limits)
