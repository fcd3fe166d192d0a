"""The correctness oracle: Z3 proves the constraints of a candidate, or gives a counterexample."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.specification import Candidate, Conjunct, Point, Specification
from sygus.language.terms import Literal, SynthFunction, Term, Variable, expand, fold
from sygus.language.theories import Function
from sygus.language.theories.sorts import representation, z3_constant


class Status(StrEnum):
    """What Z3 says of a candidate."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """The answer of the correctness oracle.

    Attributes:
        status: correct only where Z3 proved every conjunct.
        conjunct: the one that fails, or is not decided.
        counterexample: values of its variables where it fails.
    """

    status: Status
    conjunct: Conjunct | None = None
    counterexample: Point | None = None

    @property
    def correct(self) -> bool:
        """Whether the candidate is proved."""
        return self.status is Status.CORRECT


class Encoder:
    """Z3's form of terms; variables become constants of their names. Work is shared between calls.

    The names of other constants hold ``|``, which no name of a file does.

    Args:
        bodies: what the functions to synthesise stand for; of one missing, a fresh uninterpreted function.
    """

    def __init__(self, bodies: Candidate | None = None) -> None:
        self._memo: dict[Term, z3.ExprRef] = {}
        self._parameters: dict[SynthFunction, list[z3.ExprRef]] = {}
        self._bodies: dict[SynthFunction, z3.ExprRef] = {}
        for function, body in (bodies or {}).items():
            self._parameters[function] = [z3_constant(f"{p.name}|parameter", p.sort) for p in function.parameters]
            places = dict(zip(function.parameters, self._parameters[function], strict=True))
            self._bodies[function] = _encode(expand(body), lambda node, _, places=places: _place(node, places), {})

    def __call__(self, root: Term) -> z3.ExprRef:
        """The form of a term without macros."""
        return _encode(root, self._leaf, self._memo)

    def _leaf(self, node: Term, arguments: list[z3.ExprRef]) -> z3.ExprRef:
        head = node.head
        if isinstance(head, Variable):
            return z3_constant(head.name, head.sort)
        if not isinstance(head, SynthFunction):
            raise TypeError(f"{head!r} has no Z3 form")
        if head in self._bodies:
            return z3.substitute(self._bodies[head], *zip(self._parameters[head], arguments, strict=True))
        return uninterpreted(head)(*arguments)


def _place(node: Term, places: Mapping[Variable, z3.ExprRef]) -> z3.ExprRef:
    """A parameter, or a variable that is none."""
    return places[node.head] if node.head in places else z3_constant(node.head.name, node.sort)


def uninterpreted(function: SynthFunction) -> Any:
    """Z3's function of a function to synthesise, nothing being known of it."""
    sorts = [representation(sort).z3_sort() for sort in (*(p.sort for p in function.parameters), function.sort)]
    return z3.Function(f"{function.name}|unknown", *sorts)


def _encode(root: Term, other: Any, memo: dict[Term, z3.ExprRef]) -> z3.ExprRef:
    def visit(node: Term, arguments: list[z3.ExprRef]) -> z3.ExprRef:
        head = node.head
        if isinstance(head, Function):
            return head.z3(None, *arguments)
        if isinstance(head, Literal):
            return representation(head.sort).z3_value(head.value)
        return other(node, arguments)

    return fold(root, visit, memo)


def verify(specification: Specification, candidate: Candidate, limits: Limits) -> Verdict:
    """Ask Z3 whether every conjunct holds of the candidate for all values of the variables.

    What is decided is remembered with the specification.
    """
    key = tuple(candidate[function] for function in specification.functions)
    known: Verdict | None = specification.verdicts.get(key)
    if known is None:
        known = _verify(specification, candidate, limits)
        if known.status is not Status.UNKNOWN:
            specification.verdicts[key] = known
    return known


def _verify(specification: Specification, candidate: Candidate, limits: Limits) -> Verdict:
    encode = Encoder(candidate)
    open_: list[tuple[Conjunct, z3.BoolRef]] = []
    for conjunct in specification.conjuncts:
        claim = z3.simplify(encode(conjunct.formula))
        if z3.is_false(claim):
            return Verdict(Status.WRONG, conjunct, _any_point(conjunct))
        if not z3.is_true(claim):
            open_.append((conjunct, claim))
    undecided: Conjunct | None = None
    for conjunct, claim in open_:
        solver = z3.Solver()
        solver.set("timeout", limits.milliseconds)
        solver.add(z3.Not(claim))
        result = solver.check()
        if result == z3.sat:
            return Verdict(Status.WRONG, conjunct, read_point(conjunct.variables, solver.model()))
        if result == z3.unknown:
            undecided = conjunct
    return Verdict(Status.CORRECT) if undecided is None else Verdict(Status.UNKNOWN, undecided)


def read_point(variables: tuple[Variable, ...], model: z3.ModelRef) -> Point:
    """The values of variables in a model; those that it leaves open get any value."""
    found: dict[Variable, Any] = {}
    for variable in variables:
        value = model.eval(z3_constant(variable.name, variable.sort), model_completion=True)
        found[variable] = representation(variable.sort).read_z3(value)
    return found


def _any_point(conjunct: Conjunct) -> Mapping[Variable, Any]:
    solver = z3.Solver()
    solver.check()
    return read_point(conjunct.variables, solver.model())


@contextmanager
def interrupted(limits: Limits) -> Iterator[None]:
    """Interrupt Z3, from a thread of its own, once the time is over: not every call of it heeds a limit."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(min(0.02 + limits.left, 0.2)):
            if not limits.left:
                z3.main_ctx().interrupt()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
