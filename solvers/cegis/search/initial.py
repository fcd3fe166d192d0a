"""The points and samples that a search begins with, the same every time."""

from __future__ import annotations

from solvers.cegis.search.samples import ExampleSamples, InstanceSamples, Samples, first_points
from solvers.cegis.specification import Point, Specification

POINTS, SEED = 32, 7
"""How many points, where there are so many, and what they are drawn with."""


def initial_points(specification: Specification) -> list[Point]:
    """Values of all variables of the constraints."""
    return first_points(specification.variables, POINTS, SEED)


def initial_instances(specification: Specification, *, exact: bool = False) -> InstanceSamples:
    """The constraints at those points, ready for counterexamples."""
    samples = InstanceSamples(specification, exact=exact)
    samples.add_all(initial_points(specification))
    return samples


def initial_samples(specification: Specification, *, exact: bool = False) -> Samples:
    """The examples, of a problem that consists of them; else the constraints at points."""
    if specification.examples is not None:
        return ExampleSamples(specification.functions[0], specification.examples, exact=exact)
    return initial_instances(specification, exact=exact)
