"""Samples that look at every point in several ways, by the values that the standard leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.search.evaluation import Program, Values, is_partial
from solvers.cegis.search.samples import Samples
from sygus.language.problem import Grammar
from sygus.language.terms import Term, expand, subterms
from sygus.language.theories.undefined import WAYS, way


def looked_at(samples: Samples, grammar: Grammar, formulas: Iterable[Term] = ()) -> Samples:
    """The samples as they are now, looked at in all ways where terms or constraints have values that are left open."""
    templates = (p.template for productions in grammar.productions.values() for p in productions)
    nodes = (node for root in (*templates, *formulas) for node in subterms(expand(root)))
    return _AllWays(samples) if any(map(is_partial, nodes)) else samples


def in_ways(samples: Samples, ways: int) -> Samples:
    """The samples as they are now, looked at in so many ways."""
    return _AllWays(samples, ways)


class _AllWays(Samples):
    """All points in each way, one after the other; instances likewise.

    Args:
        samples: the points.
        ways: so many; of what the standard leaves open those from :data:`WAYS` on say nothing new.
    """

    def __init__(self, samples: Samples, ways: int = WAYS) -> None:
        self._samples = samples
        self._ways = ways
        self.separate = samples.separate
        self.exact = samples.exact
        self.inputs = {parameter: np.concatenate([values] * ways) for parameter, values in samples.inputs.items()}

    @property
    def points(self) -> int:
        return self._ways * self._samples.points

    def run(self, program: Program, environment: Mapping[Any, Values]) -> Values:
        if not program.depends_on_way:
            return self._samples.run(program, environment)
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
        return [slice(number * count, (number + 1) * count) for number in range(self._ways)]
