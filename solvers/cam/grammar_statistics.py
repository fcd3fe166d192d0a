"""What is known of a grammar before any term is made: the smallest terms, and how many derivations there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from sygus.language.problem import Grammar, Production
from sygus.language.terms import Nonterminal


class GrammarStatistics:
    """Tables over the nonterminals of a grammar.

    Derivations are counted without the productions that only rename, so their number is finite; of an ambiguous
    grammar there are more of them than terms.

    Args:
        grammar: in which every nonterminal derives something.
        weights: how often a production counts where it begins a term of a nonterminal; one without counts once. A
            derivation counts as often as the product over its productions.
    """

    def __init__(self, grammar: Grammar, weights: Mapping[tuple[Nonterminal, Production], int] | None = None) -> None:
        self.grammar = grammar
        self._weights = weights or {}
        self._counts: dict[Nonterminal, list[int]] = {nonterminal: [0] for nonterminal in grammar.productions}
        self._ways: dict[tuple[tuple[Nonterminal, ...], int], int] = {}

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

    def weight(self, nonterminal: Nonterminal, production: Production) -> int:
        """How often a production counts where it begins a term of a nonterminal."""
        return self._weights.get((nonterminal, production), 1)

    def count(self, nonterminal: Nonterminal, size: int) -> int:
        """How many derivations make terms of exactly this size."""
        for reached in range(len(self._counts[nonterminal]), size + 1):
            made = {n: sum(self._begun(n, p, reached) for p in ps) for n, ps in self.makers.items()}
            for one, number in made.items():
                self._counts[one].append(number)
        return self._counts[nonterminal][size]

    def reach(self, nonterminal: Nonterminal, size: int, most: int) -> tuple[int, int]:
        """The largest size, up to one, within which there are at most so many derivations; and how many there are."""
        found = 0
        for reached in range(1, size + 1):
            more = self.count(nonterminal, reached)
            if found + more > most:
                return reached - 1, found
            found += more
        return size, found

    def _begun(self, nonterminal: Nonterminal, production: Production, size: int) -> int:
        """How many of them begin with a production."""
        return self.weight(nonterminal, production) * self.ways(production.holes, size - production.size)

    def ways(self, holes: tuple[Nonterminal, ...], size: int) -> int:
        """How many ways there are to fill the holes with so many nodes in all."""
        if size < len(holes):
            return 0
        if not holes:
            return int(size == 0)
        found = self._ways.get((holes, size))
        if found is None:
            first, rest = holes[0], holes[1:]
            found = sum(self.count(first, part) * self.ways(rest, size - part) for part in _shares(rest, size))
            self._ways[holes, size] = found
        return found

    def derivations(self, holes: tuple[Nonterminal, ...], size: int, number: int) -> tuple[Production, ...]:
        """The productions of one of the ways to fill the holes, each before those of what fills its own.

        Args:
            holes: what is to be filled.
            size: with how many nodes in all.
            number: which of the ways, from 0 to :meth:`ways`, exclusive.
        """
        found, stack = [], self._parts(holes, size, number)
        while stack:
            nonterminal, size, number = stack.pop()
            for production in self.makers[nonterminal]:
                begun = self._begun(nonterminal, production, size)
                if number < begun:
                    break
                number -= begun
            found.append(production)
            number //= self.weight(nonterminal, production)
            stack += self._parts(production.holes, size - production.size, number)
        return tuple(found)

    def _parts(self, holes: tuple[Nonterminal, ...], size: int, number: int) -> list[tuple[Nonterminal, int, int]]:
        """What fills each hole in one of the ways: its size, and which of those it is; the last hole first."""
        found: list[tuple[Nonterminal, int, int]] = []
        for place, hole in enumerate(holes):
            rest = holes[place + 1 :]
            for part in _shares(rest, size):
                others = self.ways(rest, size - part)
                ways = self.count(hole, part) * others
                if number < ways:
                    break
                number -= ways
            mine, number = divmod(number, others)
            found.append((hole, part, mine))
            size -= part
        return found[::-1]


def _shares(rest: tuple[Nonterminal, ...], size: int) -> range:
    """How many of the nodes a hole may take, where others are to be filled too."""
    return range(1 if rest else size, size - len(rest) + 1)
