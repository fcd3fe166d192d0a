"""Small problems of ordinary logics, for the tests of their solvers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.portfolio import Portfolio, best_answer
from solvers.cegis.specification import Specification
from sygus.language.elaborate import load_problem
from sygus.language.problem import Grammar
from sygus.language.terms import Nonterminal, Term, expand


def specification(text: str) -> Specification:
    """The specification of a problem file; ``(check-synth)`` is added."""
    return Specification(load_problem(f"{text}\n(check-synth)\n", "test.sl"))


def answer_of(text: str, strategy: str = "auto", seconds: float = 20.0, patience: float = 0.0) -> tuple[Any, Portfolio]:
    """The answer found, None where there is none, and the portfolio that looked for it."""
    portfolio = Portfolio.of(specification(text), Limits(seconds), strategy)
    return best_answer(portfolio, patience), portfolio


def syntactic_terms(grammar: Grammar, nonterminal: Nonterminal, size: int) -> set[Term]:
    """Every term of a size, by the definition of derivation: slow, and independent of any enumerator.

    For grammars without cycles of renaming.
    """
    found: set[Term] = set()
    for production in grammar.productions[nonterminal]:
        rest = size - production.size
        for sizes in _splits(rest, len(production.holes)):
            parts = (syntactic_terms(grammar, hole, s) for hole, s in zip(production.holes, sizes, strict=True))
            found |= {production.instantiate(children) for children in product(*parts)}
    return found


def _splits(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 0:
        if total == 0:
            yield ()
        return
    for first in range(1, total - parts + 2):
        for rest in _splits(total - first, parts - 1):
            yield (first, *rest)


def equal_by_z3(a: Term, b: Term) -> bool:
    """Whether Z3 proves two terms equal for all values of their variables."""
    encode = Encoder()
    solver = z3.Solver()
    solver.set("timeout", 5000)
    solver.add(encode(expand(a)) != encode(expand(b)))
    return bool(solver.check() == z3.unsat)
