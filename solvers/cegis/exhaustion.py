"""Proof by exhaustion: a grammar has finitely many behaviours on some points, and all are wrong."""

from __future__ import annotations

import numpy as np

from solvers.cegis.enumeration import Enumerator
from solvers.cegis.limits import Limits
from solvers.cegis.samples import Samples
from solvers.cegis.strategies import InfeasibleError
from sygus.problem import Grammar, Target
from sygus.terms import INT, REAL, expand, subterms
from sygus.theories import Function

SAFE = 1 << 20
"""Integers below it are exact in 64 bits after two products."""


def refute(grammar: Grammar, target: Target, samples: Samples, limits: Limits) -> None:
    """Enumerate without hashing and without leaving anything out.

    Values must be exact: no reals, no functions that are undefined somewhere, and integers far below 64 bits.
    A grammar that was cut, to some of its constants or to a depth, proves nothing.

    Raises:
        InfeasibleError: all behaviours on the samples are enumerated, and none satisfies all of them.
        OutOfTimeError: from the limits.
    """
    if (
        not _is_exact(grammar)
        or not _is_whole(grammar, target)
        or limits.largest is not None
        or limits.depth is not None
    ):
        return
    enumerator = Enumerator(grammar, samples, limits, exact=True)
    count = 0
    while not enumerator.exhausted:
        if not enumerator.grow():
            return
        for nonterminal in grammar.productions:
            level = enumerator.level(nonterminal, enumerator.size)
            count += len(level)
            if nonterminal.sort == INT and len(level) and np.abs(level.values).max() >= SAFE:
                return
        level = enumerator.level(grammar.start, enumerator.size)
        if len(level) and samples.judge(level.values).all(1).any():
            return
    raise InfeasibleError(
        f"the terms of the grammar behave in {count} ways on {samples.points} points, each of which fails a constraint"
    )


def _is_exact(grammar: Grammar) -> bool:
    for productions in grammar.productions.values():
        for production in productions:
            nodes = list(subterms(expand(production.template)))
            products = sum(node.head.name in ("*", "str.to_int") for node in nodes)
            partial = any(isinstance(node.head, Function) and node.head.nonzero for node in nodes)
            if products > 2 or partial or any(node.sort == REAL for node in nodes):
                return False
    return True


def _is_whole(grammar: Grammar, target: Target) -> bool:
    """Whether nothing stands for ``(Constant σ)``, and the grammar is as it is written."""
    return grammar is target.written
