"""The values of terms on many points at once, by the kernels of their functions on NumPy's arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sygus.language.terms import Head, Literal, Sort, Term, expand, subterms
from sygus.language.theories import Function
from sygus.language.theories.sorts import representation

Values = NDArray[Any]
"""Numbers that hold values as :mod:`sygus.language.theories.sorts` says; the last dimension is the points."""


def constant(value: Any, sort: Sort) -> Values:
    """One value, without dimensions."""
    held = representation(sort)
    return np.asarray(held.encode(value), held.number)


def column(values: Sequence[Any], sort: Sort) -> Values:
    """Values of one sort at points, of shape (points,)."""
    held = representation(sort)
    return np.array([held.encode(value) for value in values], held.number)


class Program:
    """A term prepared for repeated evaluation; macros are expanded, and common sub-terms computed once.

    Args:
        root: any term; what is no function or literal is looked up in the environment, applications included.
    """

    def __init__(self, root: Term) -> None:
        self.inputs: dict[int, Head | Term] = {}
        self.constants: dict[int, Values] = {}
        self.steps: list[tuple[int, Callable[..., Any], tuple[int, ...]]] = []
        places: dict[Term, int] = {}
        for place, node in enumerate(subterms(expand(root))):
            places[node] = place
            head = node.head
            if isinstance(head, Literal):
                self.constants[place] = constant(head.value, head.sort)
            elif isinstance(head, Function):
                self.steps.append((place, head.kernel, tuple(places[a] for a in node.arguments)))
            else:
                self.inputs[place] = node if node.arguments else head
        self.count = len(places)

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


def evaluate(root: Term, environment: Mapping[Any, Values]) -> Values:
    """The value of a term once."""
    return Program(root)(environment)
