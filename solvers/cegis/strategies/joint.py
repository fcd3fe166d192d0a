"""Functions that constraints connect or apply to one another: tuples of terms, smallest first.

Where one value of a function decides where another is asked for, no table of values by point judges a term alone. The
terms of each function are enumerated by their behaviour on common arguments; tuples of them are run on the points that
refuted others, and Z3 sees what holds there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.evaluation import Program, Values, column
from solvers.cegis.search.grammars import enumerable
from solvers.cegis.search.initial import SEED, initial_points
from solvers.cegis.search.samples import ArgumentSamples, any_value, first_points, opaque, random_points, stand_in
from solvers.cegis.specification import Bodies, Conjunct, Point, Specification, literal_value
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from sygus.language.problem import Target
from sygus.language.terms import INT, REGLAN, Sort, SynthFunction, Term, Variable
from sygus.language.theories.sorts import representation

ARGUMENTS, MOST_ARGUMENTS = 24, 400
"""Arguments of a function that tell its terms apart: random ones to begin with, as many with literals; most of all."""

PREPARED = 1 << 14
"""Programs of terms that are kept for the next tuple."""

Programs = Mapping[SynthFunction, Program]


class _Check:
    """A conjunct, ready to be run with bodies for its functions; inner applications come before outer ones."""

    def __init__(self, conjunct: Conjunct) -> None:
        self.functions = frozenset(application.head for application in conjunct.applications)
        self._calls = [
            (node.head, stand_in(node), [Program(opaque(a)) for a in node.arguments]) for node in conjunct.applications
        ]
        self._formula = Program(opaque(conjunct.formula))

    def holds(self, bodies: Programs, points: _Points, seen: _Arguments | None = None) -> bool:
        """Whether the formula holds of these functions at all points; what they are applied to is noted in ``seen``.

        Raises:
            OutOfTimeError: from the limits.
        """
        known: dict[Variable, Values] = dict(points.columns)
        for function, value_of, arguments in self._calls:
            points.limits.check()
            assert isinstance(function, SynthFunction)
            values = [np.broadcast_to(argument(known), (points.count,)) for argument in arguments]
            if seen is not None:
                seen.note(function, values)
            value = bodies[function](dict(zip(function.parameters, values, strict=True)))
            known[value_of] = np.broadcast_to(value, (points.count,))
        return bool(np.all(self._formula(known)))


class _Arguments:
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


class _Points:
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


class _Terms:
    """The terms of one function by size, those that fail what is asked of it alone left out."""

    def __init__(
        self, specification: Specification, target: Target, points: _Points, seen: _Arguments, limits: Limits
    ) -> None:
        self.function = target.function
        self.grammar = enumerable(specification, target, limits.depth)
        self._bank = sample_bank(self.grammar, ArgumentSamples(seen.of(target.function)), limits)
        self._points = points
        self._alone = [c for c in map(_Check, specification.conjuncts) if c.functions == {target.function}]
        self._rows: list[list[int]] = [[]]
        self.prepared = lru_cache(PREPARED)(self._prepared)
        self.ended = False

    @property
    def largest(self) -> int:
        """The largest size of which there are terms so far."""
        return max((size for size, rows in enumerate(self._rows) if rows), default=0)

    def of_size(self, size: int) -> list[int]:
        """The rows of the terms of a size.

        Raises:
            OutOfTimeError: from the limits.
        """
        while len(self._rows) <= size and not self.ended:
            self.ended = not self._bank.grow() or self._bank.exhausted
            reached = self._bank.size
            if reached == len(self._rows):
                count = len(self._bank.level(self.grammar.start, reached))
                self._rows.append([row for row in range(count) if self._is_kept(reached, row)])
        return self._rows[size] if size < len(self._rows) else []

    def _is_kept(self, size: int, row: int) -> bool:
        return all(c.holds({self.function: self.prepared(size, row)[1]}, self._points) for c in self._alone)

    def _prepared(self, size: int, row: int) -> tuple[Term, Program]:
        term = self._bank.term(self.grammar.start, size, row)
        return term, Program(term)


class Joint(Strategy):
    """Tuples of terms that hold at all points, by the nodes of all of them together."""

    name = "joint"
    doc = "functions that constraints connect or apply to one another: tuples of terms, smallest first"
    share = 0.25
    turn = 60

    def applies(self, specification: Specification) -> bool:
        """To functions that are all connected, or applied to what depends on one, and have random arguments."""
        several = len(specification.functions) > 1
        nested = any(conjunct.nested for conjunct in specification.conjuncts)
        random = all(p.sort != REGLAN for function in specification.functions for p in function.parameters)
        decided = not any(conjunct.quantified for conjunct in specification.conjuncts)
        return (several or nested) and random and decided and len(specification.parts) == 1

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Terms that are alike on the arguments seen so far count as one.

        When those have doubled, or all terms are tried and there are new ones, everything begins anew.
        """
        points, seen = _Points(specification, limits), _Arguments(specification)
        checks = [_Check(conjunct) for conjunct in specification.conjuncts]
        while True:
            pools = [_Terms(specification, target, points, seen, limits) for target in specification.targets]
            before, total = seen.count, len(pools)
            while not _is_last(pools, total - 1, limits):
                limits.check()
                for bodies in _tuples(pools, checks, points, seen, total):
                    verdict = yield Candidate(bodies)
                    if verdict.counterexample is not None:
                        points.add(verdict.counterexample)
                        _note(bodies, checks, points, seen)
                    if limits.largest is not None and total > limits.largest:  # an answer was smaller
                        return
                if seen.count > 2 * before:
                    break
                total += 1
            else:
                if seen.count == before:
                    return


def _note(bodies: Bodies, checks: Sequence[_Check], points: _Points, seen: _Arguments) -> None:
    """Note what a candidate applies the functions to."""
    programs = {function: Program(body) for function, body in bodies.items()}
    for check in checks:
        check.holds(programs, points, seen)


def _is_last(pools: Sequence[_Terms], total: int, limits: Limits) -> bool:
    """Whether no larger tuple is to be looked at."""
    if limits.largest is not None and total >= limits.largest:
        return True
    if any(pool.ended and not pool.largest for pool in pools):
        return True
    return all(pool.ended for pool in pools) and total >= sum(pool.largest for pool in pools)


def _tuples(
    pools: Sequence[_Terms], checks: Sequence[_Check], points: _Points, seen: _Arguments, total: int
) -> Iterator[Bodies]:
    """The candidates of a size that hold at all points; a tuple is given up where its first functions fail."""

    def extended(rest: int, terms: dict[SynthFunction, Term], bodies: dict[SynthFunction, Program]) -> Iterator[Bodies]:
        if len(terms) == len(pools):
            yield terms
            return
        pool, after = pools[len(terms)], len(pools) - len(terms) - 1
        known = {*bodies, pool.function}
        due = [check for check in checks if pool.function in check.functions and check.functions <= known]
        for size in range(1, rest - after + 1) if after else [rest]:
            for place, row in enumerate(pool.of_size(size)):
                term, program = pool.prepared(size, row)
                ready = {**bodies, pool.function: program}
                if all(check.holds(ready, points, None if place else seen) for check in due):
                    yield from extended(rest - size, {**terms, pool.function: term}, ready)

    yield from extended(total, {}, {})
