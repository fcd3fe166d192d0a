"""Unification of conditionals: a decision tree whose leaves are terms that are right in places.

Alur, Radhakrishna, Udupa: Scaling Enumerative Program Synthesis via Divide and Conquer (TACAS 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits
from solvers.cegis.search.evaluation import Program, Values
from solvers.cegis.search.samples import Samples
from solvers.pausing import Pausing
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Hole, Nonterminal, Term, expand, subterms
from sygus.language.theories import Function
from sygus.records import record

Booleans = NDArray[np.bool_]

MOST_LEAVES = 400
MOST_PREDICATES = 6000
"""How many terms and predicates one tree is chosen from."""


@record(frozen=True, eq=False)
class Conditional:
    """A production that means ``(ite condition then else)`` with both branches free.

    Attributes:
        production: of the nonterminal whose terms the branches are.
        nonterminal: what both branches and the whole are derived from.
        condition: the template of the condition, macros expanded.
        inputs: the holes of the condition; one for each argument it is built of.
        branches: the holes of the two branches.
    """

    production: Production
    nonterminal: Nonterminal
    condition: Term
    inputs: tuple[Hole, ...]
    branches: tuple[int, int]

    def instantiate(self, inputs: tuple[Term, ...], then: Term, other: Term) -> Term:
        """The conditional term."""
        children = dict(zip((hole.index for hole in self.inputs), inputs, strict=True))
        children |= {self.branches[0]: then, self.branches[1]: other}
        return self.production.instantiate(tuple(children[i] for i in range(len(self.production.holes))))

    @property
    def size(self) -> int:
        """The nodes that it adds to condition and branches."""
        return self.production.size


def renamed(grammar: Grammar) -> list[Nonterminal]:
    """The start symbol, and what it is renamed to."""
    reached = [grammar.start]
    for nonterminal in reached:
        for production in grammar.productions[nonterminal]:
            if production.is_chain and production.holes[0] not in reached:
                reached.append(production.holes[0])
    return reached


def conditionals(grammar: Grammar) -> list[Conditional]:
    """The conditional productions to which the start symbol is renamed."""
    found = (
        _conditional(production, nonterminal)
        for nonterminal in renamed(grammar)
        for production in grammar.productions[nonterminal]
    )
    return [conditional for conditional in found if conditional is not None]


def _conditional(production: Production, nonterminal: Nonterminal) -> Conditional | None:
    root = expand(production.template)
    if not isinstance(root.head, Function) or root.head.name != "ite":
        return None
    condition, *branches = root.arguments
    if not all(isinstance(branch.head, Hole) and branch.head.nonterminal == nonterminal for branch in branches):
        return None
    first, second = (branch.head.index for branch in branches)
    inputs = tuple(dict.fromkeys(node.head for node in subterms(condition) if isinstance(node.head, Hole)))
    if first == second or not inputs or {first, second} & {hole.index for hole in inputs}:
        return None
    if len(inputs) + 2 != len(production.holes):
        return None
    return Conditional(production, nonterminal, condition, inputs, (first, second))


@record(frozen=True, eq=False)
class Tree:
    """A decision tree: a leaf holds a term's number, a node a predicate's and the trees where it holds and fails."""

    index: int
    branches: tuple[Tree, Tree] | None
    size: int


def learn_tree(
    cover: Booleans,
    sizes: NDArray[np.int64],
    predicates: Booleans,
    predicate_sizes: NDArray[np.int64],
    node_size: int,
    limits: Limits,
) -> Pausing[Tree | None]:
    """A small tree that is right everywhere, None where greedy choice finds none.

    Args:
        cover: which term is right at which instance, (terms, instances).
        sizes: of the terms.
        predicates: which predicate holds at which instance, (predicates, instances).
        predicate_sizes: of the predicates.
        node_size: the nodes that a conditional adds.
        limits: of time.

    Returns:
        The tree, with a pause before each of its nodes.

    Raises:
        OutOfTimeError: from the limits.
    """
    if not cover.any(0).all():
        return None
    leaves = _useful(cover, sizes, MOST_LEAVES)
    alone = ~cover[leaves].any(0)
    leaves = _marked(len(cover), leaves, cover[:, alone].argmax(0))
    tests = _useful(predicates, predicate_sizes, MOST_PREDICATES)
    everywhere = np.arange(cover.shape[1])
    grower = _Grower(cover[leaves], sizes[leaves], predicates[tests], predicate_sizes[tests], node_size, limits)
    tree = yield from grower.grow(everywhere, 0)
    return None if tree is None else _renumber(tree, leaves, tests)


def _useful(rows: Booleans, sizes: NDArray[np.int64], most: int) -> NDArray[np.intp]:
    """One of the smallest rows of each pattern but the constant false, those with the most true ones preferred."""
    packed = np.packbits(rows, axis=1)
    order = np.argsort(sizes, kind="stable")
    view = np.ascontiguousarray(packed[order]).view(f"V{packed.shape[1]}").ravel()
    _, first = np.unique(view, return_index=True)
    chosen = order[np.sort(first)]
    chosen = chosen[rows[chosen].any(1)]
    if len(chosen) > most:
        count = rows[chosen].sum(1)
        best = np.argsort(-count, kind="stable")[: most // 2]
        chosen = chosen[_marked(len(chosen), best, np.arange(most // 2))]
    return chosen


def _marked(count: int, *indices: NDArray[np.intp]) -> NDArray[np.intp]:
    """The union of indices below ``count``, sorted; that of NumPy imports its masked arrays, which takes long."""
    marks = np.zeros(count, bool)
    for some in indices:
        marks[some] = True
    return np.flatnonzero(marks)


@record(eq=False)
class _Grower:
    cover: Booleans
    sizes: NDArray[np.int64]
    predicates: Booleans
    predicate_sizes: NDArray[np.int64]
    node_size: int
    limits: Limits
    deepest: int = 200

    def grow(self, places: NDArray[np.intp], depth: int) -> Pausing[Tree | None]:
        yield
        self.limits.check()
        right = self.cover[:, places]
        complete = np.flatnonzero(right.all(1))
        if len(complete):
            best = int(complete[np.argmin(self.sizes[complete])])
            return Tree(best, None, int(self.sizes[best]))
        if depth == self.deepest:
            return None
        test = self._split(places, right)
        if test is None:
            return None
        holds = self.predicates[test, places]
        then = yield from self.grow(places[holds], depth + 1)
        other = None if then is None else (yield from self.grow(places[~holds], depth + 1))
        if then is None or other is None:
            return None
        return Tree(test, (then, other), self.node_size + int(self.predicate_sizes[test]) + then.size + other.size)

    def _split(self, places: NDArray[np.intp], right: Booleans) -> int | None:
        """The predicate after which two single terms serve the most instances; then the smaller entropy."""
        holds = self.predicates[:, places]
        count = holds.sum(1)
        splitting = np.flatnonzero((count > 0) & (count < len(places)))
        if not len(splitting):
            return None
        served = holds[splitting].astype(np.float32) @ right.T.astype(np.float32)
        total = right.sum(1)
        best = served.max(1) + (total - served).max(1)
        top = splitting[best >= best.max() - 0.5]
        if len(top) > 1:
            entropy = self._entropy(holds[top], right)
            top = top[entropy <= entropy.min() + 1e-9]
        return int(top[np.argmin(self.predicate_sizes[top])])

    def _entropy(self, holds: Booleans, right: Booleans) -> NDArray[np.float64]:
        """The expected entropy of the label after the split, labels weighed by how much they serve (EUSolver)."""
        weights = right * right.sum(1, keepdims=True).astype(np.float64)
        weights /= weights.sum(0, keepdims=True)
        found = np.zeros(len(holds))
        for side in (holds, ~holds):
            share = side.astype(np.float64) @ weights.T
            share /= np.maximum(side.sum(1, keepdims=True), 1)
            logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
            found += side.mean(1) * -(share * logs).sum(1)
        return found


def _renumber(tree: Tree, leaves: NDArray[np.intp], tests: NDArray[np.intp]) -> Tree:
    if tree.branches is None:
        return Tree(int(leaves[tree.index]), None, tree.size)
    then, other = (_renumber(branch, leaves, tests) for branch in tree.branches)
    return Tree(int(tests[tree.index]), (then, other), tree.size)


def condition_values(conditional: Conditional, program: Program, samples: Samples, values: list[Values]) -> Booleans:
    """Whether the condition holds, of shape (n, points), for n combinations of values of its holes."""
    environment = dict(samples.inputs) | dict(zip(conditional.inputs, values, strict=True))
    shape = np.broadcast_shapes(*(value.shape for value in values))
    found: Booleans = np.broadcast_to(samples.run(program, environment), shape)
    return found
