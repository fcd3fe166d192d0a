"""Certificates of equivalence: Z3 proves two CAM terms equal over the reals, or finds values where they differ.

The terms are written out for every pixel of every channel of a small shape. Pointwise functions use their Z3 form. A
function that looks at several pixels or channels is written out where it is linear, which is read off its kernel on
unit vectors; otherwise it is an uninterpreted function of all it looks at, so a proof stands whatever it computes. A
counterexample is believed only if the kernels confirm it, so it never rests on an uninterpreted function or on a
feature's unmet definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from typing import Literal as OneOf

import torch
import z3

from sygus.language.terms import Literal, Sort, Term, Variable, expand, fold
from sygus.language.theories import Function
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import rank_of
from sygus.oracles.parameters import feature_of
from sygus.oracles.safety import Domain, state_domain

CHANNELS, LAYER_SIZE, PICTURE_SIZE = 2, (1, 2), (1, 3)
EFFORT = 1_000_000
"""Z3's units of work (``rlimit``) for one pair of terms, about two seconds of a quiet core."""

Cells = dict[tuple[int, int], Any]
"""A value's Z3 form by channel and pixel; beyond its shape it is what it is at its end, see :func:`_within`."""

EVERYWHERE = tuple(product(range(CHANNELS), range(max(LAYER_SIZE[1], PICTURE_SIZE[1]))))

Shape = tuple[int, int, int]
"""Channels, and rows and columns of pixels; there is one row."""


@dataclass(frozen=True)
class Certificate:
    """What is known of the equality of two terms, for 2 channels of 2 pixels and pictures of 3.

    Attributes:
        status: ``proved``: equal for all real values in the features' domains; ``refuted``: the counterexample makes
            them differ; ``open``: neither was found with the effort allowed.
        counterexample: values by name, channel and pixel.
        values: what the two terms are there.
    """

    status: OneOf["proved", "refuted", "open"]
    counterexample: Mapping[str, float] | None = None
    values: tuple[float, float] | None = None


class _Writing:
    """The Z3 form of terms, cell by cell; implements the protocol ``Facts`` for pointwise functions."""

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self.solver = z3.Solver()
        self.solver.set("rlimit", EFFORT)
        self.solver.set("ctrl_c", False)  # an interrupt is Python's, not a term that cannot be proved
        self.domains = domains
        self.cells: dict[Variable, Cells] = {}
        self.count = 0

    def fresh(self, name: str) -> z3.ArithRef:
        self.count += 1
        return z3.Real(f"{name}!{self.count}")

    def assume(self, fact: z3.BoolRef) -> None:
        self.solver.add(fact)

    def proves(self, claim: z3.BoolRef) -> bool:
        """Nothing is looked up here: facts of reductions follow from their being written out."""
        del claim
        return False

    def write(self, root: Term) -> Cells:
        def visit(node: Term, arguments: list[Cells]) -> Cells:
            head = node.head
            if isinstance(head, Variable):
                return self.variable(head)
            if isinstance(head, Literal):
                return dict.fromkeys(EVERYWHERE, z3.RealVal(str(head.value)))
            assert isinstance(head, Function)
            if head.axis:
                return self.spread(node, arguments)
            known: dict[tuple[int, ...], Any] = {}
            cells = {}
            for cell in EVERYWHERE:  # equal arguments share one value, so that a Weight is one number per channel
                here = [argument[cell] for argument in arguments]
                key = tuple(value.get_id() for value in here)
                cells[cell] = known[key] = known[key] if key in known else head.z3(self, *here)
            return cells

        return fold(expand(root), visit)

    def variable(self, variable: Variable) -> Cells:
        if variable not in self.cells:
            cells = {}
            for cell in EVERYWHERE:
                name = "_".join([variable.name, *_index(variable.sort, cell)])
                cells[cell] = z3.Real(name)
                state_domain(self, cells[cell], self.domains.get(variable.name, "any"))
            self.cells[variable] = cells
        return self.cells[variable]

    def spread(self, node: Term, arguments: list[Cells]) -> Cells:
        """A function that looks at several cells of its first argument; the others are numbers of the picture."""
        function, cells = node.head, arguments[0]
        rank, shape = rank_of(node.sort), _shape(node.arguments[0].sort)
        kept = (rank.channels, rank.pixels)
        sources = [cell for cell in EVERYWHERE if cell == _within(cell, shape)]
        matrix = _linear(function, shape) if len(arguments) == 1 else None
        others = [argument[0, 0] for argument in arguments[1:]]
        result = {}
        for cell in EVERYWHERE:
            if matrix is not None:
                channel, pixel = _within(cell, _shape(node.sort))
                row = matrix[:, channel, 0, pixel]
                terms = [float(c) * cells[s] for c, s in zip(row, sources, strict=True) if float(c) != 0]
                result[cell] = z3.Sum(terms) if terms else z3.RealVal(0)
            else:
                result[cell] = _opaque(function, [*_seen(function, cell, kept, shape, cells), *others])
        return result


