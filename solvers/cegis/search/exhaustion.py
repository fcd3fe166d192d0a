"""Proof by exhaustion: a grammar has finitely many behaviours on some points, and all are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.samples import Samples
from solvers.cegis.strategy import InfeasibleError
from sygus.language.problem import Grammar, Target
from sygus.language.terms import INT, REAL, Literal, Term, expand, fold
from sygus.language.theories import Function
from sygus.language.theories.quantifiers import Quantifier

SAFE = 1 << 20
"""The magnitude of the integers that terms are built of."""

EXACT = 1 << 63
"""Integers of smaller magnitude are exact."""

MEASURES = {"str.len": 1 << 32, "str.indexof": 1 << 32, "str.to_code": 1 << 32}
"""The largest integers that functions of other sorts give."""


def refute(grammar: Grammar, target: Target, samples: Samples, limits: Limits, formulas: Sequence[Term] = ()) -> None:
    """Enumerate without hashing and without leaving anything out.

    Values must be exact, in terms and in constraints: no reals, no functions that are undefined somewhere, no
    quantifiers, and integers below 64 bits. A grammar that was cut, to some of its constants or to a depth, proves
    nothing.

    Args:
        grammar: of the terms.
        target: whose grammar it was made of.
        samples: what the terms must hold on.
        limits: of time, memory and size.
        formulas: the constraints that the samples evaluate.

    Raises:
        InfeasibleError: all behaviours on the samples are enumerated, and none satisfies all of them.
        OutOfTimeError: from the limits.
    """
    if (
        not all(_is_exact(p.template, SAFE) for productions in grammar.productions.values() for p in productions)
        or not all(_is_exact(formula, max(SAFE, samples.magnitude)) for formula in formulas)
        or samples.magnitude >= EXACT
        or not _is_whole(grammar, target)
        or limits.largest is not None
        or limits.depth is not None
    ):
        return
    bank = sample_bank(grammar, samples, limits, exact=True)
    count = 0
    while not bank.exhausted:
        if not bank.grow():
            return
        for nonterminal in grammar.productions:
            level = bank.level(nonterminal, bank.size)
            count += len(level)
            if nonterminal.sort == INT and len(level) and np.abs(level.values).max() >= SAFE:
                return
        level = bank.level(grammar.start, bank.size)
        if len(level) and samples.judge(level.values).all(1).any():
            return
    raise InfeasibleError(
        f"the terms of the grammar behave in {count} ways on {samples.points} points, each of which fails a constraint"
    )


def _is_exact(root: Term, magnitude: int) -> bool:
    """Whether a term is evaluated exactly for integers up to a magnitude, every part of it."""
    bounds: dict[Term, int] = {}
    fold(expand(root), lambda node, parts: _bound(node, parts, magnitude), bounds)
    return all(bound < EXACT for bound in bounds.values())


def _bound(node: Term, parts: list[int], magnitude: int) -> int:
    """The largest magnitude of a value, that of the parts being known; 0 of what is no number."""
    head = node.head
    if node.sort == REAL or (isinstance(head, Function) and (head.nonzero or isinstance(head, Quantifier))):
        return EXACT
    if node.sort != INT:
        return 0
    if isinstance(head, Literal):
        return abs(int(head.value))
    if not isinstance(head, Function):
        return magnitude
    if head.name in ("+", "-"):
        return sum(parts)
    if head.name == "*":
        return prod(parts)
    if head.name in ("ite", "abs"):
        return max(parts)
    return MEASURES.get(head.name, EXACT)


def _is_whole(grammar: Grammar, target: Target) -> bool:
    """Whether nothing stands for ``(Constant σ)``, and the grammar is as it is written."""
    return grammar is target.written
