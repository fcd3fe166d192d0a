"""Values that the standard leaves open: what is looked at in several ways, against every way by itself."""

from __future__ import annotations

import numpy as np
import pytest

from ordinary import specification
from solvers.cegis.search.evaluation import Program, column
from solvers.cegis.search.open_values import looked_at
from solvers.cegis.search.samples import ArgumentSamples
from sygus.language.terms import INT
from sygus.language.theories.undefined import WAYS, way

GRAMMAR = """(set-logic NIA)
(define-fun-rec sum ((n Int)) Int (ite (<= n 0) 0 (+ n (sum (- n 1)))))
(synth-fun f ((x Int) (y Int)) Int ((I Int))
  ((I Int (x y 0 2 (+ I I) (div I 2) (div I 0) (div x I) (mod I y) (sum I)))))
(constraint (= (f 1 1) 1)) (check-synth)"""

OPEN = {"(div I 0)", "(div x I)", "(mod I y)", "(sum I)"}
"""The lines of the grammar whose values depend on the way, or may, as what is defined by recursion."""


@pytest.fixture(scope="module")
def programs() -> dict[str, Program]:
    (target,) = specification(GRAMMAR).targets
    (productions,) = target.grammar.productions.values()
    return {repr(one.template): Program(one.template) for one in productions}


def test_a_quotient_depends_on_the_way_unless_its_divisor_is_another_number_than_zero(
    programs: dict[str, Program],
) -> None:
    assert {name for name, program in programs.items() if program.depends_on_way} == OPEN


def test_every_way_is_looked_at(programs: dict[str, Program]) -> None:
    spec = specification(GRAMMAR)
    x, y = spec.targets[0].function.parameters
    samples = ArgumentSamples({x: column([-3, 0, 7], INT), y: column([2, 0, -2], INT)})
    everywhere = looked_at(samples, spec.targets[0].grammar)
    assert everywhere.points == WAYS * samples.points
    for name, program in programs.items():
        holes = [key for key in program.inputs.values() if key not in (x, y)]
        arguments = {hole: column([5, 0, -1], INT) for hole in holes}
        repeated = {hole: np.concatenate([values] * WAYS) for hole, values in arguments.items()}
        found = np.broadcast_to(everywhere.run(program, {**everywhere.inputs, **repeated}), (everywhere.points,))
        for number in range(WAYS):
            with way(number):
                alone = np.broadcast_to(samples.run(program, {**samples.inputs, **arguments}), (samples.points,))
            place = number * samples.points
            assert found[place : place + samples.points].tolist() == alone.tolist(), name
