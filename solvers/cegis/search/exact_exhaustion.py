"""Proof by exhaustion on a few points in exact numbers: reals are fractions, and integers of any size are Python's own.

It is slower than arrays of machine numbers, and takes few points, on which the terms of a grammar behave in fewer ways;
what fails on few fails on all. What the standard leaves open is looked at in one way, of which an answer must hold too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits
from solvers.cegis.search.samples import ExampleSamples, InstanceSamples, Samples, opaque, stand_in
from solvers.cegis.specification import Conjunct, Example, Point
from solvers.cegis.strategy import InfeasibleError
from solvers.pausing import Pausing
from sygus.language.problem import Grammar, Production
from sygus.language.terms import INT, REAL, Hole, Nonterminal, Term, Variable, expand
from sygus.language.theories.exact import exact_column, exact_values
from sygus.language.theories.sorts import representation
from sygus.records import record

MOST_ALONE = 32
"""Instances that are looked at each by itself."""

FEW = (2, 4, 8)
"""Instances that are looked at together."""

MOST_WAYS = 10_000
"""In which terms behave, all nonterminals together, before a number of instances is given up."""

MOST_COMBINATIONS = 1 << 19
"""Of what is known, by all productions together."""

BLOCK = 1 << 12
"""Combinations that are looked at at once."""

Row = tuple[Any, ...]
"""A value at each point."""


@record(frozen=True, eq=False)
class _Instance:
    """Arguments that the function is applied to, and whether values there are right, (n, applications) to (n,)."""

    arguments: Sequence[Row]
    judge: Callable[[NDArray[Any]], NDArray[np.bool_]]


def refute_exactly(grammar: Grammar, samples: Samples, limits: Limits) -> Pausing[None]:
    """Enumerate all ways in which the terms of a grammar behave on a few instances, with pauses.

    No Reals may be in structured values.

    Args:
        grammar: as the file has it, without ``(Constant σ)``.
        samples: examples, or instances of constraints without recursion.
        limits: of time.

    Raises:
        InfeasibleError: each of them fails.
        OutOfTimeError: from the limits.
    """
    if isinstance(samples, ExampleSamples):
        parameters = tuple(samples.inputs)
        found: Iterator[_Instance] = (_of_example(example, samples) for example in samples.examples)
    elif isinstance(samples, InstanceSamples):
        parameters = samples.function.parameters
        found = (_of_conjunct(conjunct, point) for conjunct, point in samples.instances if not conjunct.quantified)
    else:
        return
    instances = list(islice(found, MOST_ALONE))
    several = (instances[:count] for count in FEW if count <= len(instances))
    for chosen in (*([one] for one in instances), *several):
        ways = yield from _Closure(grammar, parameters, chosen, limits).refuted()
        if ways is None:
            return
        if ways:
            what = f"in {ways} way{'s' * (ways > 1)} on {len(chosen)} point{'s' * (len(chosen) > 1)}"
            raise InfeasibleError(f"the terms of the grammar behave {what} in exact numbers, and each fails")


def _of_example(example: Example, samples: ExampleSamples) -> _Instance:
    output = exact_column([example.output], samples.sort)
    given = zip(example.arguments, samples.inputs, strict=True)
    arguments = tuple(exact_column([value], parameter.sort).tolist()[0] for value, parameter in given)
    return _Instance([arguments], lambda values: (values == output).all(1))


def _of_conjunct(conjunct: Conjunct, point: Point) -> _Instance:
    environment = {variable: exact_column([value], variable.sort) for variable, value in point.items()}
    formula, applications = opaque(conjunct.formula), conjunct.applications

    def judge(values: NDArray[Any]) -> NDArray[np.bool_]:
        own = {stand_in(one): values[:, place] for place, one in enumerate(applications)}
        return np.broadcast_to(exact_values(formula, {**environment, **own}), len(values)).astype(bool)

    arguments = [tuple(_single(argument, environment) for argument in one.arguments) for one in applications]
    return _Instance(arguments, judge)


def _single(argument: Term, environment: Mapping[Variable, NDArray[Any]]) -> Any:
    (value,) = np.atleast_1d(exact_values(expand(argument), environment)).tolist()
    return value


class _Closure:
    """The values that the terms of each nonterminal have at the arguments of some instances."""

    def __init__(
        self, grammar: Grammar, parameters: Sequence[Variable], instances: Sequence[_Instance], limits: Limits
    ) -> None:
        self._grammar = grammar
        self._instances = instances
        self._limits = limits
        rows = [arguments for instance in instances for arguments in instance.arguments]
        self._points = len(rows)
        self._inputs = {
            parameter: _array([[row[place] for row in rows]], parameter)[0]
            for place, parameter in enumerate(parameters)
        }
        self._known: dict[Nonterminal, dict[Row, None]] = {nonterminal: {} for nonterminal in grammar.productions}
        self._templates = {p: expand(p.template) for productions in grammar.productions.values() for p in productions}

    def refuted(self) -> Pausing[int | None]:
        """The number of ways in which terms behave where all fail; 0 where some hold, None where they are too many."""
        before, combined = dict.fromkeys(self._known, 0), 0
        while True:
            sizes = {nonterminal: len(rows) for nonterminal, rows in self._known.items()}
            for nonterminal, productions in self._grammar.productions.items():
                for production in productions:
                    for combinations in self._new(production, before, sizes):
                        yield
                        self._limits.check()
                        rows = self._values(production, combinations)
                        if nonterminal == self._grammar.start and self._right(rows).any():
                            return 0
                        self._known[nonterminal] |= dict.fromkeys(map(tuple, rows.tolist()))
                        combined += len(combinations)
                        if combined > MOST_COMBINATIONS or sum(map(len, self._known.values())) > MOST_WAYS:
                            return None
            if sizes == {nonterminal: len(rows) for nonterminal, rows in self._known.items()}:
                return sum(sizes.values())
            before = sizes

    def _new(
        self, production: Production, before: Mapping[Nonterminal, int], sizes: Mapping[Nonterminal, int]
    ) -> Iterator[list[tuple[Row, ...]]]:
        """The combinations of what is known that were not looked at, in blocks."""
        holes = production.holes
        known = {nonterminal: list(islice(self._known[nonterminal], sizes[nonterminal])) for nonterminal in set(holes)}
        places = product(*(range(sizes[nonterminal]) for nonterminal in holes))
        first = not any(before.values())
        new = (
            tuple(known[nonterminal][place] for nonterminal, place in zip(holes, chosen, strict=True))
            for chosen in places
            if first or any(place >= before[one] for one, place in zip(holes, chosen, strict=True))
        )
        while block := list(islice(new, BLOCK)):
            yield block

    def _values(self, production: Production, combinations: Sequence[tuple[Row, ...]]) -> NDArray[Any]:
        own = {
            Hole(place, nonterminal): _array([rows[place] for rows in combinations], nonterminal)
            for place, nonterminal in enumerate(production.holes)
        }
        found = exact_values(self._templates[production], {**self._inputs, **own})
        return np.broadcast_to(found, (len(combinations), self._points))

    def _right(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        right, place = np.ones(len(rows), bool), 0
        for instance in self._instances:
            count = len(instance.arguments)
            right &= instance.judge(rows[:, place : place + count])
            place += count
        return right


def _array(rows: Sequence[Sequence[Any]], of: Variable | Nonterminal) -> NDArray[Any]:
    """Rows of values as they are held in exact arrays."""
    held = "object" if of.sort in (INT, REAL) else representation(of.sort).number
    found = np.empty((len(rows), len(rows[0])), held)
    for place, row in enumerate(rows):
        found[place] = row
    return found
