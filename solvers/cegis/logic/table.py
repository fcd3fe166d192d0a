"""Examples as a table: conditionals on the arguments, the most frequent output last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from solvers.cegis.logic.construction import Construction
from solvers.cegis.specification import Example
from sygus.language.terms import SynthFunction, Term, leaf
from sygus.language.theories.values import value_term

MOST_ROWS = 200
"""Examples of which a table is made; of more it would say nothing."""

MOST_KEYS = 2
"""Arguments that one example is told apart by before all are compared."""


def tabulated(function: SynthFunction, examples: Sequence[Example], make: Construction) -> Term | None:
    """A term that gives the outputs, which do not contradict each other; None where they are too many.

    Raises:
        KeyError: the logic lacks what a table takes.
        ValueError: it cannot write a value.
    """
    if len(examples) > MOST_ROWS:
        return None
    outputs = Counter(example.output for example in examples)
    (usual, _), *others = outputs.most_common()
    found = value_term(usual, function.sort, make.theory)
    inside = [example for example in examples if example.output == usual]
    for output, _ in others:
        rows = [example for example in examples if example.output == output]
        condition = make.disjunction([_key(function, row, inside, make) for row in rows])
        found = make.conditional(condition, value_term(output, function.sort, make.theory), found)
        inside += rows
    return found


def _key(function: SynthFunction, row: Example, rest: Sequence[Example], make: Construction) -> Term:
    """What holds of one example and of none of the rest: few arguments are what they are."""
    places = range(len(row.arguments))
    few = (chosen for count in range(1, MOST_KEYS + 1) for chosen in combinations(places, count))
    alike = (c for c in few if all(any(e.arguments[i] != row.arguments[i] for i in c) for e in rest))
    chosen = next(alike, tuple(places))
    return make.conjunction(
        make.apply("=", leaf(parameter), value_term(row.arguments[place], parameter.sort, make.theory))
        for place, parameter in enumerate(function.parameters)
        if place in chosen
    )
