"""What tuples of bodies are run on: constraints at points, and what these apply the functions to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits
from solvers.cegis.search.calling import Instance
from solvers.cegis.search.evaluation import Program, Values, column
from solvers.cegis.search.initial import SEED, initial_points
from solvers.cegis.search.samples import any_value, first_points, opaque, random_points, stand_in
from solvers.cegis.specification import Conjunct, Point, Specification, literal_value
from sygus.language.terms import INT, Sort, SynthFunction, Variable
from sygus.language.theories.sorts import representation
from sygus.language.theories.undefined import WAYS, way

ARGUMENTS, MOST_ARGUMENTS = 24, 400
"""Arguments of a function that tell its terms apart: random ones to begin with, as many with literals; most of all."""

Programs = Mapping[SynthFunction, Program]


class Check:
    """A conjunct, ready to be run with bodies for its functions; inner applications come before outer ones."""

    def __init__(self, conjunct: Conjunct) -> None:
        self.functions = frozenset(application.head for application in conjunct.applications)
        self._calls = [
            (node.head, stand_in(node), [Program(opaque(a)) for a in node.arguments]) for node in conjunct.applications
        ]
        self._formula = Program(opaque(conjunct.formula))

    def instance(self, points: Points) -> Instance | None:
        """What is asked of single values of the only function at all points; None where it is not of single ones."""
        if len(self._calls) != 1:
            return None
        (function, value_of, arguments), columns, count = self._calls[0], points.columns, points.count
        inputs = [np.broadcast_to(argument(columns), (count,)) for argument in arguments]

        def holds(values: Values) -> NDArray[np.bool_]:
            return np.broadcast_to(self._formula({**columns, value_of: values}), (count,))

        return dict(zip(function.parameters, inputs, strict=True)), holds

    def holds(self, bodies: Programs, points: Points, seen: Arguments | None = None) -> bool:
        """Whether the formula holds of these functions at all points; what they are applied to is noted in ``seen``.

        Raises:
            OutOfTimeError: from the limits.
        """
        return bool(np.all(self._formula(self._values(bodies, points, seen))))

    def fails(self, bodies: Programs, points: Points) -> bool:
        """Whether it fails at a point where the functions have the same values in all ways of what is left open."""
        first = self._values(bodies, points)
        wrong = ~np.broadcast_to(self._formula(first), (points.count,))
        for number in range(1, WAYS):
            if not wrong.any():
                return False
            with way(number):
                other = self._values(bodies, points)
            wrong = np.logical_and.reduce([wrong, *(first[one] == other[one] for _, one, _ in self._calls)])
        return bool(wrong.any())

    def _values(self, bodies: Programs, points: Points, seen: Arguments | None = None) -> dict[Variable, Values]:
        """Of the variables, and of what stands for applications."""
        known: dict[Variable, Values] = dict(points.columns)
        for function, value_of, arguments in self._calls:
            points.limits.check()
            assert isinstance(function, SynthFunction)
            values = [np.broadcast_to(argument(known), (points.count,)) for argument in arguments]
            if seen is not None:
                seen.note(function, values)
            value = bodies[function](dict(zip(function.parameters, values, strict=True)))
            known[value_of] = np.broadcast_to(value, (points.count,))
        return known


class Arguments:
    """What functions are applied to: terms are told apart there."""

    def __init__(self, specification: Specification) -> None:
        literals = _literals(specification)
        self._rows: dict[SynthFunction, dict[tuple[object, ...], None]] = {}
        for function in specification.functions:
            points = [*first_points(function.parameters, ARGUMENTS, SEED), *_mixed(function.parameters, literals)]
            self._rows[function] = {}
            self.note(function, [column([point[p] for point in points], p.sort) for p in function.parameters])

    @property
    def count(self) -> int:
        """How many there are of all functions together."""
        return sum(len(rows) for rows in self._rows.values())

    def note(self, function: SynthFunction, values: Sequence[Values]) -> None:
        """Add arguments, a column for each parameter, until there are many; quotients by zero are none."""
        rows = self._rows[function]
        if len(rows) < MOST_ARGUMENTS:
            found = zip(*(v.tolist() for v in values), strict=True)
            rows.update((row, None) for row in found if all(map(math.isfinite, row)))

    def of(self, function: SynthFunction) -> Mapping[Variable, Values]:
        """The arguments of a function, by parameter."""
        columns = zip(*self._rows[function], strict=True)
        held = (representation(parameter.sort).number for parameter in function.parameters)
        return {p: np.array(values, dtype) for p, values, dtype in zip(function.parameters, columns, held, strict=True)}


def _literals(specification: Specification) -> Mapping[Sort, Sequence[object]]:
    """The literals of the constraints by sort, integers with their neighbours."""
    found: dict[Sort, list[object]] = {}
    for sort, nodes in specification.literals.items():
        for value in map(literal_value, nodes):
            found.setdefault(sort, []).extend((value - 1, value, value + 1) if sort == INT else (value,))
    return found


def _mixed(parameters: Sequence[Variable], literals: Mapping[Sort, Sequence[object]]) -> Iterator[Point]:
    """Random values, half of them literals where there are some."""
    generator = np.random.default_rng(SEED)
    for point in random_points(parameters, ARGUMENTS, SEED):
        choices = {p: literals[p.sort] for p in parameters if p.sort in literals and generator.integers(2)}
        yield {**point, **{p: values[int(generator.integers(len(values)))] for p, values in choices.items()}}


class Points:
    """Values of the variables that candidates are run on."""

    def __init__(self, specification: Specification, limits: Limits) -> None:
        self.limits = limits
        self.variables = specification.variables
        self.points: list[Point] = initial_points(specification)
        self._arrange()

    def add(self, point: Point) -> None:
        """Look at one more."""
        full = {v: point.get(v, any_value(v.sort)) for v in self.variables}
        if full not in self.points:
            self.points.append(full)
            self._arrange()

    def _arrange(self) -> None:
        self.count = len(self.points)
        self.columns = {v: column([point[v] for point in self.points], v.sort) for v in self.variables}
