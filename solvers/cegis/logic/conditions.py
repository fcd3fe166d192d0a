"""Which of several choices serves where: conditions in a list, or in a decision tree over the atoms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.asking import asked, attempt
from solvers.cegis.logic.construction import COMPARISONS, FALSE, Construction
from solvers.cegis.logic.from_z3 import read_point
from solvers.cegis.logic.to_z3 import Encoder, comparing_solver
from solvers.cegis.search.evaluation import Program, column
from solvers.cegis.search.unification import Tree, learn_tree
from solvers.cegis.specification import Point
from solvers.pausing import Pausing
from sygus.language.terms import BOOL, Term, Variable, subterms
from sygus.records import record

WEAKENING_SECONDS = 1.0
"""For the question whether one part of a condition follows from the others."""

Choice = Mapping[Variable, Term]
"""A term for each unknown."""


@record(frozen=True, eq=False)
class Branches:
    """Choices that together serve every point.

    Attributes:
        choices: each with the formula that says where it serves.
        variables: of those formulas.
        complete: whether it is proved that no point is left.
    """

    choices: Sequence[tuple[Choice, Term]]
    variables: tuple[Variable, ...]
    complete: bool


SECONDS = 2.0
"""For Z3 to show that a part of a condition is not needed; where it takes longer, the part is kept."""


def valid(claim: z3.BoolRef, limits: Limits) -> bool:
    """Whether Z3 proves a claim soon.

    Raises:
        OutOfTimeError: from the limits.
    """
    solver = z3.Solver()
    solver.add(z3.Not(claim))
    return bool(attempt(solver, limits, SECONDS) == z3.unsat)


def decision_list(branches: Branches, make: Construction, limits: Limits) -> Pausing[Choice]:
    """The choices in a chain of conditionals, each with no more of a condition than it needs."""
    encode = Encoder()
    kept = yield from _needed(branches, encode, limits)
    context = z3.BoolVal(True)
    conditions: list[Term] = []
    for _, holds in kept[:-1]:
        condition = make.conjunction((yield from _weakened(_parts(holds), context, encode, limits)))
        conditions.append(condition)
        context = z3.And(context, z3.Not(encode(condition)))
    found = dict(kept[-1][0])
    for (choice, _), condition in zip(reversed(kept[:-1]), reversed(conditions), strict=True):
        found = {unknown: make.conditional(condition, choice[unknown], found[unknown]) for unknown in found}
    return found


def _needed(branches: Branches, encode: Encoder, limits: Limits) -> Pausing[list[tuple[Choice, Term]]]:
    """Without the choices that the others replace."""
    kept = list(branches.choices)
    for branch in branches.choices:
        yield
        others = [other for other in kept if other is not branch]
        if others and valid(z3.Or(*[encode(holds) for _, holds in others]), limits):
            kept = others
    return kept


def _parts(formula: Term) -> list[Term]:
    found, stack = [], [formula]
    while stack:
        node = stack.pop()
        if node.head.name == "and":
            stack.extend(reversed(node.arguments))
        else:
            found.append(node)
    return found


def is_cube(formula: Term) -> bool:
    """Whether a formula is a conjunction of comparisons and Bool variables."""
    literals = COMPARISONS | {"not", "distinct"}
    return all(
        not part.arguments or (part.head.name in literals and part.arguments[0].sort != BOOL)
        for part in _parts(formula)
    )


def _weakened(parts: list[Term], context: z3.BoolRef, encode: Encoder, limits: Limits) -> Pausing[list[Term]]:
    """Without the conjuncts that the context and the others imply, the largest tried first."""
    kept = list(parts)
    solver = comparing_solver()
    solver.add(context)
    for part in sorted(parts, key=lambda p: -p.size):
        yield
        others = [other for other in kept if other is not part]
        if _follows(encode(part), [encode(other) for other in others], solver, limits.part(WEAKENING_SECONDS)):
            kept = others
    return kept


def _follows(claim: z3.BoolRef, others: list[z3.BoolRef], solver: z3.Solver, limits: Limits) -> bool:
    """Whether Z3 derives a claim from others and from what its solver holds, which stays as it is."""
    limits.check()
    solver.set("timeout", limits.milliseconds)
    solver.push()
    solver.add(*others, z3.Not(claim))
    result = solver.check()
    solver.pop()
    return bool(result == z3.unsat)


def atoms(formulas: Sequence[Term], make: Construction) -> list[Term]:
    """The comparisons and Bool variables in formulas, of each pair of opposites one."""
    found: dict[Term, None] = {}
    for formula in formulas:
        for node in subterms(formula):
            comparison = node.head.name in COMPARISONS and node.arguments and node.arguments[0].sort != BOOL
            variable = isinstance(node.head, Variable) and node.sort == BOOL
            if (comparison or variable) and make.negation(node) not in found:
                found[node] = None
    return list(found)


def decision_tree(
    branches: Branches, make: Construction, limits: Limits, largest: int | None
) -> Pausing[Choice | None]:
    """A proved decision tree over the atoms, where greedy choice finds one, of at most so many nodes.

    Raises:
        OutOfTimeError: from the limits.
    """
    encode = Encoder()
    formulas = [holds for _, holds in branches.choices]
    tests = [atom for atom in atoms(formulas, make) if atom not in (FALSE,)]
    sizes = np.array([sum(term.size for term in choice.values()) for choice, _ in branches.choices])
    test_sizes = np.array([test.size for test in tests])
    if not tests:
        return None
    programs = [Program(formula) for formula in formulas], [Program(test) for test in tests]
    cover, holds = (np.empty((len(part), 0), bool) for part in programs)
    points: list[Point] = []
    for formula in formulas:
        points += yield from _counterexample(z3.Not(encode(formula)), branches.variables, limits)
    while True:
        environment = {v: column([point[v] for point in points], v.sort) for v in branches.variables}
        new = [np.array([np.broadcast_to(program(environment), len(points)) for program in part]) for part in programs]
        cover, holds = np.hstack([cover, new[0]]), np.hstack([holds, new[1]])
        tree = yield from learn_tree(cover, sizes, holds, test_sizes, 1, limits)
        if tree is None or (largest is not None and tree.size > largest):
            return None
        claim = _build(tree, lambda i: formulas[i], tests, make)
        points = yield from _counterexample(encode(claim), branches.variables, limits)
        if not points:
            unknowns = branches.choices[0][0]
            return {u: _build(tree, lambda i, u=u: branches.choices[i][0][u], tests, make) for u in unknowns}  # type: ignore[misc]
        if _agrees(claim, points[0]):
            return None


def _agrees(claim: Term, point: Point) -> bool:
    """Whether the kernels say that a claim holds at a point, where Z3 says that it fails: numbers too large."""
    return bool(Program(claim)({v: column([value], v.sort) for v, value in point.items()}).all())


def _counterexample(claim: z3.BoolRef, variables: tuple[Variable, ...], limits: Limits) -> Pausing[list[Point]]:
    """A point where a claim fails, if there is one; none where Z3 cannot tell."""
    yield
    solver = z3.Solver()
    solver.add(z3.Not(claim))
    result = yield from asked(solver, limits)
    return [read_point(variables, solver.model())] if result == z3.sat else []


def _build(tree: Tree, leaf: Callable[[int], Term], tests: Sequence[Term], make: Construction) -> Term:
    if tree.branches is None:
        return leaf(tree.index)
    then, other = (_build(branch, leaf, tests, make) for branch in tree.branches)
    return make.conditional(tests[tree.index], then, other)
