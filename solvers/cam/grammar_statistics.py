"""What is known of a grammar before any term is made: the smallest terms, and how many derivations there are."""

from __future__ import annotations

from functools import cached_property

from sygus.language.problem import Grammar, Production
from sygus.language.terms import Nonterminal


class GrammarStatistics:
    """Tables over the nonterminals of a grammar.

    Derivations are counted without the productions that only rename, so their number is finite; of an ambiguous
    grammar there are more of them than terms.

    Args:
        grammar: in which every nonterminal derives something.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._counts: dict[Nonterminal, list[int]] = {nonterminal: [0] for nonterminal in grammar.productions}

    @cached_property
    def smallest(self) -> dict[Nonterminal, int]:
        """The size of the smallest term of each nonterminal."""
        return dict(self.grammar.smallest())

    @cached_property
    def shortest(self) -> dict[Nonterminal, Production]:
        """With which production a smallest term begins, such that following them ends: the derivation is least deep."""
        found: dict[Nonterminal, Production] = {}
        while len(found) < len(self.smallest):
            found |= {
                nonterminal: production
                for nonterminal in self.smallest.keys() - found.keys()
                for production in reversed(self._of_smallest(nonterminal))
                if found.keys() >= set(production.holes)
            }
        return found

    def _of_smallest(self, nonterminal: Nonterminal) -> list[Production]:
        productions = self.grammar.productions[nonterminal]
        return [p for p in productions if self.least(p) == self.smallest[nonterminal]]

    def least(self, production: Production) -> int:
        """The size of the smallest term that begins with a production."""
        return production.size + sum(self.smallest[hole] for hole in production.holes)

    @cached_property
    def makers(self) -> dict[Nonterminal, tuple[Production, ...]]:
        """The productions that begin a term of each nonterminal once those that only rename are followed."""
        return {n: tuple(p for m in self._renamed(n) for p in self._proper(m)) for n in self.grammar.productions}

    def _proper(self, nonterminal: Nonterminal) -> list[Production]:
        return [production for production in self.grammar.productions[nonterminal] if not production.is_chain]

    def _renamed(self, nonterminal: Nonterminal) -> dict[Nonterminal, None]:
        """What a nonterminal becomes by productions that only rename, itself included."""
        found, stack = {nonterminal: None}, [nonterminal]
        while stack:
            for production in self.grammar.productions[stack.pop()]:
                if production.is_chain and production.holes[0] not in found:
                    found[production.holes[0]] = None
                    stack.append(production.holes[0])
        return found

    def count(self, nonterminal: Nonterminal, size: int) -> int:
        """How many derivations make terms of exactly this size."""
        for reached in range(len(self._counts[nonterminal]), size + 1):
            made = {n: sum(self._ways(p.holes, reached - p.size) for p in ps) for n, ps in self.makers.items()}
            for one, number in made.items():
                self._counts[one].append(number)
        return self._counts[nonterminal][size]

    def _ways(self, holes: tuple[Nonterminal, ...], size: int) -> int:
        """How many derivations fill the holes with so many nodes in all."""
        if size < len(holes):
            return 0
        ways = [1, *[0] * size]
        for hole in holes:
            counts = self._counts[hole]
            ways = [sum(ways[n - part] * counts[part] for part in range(1, n + 1)) for n in range(size + 1)]
        return ways[size]
