"""Finitely many instances of a specification, on which candidates for one function are judged all at once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits
from solvers.cegis.search.evaluation import Program, Values, column
from solvers.cegis.specification import Conjunct, Example, Point, Specification
from solvers.pausing import Pausing
from sygus.language.terms import BOOL, Sort, SynthFunction, Term, Variable, fold, leaf, term
from sygus.language.theories.libraries import same
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import (
    ArrayValue,
    Constructed,
    constructors_of,
    curried,
    elements,
    is_array,
    smallest_value,
)
from sygus.records import record

AT_A_TIME = 1 << 22
"""Values that are judged between two pauses."""


class Samples(ABC):
    """Instances of the constraints.

    Attributes:
        inputs: the arguments that the function is applied to in the instances, by parameter, each of shape (points,).
        separate: whether instance i looks at point i alone, so that different terms may serve different instances.
        exact: whether numbers are Python's own, of which none is rounded.
    """

    inputs: Mapping[Variable, Values]
    separate: bool
    exact: bool = False

    @property
    def points(self) -> int:
        """How many arguments there are."""
        return len(next(iter(self.inputs.values()))) if self.inputs else 1

    def run(self, program: Program, environment: Mapping[Any, Values]) -> Values:
        """The values of a term, the last dimension being the points or one for all."""
        return np.atleast_1d(program(environment))

    @abstractmethod
    def judge(self, values: Values) -> NDArray[np.bool_]:
        """Which instances hold, of shape (n, instances), of terms whose values are given, of shape (n, points)."""

    def judging(self, values: Values, limits: Limits) -> Pausing[NDArray[np.bool_]]:
        """The same of many terms, with pauses.

        Raises:
            OutOfTimeError: from the limits.
        """
        step = max(1, AT_A_TIME // self.points)
        parts = []
        for place in range(0, max(len(values), 1), step):
            yield
            limits.check()
            parts.append(self.judge(values[place : place + step]))
        return np.concatenate(parts)


class ExampleSamples(Samples):
    """Inputs with outputs."""

    separate = True

    def __init__(self, function: SynthFunction, examples: Sequence[Example], *, exact: bool = False) -> None:
        self.sort = function.sort
        self.examples = examples
        self.exact = exact
        self.outputs = column([example.output for example in examples], function.sort, exact=exact)
        self.inputs = {
            parameter: column([example.arguments[i] for example in examples], parameter.sort, exact=exact)
            for i, parameter in enumerate(function.parameters)
        }

    @property
    def points(self) -> int:
        """How many examples there are."""
        return len(self.outputs)

    def judge(self, values: Values) -> NDArray[np.bool_]:
        """Which outputs are right."""
        found: NDArray[np.bool_] = same(values, self.outputs)
        return found


class ArgumentSamples(Samples):
    """Arguments of a function, of which nothing is asked: they tell terms apart."""

    separate = False

    def __init__(self, inputs: Mapping[Variable, Values]) -> None:
        self.inputs = inputs

    def judge(self, values: Values) -> NDArray[np.bool_]:
        """No instances."""
        return np.ones((len(values), 0), bool)


@record(eq=False)
class _Group:
    """Conjuncts with the same applications, and the points at which they are looked at."""

    applications: tuple[Term, ...]
    conjuncts: list[Conjunct] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(dict.fromkeys(variable for conjunct in self.conjuncts for variable in conjunct.variables))


class InstanceSamples(Samples):
    """The conjuncts at points, which are added as counterexamples are found.

    Args:
        specification: of one function, whose applications are not nested; what is quantified only Z3 decides, so it
            counts as holding here.
        exact: whether numbers are Python's own.
    """

    def __init__(self, specification: Specification, *, exact: bool = False) -> None:
        (self.function,) = specification.functions
        self.exact = exact
        self._specification = specification
        groups: dict[tuple[Term, ...], _Group] = {}
        for conjunct in specification.conjuncts:
            if conjunct.applications:
                group = groups.setdefault(conjunct.applications, _Group(conjunct.applications))
                group.conjuncts.append(conjunct)
        self._groups = list(groups.values())
        self.separate = specification.pointwise and bool(groups)
        self._programs = {
            group: reduce_and([Program(opaque(c.formula), exact=exact) for c in group.conjuncts if not c.quantified])
            for group in self._groups
        }
        self.inputs = {}
        self.add({}, None)

    def exactly(self) -> InstanceSamples:
        """The same in exact numbers."""
        found = InstanceSamples(self._specification, exact=True)
        for group, own in zip(found._groups, self._groups, strict=True):
            group.points = list(own.points)
        found._prepare()
        return found

    def add(self, point: Point, conjunct: Conjunct | None) -> bool:
        """Look at a point in the group of a conjunct, or in all of them; whether it was new."""
        added = False
        for group in self._groups:
            if conjunct is not None and conjunct not in group.conjuncts:
                continue
            full = {v: point.get(v, any_value(v.sort)) for v in group.variables}
            if full not in group.points:
                group.points.append(full)
                added = True
        self._prepare()
        return added

    def add_all(self, points: Iterable[Point]) -> None:
        """Look at many points, in every group that has variables."""
        new = list(points)
        for group in self._groups:
            variables = group.variables
            if variables:
                known = {tuple(point[v] for v in variables) for point in group.points}
                fresh = dict.fromkeys(tuple(point[v] for v in variables) for point in new)
                group.points += [dict(zip(variables, values, strict=True)) for values in fresh if values not in known]
        self._prepare()

    @property
    def instances(self) -> Iterator[tuple[Conjunct, Point]]:
        """What is looked at where, the last that was added first."""
        for place in range(1, 1 + max((len(group.points) for group in self._groups), default=0)):
            for group in self._groups:
                if place <= len(group.points):
                    yield from ((conjunct, group.points[-place]) for conjunct in group.conjuncts)

    def _prepare(self) -> None:
        self._environments: list[dict[Any, Values]] = []
        columns: dict[Variable, list[Values]] = {parameter: [] for parameter in self.function.parameters}
        for group in self._groups:
            count = len(group.points)
            environment = {
                v: column([point[v] for point in group.points], v.sort, exact=self.exact) for v in group.variables
            }
            self._environments.append(environment)
            for application in group.applications:
                for parameter, argument in zip(self.function.parameters, application.arguments, strict=True):
                    values = Program(argument, exact=self.exact)(environment)
                    columns[parameter].append(np.broadcast_to(values, (count,)))
        self._total = sum(len(group.points) * len(group.applications) for group in self._groups)
        if not self._groups:  # nothing is asked of the function: one point, so that there are values at all
            self._total = 1
            columns = {p: [column([any_value(p.sort)], p.sort, exact=self.exact)] for p in columns}
        self.inputs = {parameter: np.concatenate(parts) for parameter, parts in columns.items()}

    @property
    def points(self) -> int:
        """One for each application in each instance."""
        return self._total

    def judge(self, values: Values) -> NDArray[np.bool_]:
        """Which instances hold."""
        verdicts, place = [np.ones((len(values), 0), bool)], 0
        for group, environment in zip(self._groups, self._environments, strict=True):
            count = len(group.points)
            known = dict(environment)
            for application in group.applications:
                known[stand_in(application)] = values[:, place : place + count]
                place += count
            holds = self._programs[group](known)
            verdicts.append(np.broadcast_to(holds, (len(values), count)))
        return np.concatenate(verdicts, axis=1)


def any_value(sort: Sort) -> Any:
    """Some value of a sort."""
    return representation(sort).decode(smallest_value(sort))


def stand_in(application: Term) -> Variable:
    """A variable for the value of an application, of a name that no file can hold; equal terms are identical."""
    return Variable(f"|value of the term {id(application)}", application.sort)


def opaque(formula: Term) -> Term:
    """The formula with variables in place of the applications of functions to synthesise."""

    def visit(node: Term, arguments: list[Term]) -> Term:
        if isinstance(node.head, SynthFunction):
            return leaf(stand_in(node))
        return term(node.head, tuple(arguments), node.sort) if arguments else node

    return fold(formula, visit)


def reduce_and(programs: Sequence[Program]) -> Any:
    """The conjunction of programs of sort Bool."""

    def holds(environment: Mapping[Any, Values]) -> Values:
        return reduce(np.logical_and, [program(environment) for program in programs], np.array(True))

    return holds


def first_points(variables: Sequence[Variable], count: int, seed: int) -> list[Point]:
    """All points there are where they are at most twice as many, else random ones."""
    domains = [_domain(variable) for variable in variables]
    if math.prod(len(domain) if domain else 2 * count + 1 for domain in domains) <= 2 * count:
        return [dict(zip(variables, values, strict=True)) for values in product(*domains)]
    return random_points(variables, count, seed)


def _domain(variable: Variable) -> Sequence[Any]:
    """The values of a small sort; empty where they are many."""
    if variable.sort == BOOL:
        return (False, True)
    return range(1 << min(62, int(variable.sort.indices[0]))) if variable.sort.name == "BitVec" else ()


def random_points(variables: Sequence[Variable], count: int, seed: int) -> list[Point]:
    """Points of small and of random values, the same for the same seed."""
    generator = np.random.default_rng(seed)

    def value(variable: Variable) -> Any:
        sort = curried(variable.sort)
        if is_array(sort) or constructors_of(sort):
            return _structured(sort, generator)
        if sort.name == "Bool":
            return bool(generator.integers(2))
        if sort.name == "BitVec":
            width = int(sort.indices[0])
            kind = int(generator.integers(4))
            if kind == 0:
                return int(generator.integers(4)) % (1 << width)
            if kind == 1:
                return -int(generator.integers(1, 4)) % (1 << width)
            return int.from_bytes(generator.bytes(max(8, (width + 7) // 8)), "little") % (1 << width)
        if sort.name == "String":
            letters = generator.integers(97, 100, int(generator.integers(4)))
            return "".join(chr(letter) for letter in letters)
        reach = 4 if generator.integers(2) else 30
        return representation(sort).decode(int(generator.integers(-reach, reach + 1)))

    return [{variable: value(variable) for variable in variables} for _ in range(count)]


def _structured(sort: Sort, generator: np.random.Generator, depth: int = 3) -> Any:
    """A value of an array with a few entries, or of a datatype a few constructors deep."""

    def part(inner: Sort) -> Any:
        inner = curried(inner)
        if is_array(inner) or constructors_of(inner):
            held = representation(inner)
            return smallest_value(inner) if depth == 0 else held.encode(_structured(inner, generator, depth - 1))
        (point,) = random_points([Variable("part", inner)], 1, int(generator.integers(1 << 30)))
        return representation(inner).encode(next(iter(point.values())))

    if is_array(sort):
        found = ArrayValue(part(sort.arguments[1]))
        for _ in range(int(generator.integers(4))):
            found = found.store(part(sort.arguments[0]), part(sort.arguments[1]), elements(sort.arguments[0]))
        return found
    constructors = constructors_of(sort)
    chosen = constructors[int(generator.integers(len(constructors)))]
    if depth == 0 and chosen.selectors:
        return representation(sort).decode(smallest_value(sort))
    return Constructed(chosen.name, tuple(part(inner) for _, inner in chosen.selectors))