def certify(left: Term, right: Term, domains: Mapping[str, Domain]) -> Certificate:
    """Prove two terms of one sort equal, or find values in the features' domains where they differ.

    Args:
        left: a term over features.
        right: another.
        domains: what is known of the features, by name.
    """
    writing = _Writing(domains)
    a, b = writing.write(left), writing.write(right)
    writing.solver.add(z3.Or([a[cell] != b[cell] for cell in EVERYWHERE]))
    result = writing.solver.check()
    if result == z3.unsat:
        return Certificate("proved")
    if result == z3.sat:
        return _confirmed(left, right, writing)
    return Certificate("open")


def _confirmed(left: Term, right: Term, writing: _Writing) -> Certificate:
    """The solver's model as a counterexample, if the kernels agree that the terms differ there."""
    model = writing.solver.model()
    environment, named = {}, {}
    for variable, cells in writing.cells.items():
        environment[variable] = torch.zeros(1, *_shape(variable.sort), dtype=torch.float64)
        for cell, symbol in cells.items():
            channel, pixel = _within(cell, _shape(variable.sort))
            named[str(symbol)] = _number(model.eval(symbol, model_completion=True))
            environment[variable][0, channel, 0, pixel] = named[str(symbol)]
    if any(feature_of(variable.name).needs for variable in environment):
        return Certificate("open")  # the model need not meet a derived feature's definition
    shape = (1, *map(max, _shape(left.sort), _shape(right.sort)))
    values = [evaluate(term, environment, size=PICTURE_SIZE).expand(shape).reshape(-1) for term in (left, right)]
    difference = (values[0] - values[1]).abs()
    at = int(difference.argmax())
    if float(difference[at]) > 1e-9 * max(1.0, float(values[0][at].abs())):
        return Certificate("refuted", named, (float(values[0][at]), float(values[1][at])))
    return Certificate("open")


def _shape(sort: Sort) -> Shape:
    return rank_of(sort).shape(CHANNELS, LAYER_SIZE, PICTURE_SIZE)


def _within(cell: tuple[int, int], shape: Shape) -> tuple[int, int]:
    """The cell of a value of this shape that stands at any cell."""
    return min(cell[0], shape[0] - 1), min(cell[1], shape[-1] - 1)


def _seen(
    function: Function, cell: tuple[int, int], kept: tuple[bool, bool], shape: Shape, cells: Cells
) -> list[z3.ArithRef]:
    """All that a function looks at for its value at a cell: along its axis; first its own place, where that counts."""
    own = _within(cell, shape)
    if function.axis == "pixels":
        return [*([cells[own]] if kept[1] else []), *(cells[own[0], pixel] for pixel in range(shape[-1]))]
    return [*([cells[own]] if kept[0] else []), *(cells[channel, own[1]] for channel in range(CHANNELS))]


def _opaque(function: Function, seen: list[z3.ArithRef]) -> z3.ArithRef:
    """An uninterpreted function of all that is looked at."""
    return z3.Function(f"{function.name}/{len(seen)}", *[z3.RealSort()] * (len(seen) + 1))(*seen)


def _index(sort: Sort, cell: tuple[int, int]) -> list[str]:
    """The channel and the pixel, as far as a value of the sort has them."""
    rank = rank_of(sort)
    places = zip(_within(cell, _shape(sort)), (rank.channels, rank.pixels), strict=True)
    return [str(place) for place, there in places if there]


def _linear(function: Function, shape: Shape) -> torch.Tensor | None:
    """The function's matrix, (inputs, *result), if its kernel is linear: read off unit vectors, checked on others."""
    size = shape[0] * shape[1] * shape[2]
    matrix = _applied(function, torch.eye(size, dtype=torch.float64).reshape(size, *shape))
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(16, size, generator=generator, dtype=torch.float64)
    expected = (probe @ matrix.reshape(size, -1)).reshape(16, *matrix.shape[1:])
    exact = torch.allclose(_applied(function, probe.reshape(16, *shape)), expected, rtol=1e-12, atol=1e-12)
    return matrix if exact else None


def _applied(function: Function, argument: torch.Tensor) -> torch.Tensor:
    value: torch.Tensor = function.value((argument,), PICTURE_SIZE)
    return value


def _number(value: z3.ExprRef) -> float:
    exact = value.approx(20) if z3.is_algebraic_value(value) else value
    return float(exact.as_fraction())
