"""What the smallest denominators of a grammar's strict divisions do, for ``sycam-sygus check``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.bank import Bank
from solvers.behaviour import Behaviour, Combined, Parts
from solvers.levels import Ints
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Hole, Nonterminal, Sort, Term, expand, fill, subterms
from sygus.language.theories import Function
from sygus.oracles.equivalence import syntactic_key
from sygus.oracles.safety import SafetyOracle, Verdict

Terms = NDArray[Any]
"""Of objects: the terms themselves."""

ROOM = 64
"""Terms made at a time."""

MOST_DIVISIONS = 200
"""Of a production that are looked at."""

MOST_TRIED = 4000
"""Denominators of all divisions of a grammar together: each takes Z3 some milliseconds."""


@dataclass(frozen=True)
class Hazard:
    """What is known of the denominators that a production with a strict division can have.

    Attributes:
        nonterminal: that the production is of.
        production: as the file writes it.
        denominators: how many were tried, the smallest first.
        unsafe: those that are not proved nonzero, the smallest first, each with the oracle's verdict.
    """

    nonterminal: Nonterminal
    production: Production
    denominators: int
    unsafe: tuple[Verdict, ...]


def hazards(grammar: Grammar, oracle: SafetyOracle, tried: int = 40) -> list[Hazard]:
    """The productions with strict divisions, with what the smallest terms in their denominators do.

    Args:
        grammar: without ``(Constant σ)``.
        oracle: with what is known of the variables.
        tried: denominators of each division; fewer where there are so many that it would come to more than
            :data:`MOST_TRIED`, but one at least.
    """
    divided = [
        (nonterminal, production, templates)
        for nonterminal, productions in grammar.productions.items()
        for production in productions
        if (templates := _denominators(production))
    ]
    if not divided:
        return []
    tried = max(1, min(tried, MOST_TRIED // sum(len(templates) for _, _, templates in divided)))
    small = smallest_terms(grammar, tried)
    found = []
    for nonterminal, production, templates in divided:
        denominators = [d for template in templates for d in _fillings(template, small, tried)]
        verdicts = (oracle.nonzero(denominator) for denominator in denominators)
        unsafe = tuple(verdict for verdict in verdicts if not verdict.safe)
        found.append(Hazard(nonterminal, production, len(denominators), unsafe))
    return found


def _denominators(production: Production) -> list[Term]:
    """What strict divisions of a production divide by, with its holes; of very many divisions, the innermost."""
    found = (
        node.arguments[position]
        for node in subterms(expand(production.template))
        if isinstance(node.head, Function)
        for position in node.head.nonzero
    )
    return list(islice(found, MOST_DIVISIONS))


def _fillings(template: Term, small: Mapping[Nonterminal, list[Term]], count: int) -> Iterator[Term]:
    """The template with small terms in its holes, so many, the smallest first."""
    holes = {n.head.index: n.head.nonterminal for n in subterms(template) if isinstance(n.head, Hole)}
    choices: list[tuple[Term, ...]] = [()]
    for nonterminal in holes.values():  # what begins with none of the smallest is none of them
        longer = ((*chosen, one) for chosen in choices for one in small[nonterminal])
        choices = nsmallest(count, longer, key=lambda terms: sum(one.size for one in terms))
    for chosen in choices:
        yield fill(template, dict(zip(holes, chosen, strict=True)))


def smallest_terms(grammar: Grammar, count: int, largest: int = 12) -> Mapping[Nonterminal, list[Term]]:
    """So many terms of each nonterminal, or all up to a size, the smallest first; divisions may be unsafe."""
    bank = Bank(grammar, AsWritten(), mirrored=True, most=count)
    found: dict[Nonterminal, list[Term]] = {nonterminal: [] for nonterminal in grammar.productions}
    while bank.size < largest and any(len(terms) < count for terms in found.values()):
        bank.grow()
        for nonterminal, terms in found.items():
            terms.extend(bank.level(nonterminal, bank.size).values)
    return {nonterminal: terms[:count] for nonterminal, terms in found.items()}


class AsWritten(Behaviour[Terms]):
    """Terms by how they are written: alike are only those that are the same, and all are usable."""

    def __init__(self) -> None:
        self._key = syntactic_key()

    def room(self, production: Production) -> int:  # noqa: ARG002 - terms of all sorts take the same room
        """A few."""
        return ROOM

    def combine(self, production: Production, parts: Parts[Terms]) -> Combined[Terms]:
        """The terms."""
        pools = (values[rows.start : rows.stop] for values, rows in zip(parts.values, parts.ranges, strict=True))
        terms = _array([production.instantiate(children) for children in product(*pools)])
        keys = np.fromiter(map(self._key, terms), np.int64, len(terms))
        return Combined(terms, keys, np.ones(len(terms), bool))

    def gather(self, sort: Sort, batches: list[Terms], rows: Ints) -> Terms:  # noqa: ARG002 - terms of all sorts are held alike
        """One array."""
        return np.concatenate([_array([]), *batches])[rows]


def _array(terms: list[Term]) -> Terms:
    found = np.empty(len(terms), object)
    found[:] = terms
    return found
