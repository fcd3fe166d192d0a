"""Programming by example: the smallest terms on inputs and outputs, a few of many at first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.search.behaviour import Relevance
from solvers.cegis.search.evaluation import Program, Values
from solvers.cegis.search.exhaustion import refute
from solvers.cegis.search.grammars import enumerable
from solvers.cegis.search.open_values import looked_at
from solvers.cegis.search.samples import ExampleSamples
from solvers.cegis.search.smallest import SmallestTerms
from solvers.cegis.search.unification import conditionals
from solvers.cegis.specification import Example, Specification
from solvers.cegis.strategy import Candidate, InfeasibleError, Proposals, Strategy
from sygus.language.problem import Production
from sygus.language.terms import STRING, expand
from sygus.language.theories.interned import STRINGS

FIRST, MORE = 150, 50
FIRST_OF_TEXT, MORE_OF_TEXT = 5, 3
"""Examples looked at to begin with, and added of those that a candidate fails; of strings, which are slow, fewer."""

RELEVANT_SHARE = 0.7
"""Of the time, for the search that leaves out what looks irrelevant."""


class Examples(Strategy):
    """Terms that give every output, each smaller than the one before."""

    name = "examples"
    doc = "terms and predicates enumerated on the examples, unified by a decision tree"
    turn = 10

    def applies(self, specification: Specification) -> bool:
        """To examples alone."""
        return specification.examples is not None

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """First without what looks irrelevant, then all.

        Raises:
            InfeasibleError: two examples contradict each other, or no term of the grammar gives every output.
        """
        examples = list(specification.examples or ())
        contradiction = contradicting(examples)
        if contradiction is not None:
            raise InfeasibleError(contradiction)
        quantify = any if conditionals(specification.targets[0].grammar) else all
        if relevance(ExampleSamples(specification.functions[0], examples), quantify) is not None:
            with suppress(OutOfTimeError):
                part = limits.part(RELEVANT_SHARE * limits.left)
                yield from _learn(specification, examples, part, lambda samples: relevance(samples, quantify))
            limits.check()
        yield from _learn(specification, examples, limits, lambda _: None)


def _learn(
    specification: Specification,
    examples: list[Example],
    limits: Limits,
    restrict: Callable[[ExampleSamples], Relevance | None],
) -> Proposals:
    """The smallest terms on more and more of the examples."""
    (target,) = specification.targets
    grammar = enumerable(specification, target, limits.depth)
    everything = ExampleSamples(target.function, examples)
    of_text = any(nonterminal.sort == STRING for nonterminal in grammar.productions)
    first, more = (FIRST_OF_TEXT, MORE_OF_TEXT) if of_text else (FIRST, MORE)
    chosen = list(range(min(first, len(examples))))
    found = False
    while True:
        samples = ExampleSamples(target.function, [examples[i] for i in chosen])
        failing: list[int] = []
        seen = looked_at(samples, grammar)
        relevant = restrict(samples) if seen is samples else None
        for term, _ in SmallestTerms(grammar, seen, limits, relevant=relevant).propose():
            values = Program(term)(everything.inputs)
            right = everything.judge(np.broadcast_to(values, (1, len(examples))))[0]
            failing = np.flatnonzero(~right)[:more].tolist()
            if failing:
                break
            found = True
            yield Candidate({target.function: term})
        if not failing:
            if not found and restrict(samples) is None:
                refute(grammar, target, samples, limits)
            return
        chosen += [i for i in failing if i not in chosen]


def relevance(samples: ExampleSamples, quantify: Callable[[Iterable[bool]], bool]) -> Relevance | None:
    """Keep of concatenations those that are part of an output or of an input; None without strings.

    ``quantify`` says whether they must be so at all points, or at any where conditionals may choose.

    A heuristic: others may serve to find or replace, so what it leaves out is looked at later.
    """
    columns = [values for p, values in samples.inputs.items() if p.sort == STRING]
    if samples.sort == STRING:
        columns.append(samples.outputs)
    if not columns:
        return None
    texts = [
        [STRINGS.value(number) for number in numbers] for numbers in zip(*(c.tolist() for c in columns), strict=True)
    ]
    known: dict[tuple[int, int], bool] = {}

    def part(point: int, number: int) -> bool:
        key = (point, number)
        if key not in known:
            value = STRINGS.value(number)
            known[key] = any(value in text for text in texts[point])
        return known[key]

    def keep(production: Production, values: Values) -> NDArray[np.bool_]:
        if expand(production.template).head.name != "str.++":
            return np.ones(len(values), bool)
        return np.array([quantify(part(i, n) for i, n in enumerate(row)) for row in values.tolist()], bool)

    return keep


def contradicting(examples: list[Example]) -> str | None:
    """Two examples of one input with different outputs, in words."""
    outputs: dict[tuple[object, ...], object] = {}
    for example in examples:
        if outputs.setdefault(example.arguments, example.output) != example.output:
            first = outputs[example.arguments]
            return f"the examples ask for both {first!r} and {example.output!r} at {example.arguments!r}"
    return None
