"""Single-invocation problems by counterexample-guided quantifier instantiation.

Reynolds, Deters, Kuncak, Tinelli, Barrett: Counterexample-Guided Quantifier Instantiation for Synthesis in SMT
(CAV 2015). Where every function is applied to distinct variables in one way only, its value is one unknown y, and the
problem ∃f ∀x φ(x, f(x)) is ∀x ∃y φ(x, y). Terms for y are read off the atoms of φ, one for a point x at a time at
which all earlier ones fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import partial

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.asking import asked, attempt
from solvers.cegis.logic.bounds import terms_for
from solvers.cegis.logic.conditions import Branches, Choice, decision_list, decision_tree, is_cube
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.logic.from_z3 import read_point
from solvers.cegis.logic.to_z3 import Encoder, comparing_solver
from solvers.cegis.specification import Bodies, Point, Specification
from solvers.cegis.strategy import Candidate, InfeasibleError, Proposals, Strategy
from solvers.cegis.turns import Turn, in_turns
from solvers.pausing import Pausing
from sygus.language.terms import SynthFunction, Term, Variable, leaf, substitute, subterms
from sygus.language.theories.sorts import representation, z3_constant
from sygus.language.theories.structured import record_of
from sygus.language.theories.values import constructor_term, value_term
from sygus.records import record

MOST_CONSTANTS = 50
"""Points that may be served by a constant, for want of a term."""

MOST_PARTS = 100
"""Unknowns that stand for the parts of one record and of those in it."""

PROOF_SECONDS = 0.4
"""Seconds for a proof that no point is left, before the choices so far are tried."""

POSSIBLE_SECONDS = 1.0
"""Seconds for Z3 to show that a term may serve; the next is tried where it takes longer."""

TREE_SHARE = 2.0
"""Of the time, for a decision tree of any size, beside a list and a tree that is smaller."""


@record(eq=False)
class _Instantiation:
    """The state of one run: φ over variables x and an unknown y for each function, of records for each part."""

    specification: Specification
    limits: Limits
    make: Construction
    encode: Encoder = field(default_factory=Encoder)

    def __post_init__(self) -> None:
        applications = self.specification.single_invocation
        assert applications is not None
        self.applications = applications
        self.values = {f: _value(f, self.make) for f in self.specification.functions}
        self.unknowns = tuple(unknown for value in self.values.values() for unknown in _leaves(value))
        values = {application: self.values[f] for f, application in applications.items()}
        formulas = [substitute(conjunct.formula, values) for conjunct in self.specification.conjuncts]
        self.formula = self.make.simplified(self.make.conjunction(formulas))
        heads = dict.fromkeys(node.head for node in subterms(self.formula))
        hidden = set(self.unknowns)
        self.constants = 0
        self.found: list[tuple[dict[Variable, Term], Term]] = []
        self.solver = comparing_solver()
        self.variables = tuple(head for head in heads if isinstance(head, Variable) and head not in hidden)

    def branches(self) -> Pausing[Branches]:
        """Terms for the unknowns until one choice of them serves every point.

        Raises:
            InfeasibleError: no values at all serve some point.
        """
        result: z3.CheckSatResult | None = z3.sat
        while result == z3.sat:
            yield
            result = attempt(self.solver, self.limits, PROOF_SECONDS)
            if result == z3.sat:
                yield from self.serve(read_point(self.variables, self.solver.model()))
        return Branches(self.found, self.variables, complete=result == z3.unsat)

    def serve(self, point: Point) -> Pausing[None]:
        """Add a choice of terms that serves a point.

        Raises:
            InfeasibleError: there is none.
        """
        choice = yield from self._choose(point)
        holds = self.make.simplified(substitute(self.formula, {leaf(v): t for v, t in choice.items()}))
        self.found.append((choice, holds))
        self.solver.add(z3.Not(self.encode(holds)))

    def _choose(self, point: Point) -> Pausing[dict[Variable, Term]]:
        """Terms for all unknowns that serve a point."""
        places = [(z3_constant(v.name, v.sort), representation(v.sort).z3_value(value)) for v, value in point.items()]
        solver = z3.Solver()
        solver.add(z3.substitute(self.encode(self.formula), *places))
        result = yield from asked(solver, self.limits)
        if result == z3.unsat:
            shown = ", ".join(f"{v.name} = {value!r}" for v, value in point.items())
            raise InfeasibleError(f"no value satisfies the constraints where {shown}" if shown else "no value does")
        values = solver.model() if result == z3.sat else None
        chosen: dict[Variable, Term] = {}
        formula = self.formula
        for unknown in self.unknowns:
            term = yield from self._term_for(unknown, formula, places, values)
            chosen = {v: substitute(t, {leaf(unknown): term}) for v, t in chosen.items()} | {unknown: term}
            formula = self.make.simplified(substitute(formula, {leaf(unknown): term}))
        return chosen

    def _term_for(
        self,
        unknown: Variable,
        formula: Term,
        places: Sequence[tuple[z3.ExprRef, z3.ExprRef]],
        values: z3.ModelRef | None,
    ) -> Pausing[Term]:
        """The first term with which the formula can still hold at the point."""
        ground = z3.substitute(self.encode(formula), *places)
        own = z3_constant(unknown.name, unknown.sort)
        for term in dict.fromkeys(terms_for(unknown, formula, self.make)):
            yield
            self.limits.check()
            value = z3.simplify(z3.substitute(self.encode(term), *places))
            if self._possible(z3.simplify(z3.substitute(ground, (own, value)))):
                return term
        self.constants += 1
        if values is None or self.constants > MOST_CONSTANTS:
            raise _StuckError
        constant = values.eval(z3_constant(unknown.name, unknown.sort), model_completion=True)
        return self._literal(unknown, constant)

    def _possible(self, claim: z3.BoolRef) -> bool:
        """Whether a claim about the other unknowns can hold."""
        if z3.is_true(claim) or z3.is_false(claim):
            return bool(z3.is_true(claim))
        solver = z3.Solver()
        solver.add(claim)
        return bool(attempt(solver, self.limits, POSSIBLE_SECONDS) == z3.sat)

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
            value = substitute(self.values[function], {leaf(unknown): term for unknown, term in choice.items()})
            found[function] = substitute(value, names)
        return found


def _value(function: SynthFunction, make: Construction) -> Term:
    """What stands for the value of a function: an unknown, or a record of unknowns, of not too many."""
    whole = Variable(f"{function.name}|value", function.sort)
    value, waiting, count = leaf(whole), [whole], 1
    while waiting:
        one = waiting.pop()
        record = record_of(one.sort)
        if record is None or count + len(record.selectors) > MOST_PARTS:
            continue
        parts = [Variable(f"{one.name}|{place}", sort) for place, (_, sort) in enumerate(record.selectors)]
        made = constructor_term(make.theory, record.name, tuple(map(leaf, parts)), one.sort)
        value = substitute(value, {leaf(one): made})
        waiting += parts
        count += len(parts)
    return value


def _leaves(value: Term) -> list[Variable]:
    return [node.head for node in subterms(value) if isinstance(node.head, Variable)]


class _StuckError(Exception):
    """No term serves a point, and its value alone leads nowhere."""


class Instantiation(Strategy):
    """The choices of terms joined by conditions: in a list, then in decision trees that get smaller."""

    name = "instantiation"
    doc = "single-invocation problems by quantifier instantiation, fitted to the grammar"
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
            branches = yield from run.branches()
            while not branches.complete:
                bodies = run.bodies((yield from decision_list(branches, make, limits)))
                verdict = yield Candidate(bodies)
                if verdict.counterexample is None:
                    if verdict.answer is None:
                        yield from proposed(specification, bodies, limits)
                    break
                yield from run.serve({v: verdict.counterexample[v] for v in run.variables})
                branches = yield from run.branches()
        except _StuckError:
            return
        yield from _joined(run, branches, limits)


def _joined(run: _Instantiation, branches: Branches, limits: Limits) -> Proposals:
    """The choices joined by conditions: in a list; where these are no cubes, beside that in a tree of any size."""
    if all(is_cube(holds) for _, holds in branches.choices):
        yield from _listed(run, branches, limits)
        return
    trees = Turn(partial(_in_a_tree, run, branches, largest=None), TREE_SHARE)
    yield from in_turns(limits, [trees, Turn(partial(_listed, run, branches))])


def _listed(run: _Instantiation, branches: Branches, limits: Limits) -> Proposals:
    """In a list, then in a smaller tree."""
    choice = yield from decision_list(branches, run.make, limits)
    yield from proposed(run.specification, run.bodies(choice), limits)
    yield from _in_a_tree(run, branches, limits, largest=sum(term.size for term in choice.values()))


def _in_a_tree(run: _Instantiation, branches: Branches, limits: Limits, largest: int | None) -> Proposals:
    choice = yield from decision_tree(branches, run.make, limits, largest)
    if choice is not None:
        yield from proposed(run.specification, run.bodies(choice), limits)
