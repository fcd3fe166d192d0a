"""Values of the symbols in terms, which Z3 finds on the points that refuted others.

Abate, David, Kesseli, Kroening, Polgreen: Counterexample Guided Inductive Synthesis Modulo Theories (CAV 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import field
from typing import TypeAlias

import z3

from solvers.cegis.answer import Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.logic.asking import attempt
from solvers.cegis.logic.from_z3 import read_point
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.specification import Bodies, Conjunct, Point, Specification
from solvers.cegis.strategy import Candidate
from sygus.language.terms import Term, Variable, leaf, substitute
from sygus.language.theories.sorts import representation, z3_constant
from sygus.language.theories.values import value_term
from sygus.records import record

SECONDS, ROUNDS = 0.3, 12
"""For the values in one term, and how often they are refuted before it is given up."""


Search: TypeAlias = Generator[Candidate | None, Verdict, bool | None]
"""Proposes, and pauses; whether what it proposed is right, False where Z3 proves that nothing is, else None."""


@record(eq=False)
class Solving:
    """The points that values must serve, of all terms so far.

    Attributes:
        specification: what is asked.
        limits: of time.
        finished: what becomes of a body when its symbols have values; None for the body itself.
        points: each with the conjunct that is looked at there.
    """

    specification: Specification
    limits: Limits
    finished: Callable[[Term], Term] | None = None
    points: list[tuple[Conjunct, Point]] = field(default_factory=list)

    def note(self, verdict: Verdict) -> None:
        """Look at the point that a verdict gives, where it gives one."""
        if verdict.conjunct is not None and verdict.counterexample is not None:
            self.points.append((verdict.conjunct, verdict.counterexample))

    def refuted(self, bodies: Bodies) -> bool:
        """Whether Z3 shows that bodies without symbols fail at one of the points, the last one first."""
        encode, solver = Encoder(bodies), z3.Solver()
        solver.set("timeout", self.limits.part(SECONDS).milliseconds)
        return any(solver.check(z3.Not(_at(encode, *point))) == z3.sat for point in reversed(self.points))

    def solved(self, bodies: Bodies, symbols: Sequence[Variable], rounds: int = ROUNDS) -> Search:
        """Propose bodies with values of their symbols that serve all points.

        Args:
            bodies: with symbols.
            symbols: what values are looked for of.
            rounds: how often values may be refuted.

        Returns:
            Whether some are right: False where Z3 proves that none serve the points, None where it was given up.
        """
        encode = Encoder(bodies)
        solver = z3.Solver()
        for conjunct, point in self.points:
            solver.add(_at(encode, conjunct, point))
        for _ in range(rounds):
            yield None
            result = attempt(solver, self.limits, SECONDS)
            candidate = self._candidate(bodies, symbols, solver) if result == z3.sat else None
            if candidate is None:
                return False if result == z3.unsat else None
            before = len(self.points)
            verdict = yield candidate
            self.note(verdict)
            if len(self.points) == before:
                return verdict.right or None
            solver.add(_at(encode, *self.points[-1]))
        return None

    def solved_at_once(self, bodies: Bodies, symbols: Sequence[Variable]) -> Search:
        """Propose bodies with values of their symbols that Z3 finds for all points together.

        Returns:
            Whether they are right: False where Z3 proves that there are none, None where it does not say.
        """
        yield None
        encode, solver = Encoder(bodies), z3.Solver()
        for conjunct in self.specification.conjuncts:
            bound = [z3_constant(v.name, v.sort) for v in conjunct.variables]
            claim = encode(conjunct.formula)
            solver.add(z3.ForAll(bound, claim) if bound else claim)
        result = attempt(solver, self.limits, SECONDS)
        candidate = self._candidate(bodies, symbols, solver) if result == z3.sat else None
        if candidate is None:
            return False if result == z3.unsat else None
        verdict = yield candidate
        return verdict.right or None

    def _candidate(self, bodies: Bodies, symbols: Sequence[Variable], solver: z3.Solver) -> Candidate | None:
        """The bodies with the values of a model; None where the logic cannot write one."""
        values = read_point(tuple(symbols), solver.model())
        theory = self.specification.problem.theory
        try:
            chosen = {leaf(v): value_term(value, v.sort, theory) for v, value in values.items()}
        except ValueError:
            return None
        found = {function: substitute(body, chosen) for function, body in bodies.items()}
        return Candidate(found if self.finished is None else {f: self.finished(body) for f, body in found.items()})


def _at(encode: Encoder, conjunct: Conjunct, point: Point) -> z3.BoolRef:
    places = [(z3_constant(v.name, v.sort), representation(v.sort).z3_value(value)) for v, value in point.items()]
    return z3.substitute(encode(conjunct.formula), *places)
