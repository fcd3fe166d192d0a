"""Programming by example: the learner on inputs and outputs, a few of many at first."""

from __future__ import annotations

import numpy as np

from solvers.cegis.evaluation import Program
from solvers.cegis.exhaustion import refute
from solvers.cegis.grammars import enumerable
from solvers.cegis.learner import Learner
from solvers.cegis.limits import Limits
from solvers.cegis.samples import ExampleSamples
from solvers.cegis.specification import Example, Specification
from solvers.cegis.strategies import InfeasibleError, Proposals, Strategy

FIRST, MORE = 150, 50
"""Examples looked at to begin with, and added of those that a candidate fails."""


def propose(specification: Specification, limits: Limits) -> Proposals:
    """Terms that give every output, each smaller than the one before.

    Raises:
        InfeasibleError: two examples contradict each other, or no term of the grammar gives every output.
    """
    examples = list(specification.examples or ())
    contradiction = contradicting(examples)
    if contradiction is not None:
        raise InfeasibleError(contradiction)
    (target,) = specification.targets
    grammar = enumerable(specification, target, limits.depth)
    everything = ExampleSamples(target.function, examples)
    chosen = list(range(min(FIRST, len(examples))))
    found = False
    while True:
        samples = ExampleSamples(target.function, [examples[i] for i in chosen])
        failing: list[int] = []
        for term, _ in Learner(grammar, samples, limits).propose():
            values = Program(term)(everything.inputs)
            right = everything.judge(np.broadcast_to(values, (1, len(examples))))[0]
            failing = np.flatnonzero(~right)[:MORE].tolist()
            if failing:
                break
            found = True
            yield {target.function: term}
        if not failing:
            if not found:
                refute(grammar, target, samples, limits)
            return
        chosen += [i for i in failing if i not in chosen]


def contradicting(examples: list[Example]) -> str | None:
    """Two examples of one input with different outputs, in words."""
    outputs: dict[tuple[object, ...], object] = {}
    for example in examples:
        if outputs.setdefault(example.arguments, example.output) != example.output:
            first = outputs[example.arguments]
            return f"the examples ask for both {first!r} and {example.output!r} at {example.arguments!r}"
    return None


EXAMPLES = Strategy(
    name="examples",
    doc="terms and predicates enumerated on the examples, unified by a decision tree",
    applies=lambda specification: specification.examples is not None,
    propose=propose,
)
