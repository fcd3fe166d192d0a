"""Terms as formulas of Z3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import z3

from solvers.cegis.specification import Bodies
from sygus.language.linked import linked
from sygus.language.terms import Literal, SynthFunction, Term, Variable, expand, fold
from sygus.language.theories import Function
from sygus.language.theories.sorts import representation, z3_constant


class Encoder:
    """Z3's form of terms; variables become constants of their names. Work is shared between calls.

    The names of other constants hold ``|``, which no name of a file does.

    Args:
        bodies: what the functions to synthesise stand for, which may call one another; of one missing, a fresh
            uninterpreted function.
    """

    def __init__(self, bodies: Bodies | None = None) -> None:
        self._memo: dict[Term, z3.ExprRef] = {}
        self._parameters: dict[SynthFunction, list[z3.ExprRef]] = {}
        self._bodies: dict[SynthFunction, z3.ExprRef] = {}
        for function, body in linked(bodies or {}).items():
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


def comparing_solver() -> z3.Solver:
    """A solver that is asked again and again, by the older arithmetic: faster where many differences are compared."""
    solver = z3.SimpleSolver()
    solver.set("arith.solver", 2)
    return solver
