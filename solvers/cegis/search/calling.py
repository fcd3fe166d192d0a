"""Terms that call functions to synthesise, told apart while nothing is known of what they call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.evaluation import Program, Values, column
from solvers.cegis.search.open_values import in_ways
from solvers.cegis.search.samples import ArgumentSamples, random_points
from solvers.cegis.search.unification import Conditional, conditionals
from solvers.pausing import Pausing
from sygus.language.problem import Grammar
from sygus.language.terms import Definition, SynthFunction, Term, Variable, expand, fold, leaf, subterms, term
from sygus.language.theories.function import Function, fixed, named, opaque
from sygus.language.theories.undefined import WAYS, chosen_way

Booleans = NDArray[np.bool_]

VALUES, SEED = 61, 13
"""Values that a function of which nothing is known has at most, and what they are drawn with."""

BITS = 16
"""Of the odds at which terms that differ by what they call are taken for one."""

LEAST = 2
"""Nodes of a condition and of one branch together at least."""

SMALL = 7
"""Nodes of terms that are always looked at; of larger ones where they may be parts of conditionals."""


class StandIns:
    """Theory's functions in place of those to synthesise: at the same arguments they have the same arbitrary value.

    In each way of what is left open (see :mod:`sygus.language.theories.undefined`) it is another one, never the same
    as in the way before, and in further ways it is any, so that terms which are alike in all ways hardly ever differ by
    what they call. How many ways that takes, see :meth:`ways`, depends on how many values there are.

    Attributes:
        running: bodies that calls are answered by meanwhile, see :meth:`written_out`.
    """

    def __init__(self) -> None:
        self.running: dict[SynthFunction, Program] = {}
        self._depth = 0
        self._values: dict[SynthFunction, Values] = {}
        self._there: dict[Any, Any] = {}
        self._back: dict[Any, Any] = {}

    @contextmanager
    def written_out(self, depth: int) -> Iterator[None]:
        """Meanwhile calls are answered by what is running, so many inside one another; further ones as ever."""
        self._depth = depth
        try:
            yield
        finally:
            self._depth = 0

    def grammar(self, grammar: Grammar) -> Grammar:
        """The same with stand-ins for all functions to synthesise that it calls, in macros too."""
        for production, _ in grammar.callers:
            for node in subterms(production.template):
                self._add(node.head)
        return Grammar(
            {
                nonterminal: tuple(replace(p, template=_with(self._there, p.template)) for p in productions)
                for nonterminal, productions in grammar.productions.items()
            }
        )

    def ways(self, bits: int) -> int:
        """In how many ways terms are told apart but for odds of one in 2 to the power of the bits."""
        counts = [len(values) for values in self._values.values() if len(values) > 1]
        return WAYS + max((math.ceil(bits / math.log2(count)) for count in counts), default=0)

    def restored(self, root: Term) -> Term:
        """A term of that grammar with the functions to synthesise."""
        return _with(self._back, root)

    def _add(self, head: Any) -> None:
        if head in self._there:
            return
        if isinstance(head, SynthFunction):
            self._there[head] = self._stand_in(head)
        elif isinstance(head, Definition):
            body = expand(head.body)
            for node in subterms(body):
                if isinstance(node.head, SynthFunction):
                    self._add(node.head)
            self._there[head] = replace(head, body=_with(self._there, body))
        else:
            return
        self._back[self._there[head]] = head

    def _stand_in(self, function: SynthFunction) -> Function:
        self._values[function] = values = _values(function)
        anything = _arbitrary(values)

        def kernel(*arguments: Any) -> Values:
            program = self.running.get(function)
            if program is None or not self._depth:
                return anything(*arguments)
            self._depth -= 1
            try:
                return program(dict(zip(function.parameters, arguments, strict=True)))
            finally:
                self._depth += 1

        def no_form(*_: Any) -> Any:
            raise TypeError(f"'{function.name}' stands in for a function that is not known")

        sorts = tuple(parameter.sort for parameter in function.parameters)
        return Function(
            name=function.name,
            signature=fixed(*sorts, result=function.sort),
            sorts=f"{' '.join(map(str, sorts))} → {function.sort}",
            doc="Anything.",
            kernel=kernel,
            z3=no_form,
            sympy=opaque(function.name),
            latex=named(function.name),
            partial=True,
        )


def _with(heads: Mapping[Any, Any], root: Term) -> Term:
    """The term with other heads."""
    return fold(root, lambda node, parts: term(heads.get(node.head, node.head), tuple(parts), node.sort))


def _values(function: SynthFunction) -> Values:
    """The values that a function of which nothing is known may have, each once."""
    variable = Variable("value", function.sort)
    values = column([point[variable] for point in random_points([variable], VALUES, SEED)], function.sort)
    found: Values = values[np.sort(np.unique(values, return_index=True)[1])]
    return found


def _arbitrary(values: Values) -> Callable[..., Values]:
    """The kernel of some function with these values: in one of the first ways never what it is in the next."""

    def kernel(*arguments: Any) -> Values:
        turn = chosen_way() if chosen_way() < WAYS else 0
        draw = chosen_way() - turn
        mixed: NDArray[np.uint64] = np.array((1 + draw) * 0x9E3779B97F4A7C15 % (1 << 64), np.uint64)
        for place, argument in enumerate(arguments):
            given = np.asarray(argument)
            words = (given + 0.0).view(np.uint64) if given.dtype.kind == "f" else given.astype(np.uint64)
            mixed = (words + mixed + np.uint64(place)) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = mixed ^ (mixed >> np.uint64(29))
        mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
        places = (mixed % np.uint64(len(values)) + np.uint64(turn)).astype(np.int64)
        return np.asarray(values[places % len(values)])

    return kernel


def depends(values: Values, ways: int) -> Booleans:
    """Where values on samples that were looked at in so many ways depend on the way, (n, points of one way)."""
    by_way = values.reshape(len(values), ways, values.shape[1] // ways)
    found: Booleans = (by_way != by_way[:, :1]).any(1)
    return found


Instance = tuple[Mapping[Variable, Values], Callable[[Values], Booleans]]
"""Arguments of the function, by parameter, and where values at them are right."""


class CallingTerms:
    """Terms, by size, that call functions to synthesise; of those that call their own function all that may ever end.

    A term that calls its own function with the parameters as they are, or depends on its values everywhere, never ends,
    and is left out. Where a grammar that calls its own function has conditionals they are put together of a condition,
    a branch without such calls, which must be right where it is chosen, and one with such calls; the parts are
    enumerated without conditionals.

    Args:
        grammar: of the function, without ``(Constant σ)``.
        function: whose bodies they are.
        inputs: its arguments that tell terms apart.
        instances: arguments at which it is known what values are right.
        stand_ins: for what they call, in the terms too.
        limits: of time and memory.
        bits: terms that differ by what they call are told apart but for odds of one in 2 to this power.
    """

    def __init__(
        self,
        grammar: Grammar,
        function: SynthFunction,
        inputs: Mapping[Variable, Values],
        instances: Sequence[Instance],
        stand_ins: StandIns,
        limits: Limits,
        bits: int = BITS,
    ) -> None:
        self._stand_ins = stand_ins
        self._function = function
        self._own = tuple(map(leaf, function.parameters))
        self._instances = instances
        self._limits = limits
        apart = self._stand_ins.grammar(grammar)
        called = {n.head for p, _ in grammar.callers for n in subterms(expand(p.template))}
        self._recursive = function in called and bool(function.parameters)
        found = [one for one in conditionals(apart) if len(one.inputs) == 1] if self._recursive else []
        self._conditional: Conditional | None = found[0] if found else None
        self._root = self._conditional.nonterminal if self._conditional else apart.start
        left_out = {one.production for one in found}
        parts = Grammar({n: tuple(p for p in ps if p not in left_out) for n, ps in apart.productions.items()})
        self._ways = stand_ins.ways(bits)
        self._bank = sample_bank(parts, in_ways(ArgumentSamples(inputs), self._ways), limits)
        self._plain: list[list[Term]] = [[]]
        self._bases: list[list[tuple[Term, list[Booleans]]]] = [[]]
        self._steps: list[list[Term]] = [[]]
        self._conditions: list[list[tuple[Term, list[Booleans]]]] = [[]]

    @property
    def largest(self) -> int:
        """The largest size of which there are terms so far; with conditionals any size may have some."""
        return max((size for size, found in enumerate(self._plain) if found), default=0)

    @property
    def ended(self) -> bool:
        """Whether there are no larger ones than those so far."""
        return self._conditional is None and self._bank.exhausted

    def of_size(self, size: int) -> Pausing[list[Term]]:
        """The terms of a size.

        Raises:
            OutOfTimeError: from the limits.
        """
        parts = size if self._conditional is None else max(size - LEAST - self._conditional.size, min(size, SMALL))
        while len(self._plain) <= parts and not self._bank.exhausted:
            if not (yield from self._bank.growing()):
                break
            if self._bank.size == len(self._plain):
                yield from self._sort_out(self._bank.size)
        found = list(self._plain[size]) if size < len(self._plain) else []
        if self._conditional is not None:
            for one in self._put_together(size, self._conditional):
                if one is None:
                    yield
                else:
                    found.append(one)
        return found

    def _sort_out(self, size: int) -> Pausing[None]:
        """What the terms of a size may be."""
        level = self._bank.level(self._root, size)
        varies = depends(level.values, self._ways)
        plain, bases, steps = [], [], []
        for row in range(len(level)):
            if row % 256 == 0:
                yield
                self._limits.check()
            made = self._bank.term(self._root, size, row)
            written = expand(self._stand_ins.restored(made)) if varies[row].any() else made
            calls = [node for node in subterms(written) if node.head == self._function]
            if any(node.arguments == self._own for node in calls):
                continue
            if not (self._recursive and varies[row].all()):
                plain.append(made)
            if self._conditional is None:
                continue
            if not calls:
                right = [holds(_broadcast(made, inputs)) for inputs, holds in self._instances]
                bases.append((made, right))
            else:
                steps.append(made)
        self._plain.append(plain)
        self._bases.append(bases)
        self._steps.append(steps)
        self._conditions.append(list(self._tests(size)))

    def _tests(self, size: int) -> Iterator[tuple[Term, list[Booleans]]]:
        """Conditions without calls that hold at some arguments and fail at others, and where they hold."""
        if self._conditional is None:
            return
        (hole,) = self._conditional.inputs
        program = Program(self._conditional.condition)
        level = self._bank.level(hole.nonterminal, size)
        chooses = level.values != level.values[:, :1]
        for row in np.flatnonzero(~depends(level.values, self._ways).any(1) & chooses.any(1)) if len(level) else ():
            made = self._bank.term(hole.nonterminal, size, int(row))
            holds = [
                np.broadcast_to(program({**inputs, hole: _broadcast(made, inputs)}), len(next(iter(inputs.values()))))
                for inputs, _ in self._instances
            ]
            yield made, holds

    def _put_together(self, size: int, conditional: Conditional) -> Iterator[Term | None]:
        """The conditionals of a size; None is a pause."""
        rest = size - conditional.size
        known = len(self._plain)
        for tested, based in product(range(1, min(rest, known)), repeat=2):
            stepped = rest - tested - based
            if not 0 < stepped < known:
                continue
            for (test, holds), (base, right) in product(self._conditions[tested], self._bases[based]):
                yield None
                for chosen in (True, False):
                    if any((~ok & (where == chosen)).any() for where, ok in zip(holds, right, strict=True)):
                        continue
                    for step in self._steps[stepped]:
                        then, other = (base, step) if chosen else (step, base)
                        yield conditional.instantiate((test,), then, other)


def _broadcast(root: Term, inputs: Mapping[Variable, Values]) -> Values:
    """The values of a term without calls, one for each of the arguments."""
    return np.broadcast_to(Program(root)(inputs), len(next(iter(inputs.values()))) if inputs else 1)
