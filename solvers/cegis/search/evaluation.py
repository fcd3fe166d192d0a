"""The values of terms on many points at once, by the kernels of their functions on NumPy's arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sygus.language.terms import INT, REAL, Head, Literal, Sort, Term, expand, subterms
from sygus.language.theories import Function
from sygus.language.theories.exact import exact_column, own_numbers
from sygus.language.theories.recursion import Recursive
from sygus.language.theories.sorts import representation

Values = NDArray[Any]
"""Numbers that hold values as :mod:`sygus.language.theories.sorts` says; the last dimension is the points."""


def number_type(sort: Sort, *, exact: bool) -> str:
    """The type of the numbers that hold values of a sort; where they are exact, numbers are Python's own."""
    return "object" if exact and sort in (INT, REAL) else representation(sort).number


def constant(value: Any, sort: Sort) -> Values:
    """One value, without dimensions."""
    held = representation(sort)
    return np.asarray(held.encode(value), held.number)


def column(values: Sequence[Any], sort: Sort, *, exact: bool = False) -> Values:
    """Values of one sort at points, of shape (points,)."""
    if exact:
        return exact_column(values, sort)
    held = representation(sort)
    return np.array([held.encode(value) for value in values], held.number)


def is_partial(node: Term) -> bool:
    """Whether the standard leaves open what a term's own head gives for some values of the arguments."""
    function = node.head
    if not isinstance(function, Function):
        return False
    divisors = (node.arguments[place].head for place in function.nonzero)
    return function.partial or any(not isinstance(head, Literal) or head.value == 0 for head in divisors)


class Program:
    """A term prepared for repeated evaluation; macros are expanded, and common sub-terms computed once.

    Args:
        root: any term; what is no function or literal is looked up in the environment, applications included.
        exact: compute with Python's own numbers, which the environment holds too.

    Attributes:
        depends_on_way: whether values may differ between the ways in :mod:`sygus.language.theories.undefined`.
    """

    def __init__(self, root: Term, *, exact: bool = False) -> None:
        self.inputs: dict[int, Head | Term] = {}
        self.constants: dict[int, Values] = {}
        self.steps: list[tuple[int, Callable[..., Any], tuple[int, ...]]] = []
        places: dict[Term, int] = {}
        for place, node in enumerate(subterms(expand(root))):
            places[node] = place
            head = node.head
            if isinstance(head, Literal):
                held = exact_column([head.value], head.sort) if exact else constant(head.value, head.sort)
                self.constants[place] = held
            elif isinstance(head, Function):
                kernel = _exactly(head.kernel, node.sort) if exact else head.kernel
                self.steps.append((place, kernel, tuple(places[a] for a in node.arguments)))
            else:
                self.inputs[place] = node if node.arguments else head
        self.count = len(places)
        self.depends_on_way = any(is_partial(node) or isinstance(node.head, Recursive) for node in places)

    def __call__(self, environment: Mapping[Any, Values]) -> Values:
        """The value; the environment gives the heads of leaves, and other applications as whole terms."""
        slots: list[Any] = [None] * self.count
        for place, value in self.constants.items():
            slots[place] = value
        for place, key in self.inputs.items():
            slots[place] = environment[key]
        with np.errstate(all="ignore"):
            for place, kernel, arguments in self.steps:
                slots[place] = kernel(*[slots[argument] for argument in arguments])
        return np.asarray(slots[-1])


def _exactly(kernel: Callable[..., Any], sort: Sort) -> Callable[..., Values]:
    """The kernel with results that are Python's own numbers."""
    return lambda *arguments: own_numbers(kernel(*arguments), sort)


def evaluate(root: Term, environment: Mapping[Any, Values]) -> Values:
    """The value of a term once."""
    return Program(root)(environment)
