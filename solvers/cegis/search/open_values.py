"""Samples that look at every point in several ways, by the values that the standard leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.search.evaluation import Program, Values
from solvers.cegis.search.samples import Samples
from sygus.language.problem import Grammar
from sygus.language.terms import Literal, Term, expand, subterms
from sygus.language.theories import Function
from sygus.language.theories.undefined import WAYS, way


def is_partial(root: Term) -> bool:
    """Whether a value in a term may be left open."""
    return any(isinstance(node.head, Function) and _leaves_open(node.head, node) for node in subterms(expand(root)))


def looked_at(samples: Samples, grammar: Grammar, formulas: Iterable[Term] = ()) -> Samples:
    """The samples as they are now, looked at in all ways where terms or constraints have values that are left open."""
    templates = (p.template for productions in grammar.productions.values() for p in productions)
    return _AllWays(samples) if any(map(is_partial, (*templates, *formulas))) else samples


def _leaves_open(function: Function, node: Term) -> bool:
    divisors = (node.arguments[place].head for place in function.nonzero)
    return function.partial or any(not isinstance(head, Literal) or head.value == 0 for head in divisors)


class _AllWays(Samples):
    """All points in each way, one after the other; instances likewise."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self.separate = samples.separate
        self.magnitude = samples.magnitude
        self.inputs = {parameter: np.concatenate([values] * WAYS) for parameter, values in samples.inputs.items()}

    @property
    def points(self) -> int:
        return WAYS * self._samples.points

    def run(self, program: Program, environment: Mapping[Any, Values]) -> Values:
        parts = []
        for number, chosen in enumerate(self._slices()):
            part = {k: v[..., chosen] if v.ndim and v.shape[-1] == self.points else v for k, v in environment.items()}
            with way(number):
                found = self._samples.run(program, part)
            parts.append(np.broadcast_to(found, (*found.shape[:-1], self._samples.points)))
        return np.concatenate(np.broadcast_arrays(*parts), -1)

    def judge(self, values: Values) -> NDArray[np.bool_]:
        parts = []
        for number, chosen in enumerate(self._slices()):
            with way(number):
                parts.append(self._samples.judge(values[:, chosen]))
        return np.concatenate(parts, 1)

    def _slices(self) -> list[slice]:
        count = self._samples.points
        return [slice(number * count, (number + 1) * count) for number in range(WAYS)]
