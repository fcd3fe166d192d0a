"""The grammars of the terms of certain weights, and which weights there are.

A weight belongs to a derivation: it is the sum over the productions. So it can be written into the grammar, as depth
can: of each nonterminal there is a copy for each weight, whose productions share it out among their holes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import inf

from solvers.cegis.search.grammars import with_holes
from sygus.language.problem import Derivation, Grammar, Production, productive
from sygus.language.terms import Nonterminal
from sygus.records import record

MOST_PRODUCTIONS = 10_000
"""Of a grammar of certain weights."""

MOST_WEIGHTS = 500
"""Of each nonterminal that are told apart."""

Weights = tuple[int, ...]
"""A number for each keyword."""


@record(frozen=True, eq=False)
class Weighed:
    """The grammar of the terms of certain weights.

    Attributes:
        grammar: empty where there are no such terms.
        origins: the production that each of its productions is a copy of.
    """

    grammar: Grammar
    origins: Mapping[Production, Production]

    def original(self, derivation: Derivation) -> Derivation:
        """A derivation in the grammar that this one was made of."""
        made: dict[Derivation, Derivation] = {}
        stack = [derivation]
        while stack:
            node = stack[-1]
            missing = [child for child in node.children if child not in made]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            made[node] = Derivation(self.origins[node.production], tuple(made[child] for child in node.children))
        return made[derivation]


def weighed(grammar: Grammar, keywords: Mapping[str, int], weights: Weights) -> Weighed | None:
    """The grammar of the terms of certain weights; None where it would have too many productions.

    Args:
        grammar: of the terms.
        keywords: the weights, with what a production weighs that says nothing.
        weights: one for each keyword.
    """
    start = grammar.start, weights
    copies = {start: _copy(*start)}
    origins: dict[Production, Production] = {}
    productions: dict[Nonterminal, tuple[Production, ...]] = {}
    waiting = [start]
    for nonterminal, given in waiting:  # grows meanwhile
        own = []
        for production in grammar.productions[nonterminal]:
            left = _minus(given, _of(production, keywords))
            if left is None:
                continue
            for shares in _shared(left, len(production.holes)):
                parts = list(zip(production.holes, shares, strict=True))
                for part in parts:
                    if part not in copies:
                        copies[part] = _copy(*part)
                        waiting.append(part)
                holes = tuple(copies[part] for part in parts)
                made = replace(production, template=with_holes(production.template, holes), holes=holes)
                origins[made] = production
                own.append(made)
                if len(origins) > MOST_PRODUCTIONS:
                    return None
        productions[copies[nonterminal, given]] = tuple(own)
    return Weighed(productive(Grammar(productions)), origins)


def achievable(
    grammar: Grammar, keywords: Mapping[str, int], most: int, check: Callable[[], None]
) -> tuple[frozenset[Weights], float]:
    """The weights of the terms of a grammar.

    Args:
        grammar: of the terms.
        keywords: the weights, with what a production weighs that says nothing.
        most: the largest sum that is looked at.
        check: raises what breaks off.

    Returns:
        The weights, and up to which sum there are no others: infinity where there are none at all, -1 where some are
        left out as there are too many.
    """
    found: dict[Nonterminal, set[Weights]] = {nonterminal: set() for nonterminal in grammar.productions}
    known, changed = inf, True
    while changed:
        changed = False
        for nonterminal, productions in grammar.productions.items():
            for production in productions:
                sums = {_of(production, keywords)}
                for hole in (None, *production.holes):
                    check()
                    joined = sums if hole is None else {_plus(a, b) for a in sums for b in found[hole]}
                    sums = {one for one in joined if sum(one) <= most}
                    known = known if len(sums) == len(joined) else min(known, most)
                if len(found[nonterminal]) > MOST_WEIGHTS:
                    known = -1
                elif not sums <= found[nonterminal]:
                    found[nonterminal] |= sums
                    changed = True
    return frozenset(found[grammar.start]), known


def _copy(nonterminal: Nonterminal, weights: Weights) -> Nonterminal:
    return Nonterminal(f"{nonterminal.name} of {' '.join(map(str, weights))}", nonterminal.sort)


def _of(production: Production, keywords: Mapping[str, int]) -> Weights:
    return tuple(production.weights.get(keyword, default) for keyword, default in keywords.items())


def _plus(a: Weights, b: Weights) -> Weights:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _minus(a: Weights, b: Weights) -> Weights | None:
    found = tuple(x - y for x, y in zip(a, b, strict=True))
    return None if any(x < 0 for x in found) else found


def _shared(weights: Weights, parts: int) -> Iterator[Sequence[Weights]]:
    """Every way to share weights out."""
    if not parts:
        if not any(weights):
            yield ()
        return
    for each in product(*(tuple(_shares(weight, parts)) for weight in weights)):
        yield list(zip(*each, strict=True)) if each else [()] * parts


def _shares(weight: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (weight,)
        return
    for first in range(weight + 1):
        for rest in _shares(weight - first, parts - 1):
            yield (first, *rest)
