"""The smallest term, or conditional of terms, that holds on the samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import Relevance, sample_bank
from solvers.cegis.search.evaluation import Program
from solvers.cegis.search.samples import Samples
from solvers.cegis.search.unification import Conditional, Tree, condition_values, conditionals, learn_tree
from solvers.pausing import Pausing
from sygus.language.problem import Grammar
from sygus.language.terms import Nonterminal, Term
from sygus.records import record

LARGEST_STEP = 40_000
"""Trees are chosen from at most so many terms."""


@record(eq=False)
class _Pool:
    """The terms of one nonterminal so far, with what is known of them on the samples."""

    keys: list[tuple[Nonterminal, int, int]]
    arrays: list[NDArray[np.bool_]]
    sizes: list[int]

    @classmethod
    def empty(cls) -> _Pool:
        return cls([], [], [])

    def add(self, nonterminal: Nonterminal, size: int, count: int, found: NDArray[np.bool_]) -> None:
        self.keys += [(nonterminal, size, row) for row in range(count)]
        self.sizes += [size] * count
        self.arrays.append(found)

    def matrix(self, instances: int) -> NDArray[np.bool_]:
        return np.concatenate([np.empty((0, instances), bool), *self.arrays])


class SmallestTerms:
    """Proposes terms that hold on all samples, smallest first; conditionals once the parts for one are there.

    Args:
        grammar: without ``(Constant σ)``.
        samples: what the terms must hold on; they do not change meanwhile.
        limits: of time, memory and size.
        unify: whether to look for conditionals; samples that look at several points of a term forbid it.
        relevant: which values are worth building upon.
    """

    def __init__(
        self,
        grammar: Grammar,
        samples: Samples,
        limits: Limits,
        *,
        unify: bool = True,
        relevant: Relevance | None = None,
    ) -> None:
        self.grammar = grammar
        self.samples = samples
        self.limits = limits
        found = conditionals(grammar) if unify and samples.separate else []
        self.conditional: Conditional | None = found[0] if found else None
        left_out = {c.production for c in found}
        parts = {n: tuple(p for p in ps if p not in left_out) for n, ps in grammar.productions.items()}
        self.bank = sample_bank(Grammar(parts), samples, limits, relevant=relevant)
        self.terms = _Pool.empty()
        self.predicates = _Pool.empty()
        self.instances = 0
        self._uncovered: NDArray[np.bool_] | None = None
        self._program = Program(self.conditional.condition, exact=samples.exact) if self.conditional else None

    @property
    def root(self) -> Nonterminal:
        """What the terms proposed are derived from; the start symbol renames it."""
        return self.conditional.nonterminal if self.conditional else self.grammar.start

    def propose(self) -> Iterator[tuple[Term, int] | None]:
        """Terms with the size that enumeration had reached; a later conditional comes only where it is smaller.

        None is a pause.

        Raises:
            OutOfTimeError: from the limits.
        """
        best: int | None = None
        while self.limits.largest is None or self.bank.size < self.limits.largest:
            if not (yield from self.bank.growing()):
                return
            size = self.bank.size
            level = self.bank.level(self.root, size)
            verdict = yield from self.samples.judging(level.values, self.limits)
            yield from ((term, size) for term in self._whole(size, verdict))
            if self.conditional is not None:
                found = yield from self._conditional(best)
                if found is not None:
                    best = found.size
                    yield found, size
                if best is not None and size >= best:
                    return
            if self.bank.exhausted:
                return

    def _whole(self, size: int, verdict: NDArray[np.bool_]) -> Iterator[Term]:
        """The terms of a size that are right at all instances; the others are kept for conditionals."""
        self.instances = verdict.shape[1]
        for row in np.flatnonzero(verdict.all(1)):
            yield self.bank.term(self.root, size, int(row))
        if self.conditional is None:
            return
        useful = np.flatnonzero(verdict.any(1))
        self.terms.keys += [(self.root, size, int(row)) for row in useful]
        self.terms.sizes += [size] * len(useful)
        self.terms.arrays.append(verdict[useful])
        missed = np.logical_not(verdict.any(0))
        self._uncovered = missed if self._uncovered is None else np.logical_and(self._uncovered, missed)
        self._add_predicates(size)

    def _add_predicates(self, size: int) -> None:
        """Conditions of one argument; those of two are left to smaller grammars' Bool nonterminals."""
        assert self.conditional is not None
        assert self._program is not None
        if len(self.conditional.inputs) != 1 or len(self.predicates.keys) > LARGEST_STEP:
            return
        hole = self.conditional.inputs[0].nonterminal
        level = self.bank.level(hole, size)
        if len(level):
            holds = condition_values(self.conditional, self._program, self.samples, [level.values])
            self.predicates.add(hole, size, len(level), holds)

    def _conditional(self, best: int | None) -> Pausing[Term | None]:
        """A conditional smaller than the best so far."""
        assert self.conditional is not None
        if self._uncovered is None or self._uncovered.any() or not self.predicates.keys:
            return None
        cover, tests = self.terms.matrix(self.instances), self.predicates.matrix(self.instances)
        tree = yield from learn_tree(
            cover,
            np.array(self.terms.sizes),
            tests,
            np.array(self.predicates.sizes),
            self.conditional.size,
            self.limits,
        )
        if tree is None or (best is not None and tree.size >= best):
            return None
        return self._build(tree)

    def _build(self, tree: Tree) -> Term:
        assert self.conditional is not None
        if tree.branches is None:
            return self.bank.term(*self.terms.keys[tree.index])
        then, other = (self._build(branch) for branch in tree.branches)
        test = self.bank.term(*self.predicates.keys[tree.index])
        return self.conditional.instantiate((test,), then, other)
