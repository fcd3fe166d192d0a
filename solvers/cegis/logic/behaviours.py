"""Answers told apart by what they do: any two differ at a point, or Z3 proves that they are one function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.specification import Bodies, Specification
from sygus.language.linked import linked
from sygus.language.terms import SynthFunction, expand
from sygus.language.theories.sorts import z3_constant
from sygus.records import record

SECONDS = 2.0
"""For one comparison of two answers, at most."""

Point = Sequence[tuple[z3.ExprRef, z3.ExprRef]]
"""The parameters of a function, and a value of each."""


class Novelty(StrEnum):
    """What an answer is beside those before it."""

    NEW = "new"
    """At some point it has another value than each of them."""

    SAME = "the same"
    """Z3 has proved that it is the same function as one of them."""

    UNDECIDED = "undecided"
    """Z3 could not tell; also where two differ only in what the standard leaves open, such as quotients by zero."""


@record(eq=False)
class _Place:
    """One answer; or a point at which answers differ, with a place for each value there."""

    bodies: Sequence[z3.ExprRef]
    function: int = 0
    point: Point = ()
    branches: list[tuple[z3.ExprRef, _Place]] = field(default_factory=list)

    def value(self, bodies: Sequence[z3.ExprRef]) -> z3.ExprRef:
        return _value(bodies[self.function], self.point)


class Behaviours:
    """The answers so far, in a tree of points: a new one is compared by Z3 with one of them only.

    Args:
        functions: those to synthesise.
    """

    def __init__(self, functions: Sequence[SynthFunction]) -> None:
        self._functions = tuple(functions)
        self._encode = Encoder()
        self._root: _Place | None = None

    def add(self, bodies: Bodies, limits: Limits) -> Novelty:
        """Whether bodies behave unlike all that were new before; if so they are kept.

        Args:
            bodies: of every function, over its parameters.
            limits: of the search; a comparison takes :data:`SECONDS` at most.
        """
        meant = linked(bodies)
        encoded = [self._encode(expand(meant[function])) for function in self._functions]
        if self._root is None:
            self._root = _Place(encoded)
            return Novelty.NEW
        place = self._root
        while place.branches:
            value = place.value(encoded)
            for known, branch in place.branches:
                same = _decided(value == known)
                if same is None:
                    return Novelty.UNDECIDED
                if same:
                    place = branch
                    break
            else:
                place.branches.append((value, _Place(encoded)))
                return Novelty.NEW
        return self._compared(place, encoded, limits.part(SECONDS))

    def _compared(self, place: _Place, bodies: Sequence[z3.ExprRef], limits: Limits) -> Novelty:
        """Beside the one answer at a place, which becomes a point where they differ."""
        found = Novelty.SAME
        for index, (one, other) in enumerate(zip(place.bodies, bodies, strict=True)):
            solver = z3.Solver()
            solver.set("timeout", limits.milliseconds)
            solver.add(one != other)
            result = solver.check()
            if result == z3.unsat:
                continue
            found = Novelty.UNDECIDED
            if result == z3.unknown:
                continue
            model = solver.model()
            constants = [z3_constant(p.name, p.sort) for p in self._functions[index].parameters]
            point = [(constant, model.eval(constant, model_completion=True)) for constant in constants]
            values = _value(one, point), _value(other, point)
            if _decided(values[0] == values[1]) is False:
                place.function, place.point = index, point
                place.branches = [(values[0], _Place(place.bodies)), (values[1], _Place(bodies))]
                return Novelty.NEW
        return found


def _value(body: z3.ExprRef, point: Point) -> z3.ExprRef:
    return z3.simplify(z3.substitute(body, *point))


def _decided(claim: z3.BoolRef) -> bool | None:
    """What a claim without variables comes to; None where it does not say."""
    claim = z3.simplify(claim)
    return True if z3.is_true(claim) else False if z3.is_false(claim) else None


def is_determined(specification: Specification, bodies: Bodies, limits: Limits) -> bool:
    """Whether Z3 proves that every answer behaves like this one, since the constraints leave no other value anywhere.

    Only asked where each function is applied to distinct variables, the same everywhere.

    Args:
        specification: of the problem.
        bodies: an answer.
        limits: of the search; the proof takes :data:`SECONDS` at most.

    Returns:
        True where it is proved; False where it is not so, or not decided.
    """
    applications = specification.single_invocation
    if applications is None:
        return False
    anybody, own = Encoder(), Encoder(bodies)
    solver = z3.Solver()
    solver.set("timeout", limits.part(SECONDS).milliseconds)
    solver.add(*(anybody(conjunct.formula) for conjunct in specification.conjuncts))
    solver.add(z3.Or(*(anybody(application) != own(application) for application in applications.values())))
    return bool(solver.check() == z3.unsat)
