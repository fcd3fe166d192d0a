"""Derivations as sequences of productions, and edits of them that leave them derivations within a size.

A derivation is the tuple of its productions, each before those of what fills its holes, from the left. Productions that
only rename are left out: where a nonterminal stands, any production may that it comes to by them. So the part of a
derivation that makes a sub-term is a slice, and it may stand in every place whose nonterminal has its first production.

*Mass.* The grammar is taken for a probabilistic one: each nonterminal picks a production in proportion to its weight,
and the mass of a derivation is the product of these probabilities. :class:`Growth` draws by it exactly, whatever the
size, for probabilities are whole multiples of a grain.

*Odds.* Every edit is one of the moves of a Markov chain, and says how it is corrected: the mass of the result times the
probability of the move back, over the mass of what was edited times the probability of the move, both moves in the same
place. A chain that accepts an edit with probability min(1, odds · f(result) / f(edited)) is in equilibrium where
derivations come in proportion to mass · f (W. K. Hastings, Biometrika 57(1), 1970; drawing a sub-term anew is the move
of N. D. Goodman et al., A rational analysis of rule-based concept learning, Cognitive Science 32(1), 2008). That holds
for each place and each kind of edit by itself, and so for a mixture with fixed shares.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from random import Random

from solvers.cam.grammar_statistics import GrammarStatistics
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Nonterminal

Productions = tuple[Production, ...]

GRAIN = 1 << 20
"""Probabilities are multiples of one in so many."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sub-term of a derivation is.

    Attributes:
        nonterminal: what is derived there.
        start: the position of its first production.
        end: the position after its last.
        size: the nodes of the sub-term.
    """

    nonterminal: Nonterminal
    start: int
    end: int
    size: int


def places(root: Nonterminal, derivation: Productions) -> list[Place]:
    """The places of a derivation from a nonterminal, one for each production, in their order."""
    nonterminals, waiting = [], [root]
    for production in derivation:
        nonterminals.append(waiting.pop())
        waiting += reversed(production.holes)
    found: list[Place] = []
    following: list[Place] = []
    for start in reversed(range(len(derivation))):
        production = derivation[start]
        size, end = production.size, start + 1
        for _ in production.holes:
            child = following.pop()
            size, end = size + child.size, child.end
        following.append(Place(nonterminals[start], start, end, size))
        found.append(following[-1])
    return found[::-1]


def replaced(derivation: Productions, place: Place, part: Productions) -> Productions:
    """The derivation with another part in a place."""
    return derivation[: place.start] + part + derivation[place.end :]


def children(derivation: Productions, found: Sequence[Place], place: Place) -> list[Place]:
    """The places of what fills the holes of the production in a place."""
    filled: list[Place] = []
    start = place.start + 1
    for _ in derivation[place.start].holes:
        filled.append(found[start])
        start = found[start].end
    return filled


def proper(productions: Iterable[Production]) -> Productions:
    """The productions of a derivation without those that only rename."""
    return tuple(production for production in productions if not production.is_chain)


class Growth:
    """Draws parts of derivations by their mass, among all that fit a size.

    Args:
        grammar: what is derived from.
        prior: weights of productions; one without has 1.
    """

    def __init__(self, grammar: Grammar, prior: Mapping[Production, float]) -> None:
        self.makers = GrammarStatistics(grammar).makers
        self.statistics = GrammarStatistics(grammar, _masses(grammar, prior))
        self._masses: dict[tuple[tuple[Nonterminal, ...], int], list[int]] = {}
        self._productions = proper(p for productions in grammar.productions.values() for p in productions)
        self._numbers = {production: number for number, production in enumerate(self._productions)}

    def mass(self, nonterminal: Nonterminal, production: Production) -> float:
        """The probability of a production where it begins a term of a nonterminal."""
        return float(self.statistics.weight(nonterminal, production) / GRAIN**production.size)

    def numbers(self, derivation: Productions) -> list[int]:
        """A derivation as JSON holds it."""
        return [self._numbers[production] for production in derivation]

    def read(self, numbers: Iterable[int]) -> Productions:
        """The derivation of :meth:`numbers`."""
        return tuple(self._productions[number] for number in numbers)

    def draw(self, chance: Random, nonterminal: Nonterminal, room: int) -> Productions:
        """A derivation of at most so many nodes, of which there must be one."""
        return self.filled(chance, (nonterminal,), room)

    def sizes(self, nonterminal: Nonterminal, room: int) -> list[int]:
        """The sizes of what a nonterminal derives, of at most so many nodes."""
        return [size for size in range(room + 1) if self.statistics.count(nonterminal, size)]

    def exactly(self, chance: Random, nonterminal: Nonterminal, size: int) -> Productions:
        """A derivation of so many nodes, of which there must be one."""
        number = chance.randrange(self.statistics.count(nonterminal, size))
        return self.statistics.derivations((nonterminal,), size, number)

    def filled(self, chance: Random, holes: tuple[Nonterminal, ...], room: int) -> Productions:
        """What fills the holes, one derivation after the other, with at most so many nodes in all."""
        size, number = _picked(chance, self._by_size(holes, room))
        return self.statistics.derivations(holes, size, number // GRAIN ** (room - size))

    def total(self, holes: tuple[Nonterminal, ...], room: int) -> int:
        """The mass of all that :meth:`filled` may draw, in units of one in GRAIN to the power of the room."""
        return sum(self._by_size(holes, room))

    def _by_size(self, holes: tuple[Nonterminal, ...], room: int) -> list[int]:
        known = self._masses.get((holes, room))
        if known is None:
            known = [self.statistics.ways(holes, size) * GRAIN ** (room - size) for size in range(room + 1)]
            self._masses[holes, room] = known
        return known


def _picked(chance: Random, weights: Sequence[int]) -> tuple[int, int]:
    """The position of one of the weights, drawn in proportion to them, and a number below that weight."""
    number = chance.randrange(sum(weights))
    for position, weight in enumerate(weights):
        if number < weight:
            return position, number
        number -= weight
    raise AssertionError("the weights do not add up to their sum")


def _masses(grammar: Grammar, prior: Mapping[Production, float]) -> dict[tuple[Nonterminal, Production], int]:
    """The probability of each production where it begins a term of a nonterminal, in units of its grain.

    A renaming's own probability counts on the first way that leads over it.
    """
    found = {}
    for nonterminal in grammar.productions:
        shares: dict[Production, float] = {}
        seen, stack = {nonterminal}, [(nonterminal, 1.0)]
        while stack:
            renamed, probability = stack.pop()
            productions = grammar.productions[renamed]
            whole = sum(prior.get(production, 1.0) for production in productions)
            for production in productions:
                share = probability * prior.get(production, 1.0) / whole
                if not production.is_chain:
                    shares[production] = share
                elif production.holes[0] not in seen:
                    seen.add(production.holes[0])
                    stack.append((production.holes[0], share))
        whole = sum(shares.values())
        for production, share in shares.items():
            found[nonterminal, production] = max(1, round(share / whole * GRAIN)) * GRAIN ** (production.size - 1)
    return found


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit has made.

    Attributes:
        derivation: the result.
        odds: the logarithm of the odds, see the module.
    """

    derivation: Productions
    odds: float


class Edits:
    """Edits of derivations from the start symbol within a size; each is None where it does not apply.

    Args:
        growth: draws what comes in.
        root: the start symbol.
        size: the largest term, in nodes.
    """

    def __init__(self, growth: Growth, root: Nonterminal, size: int) -> None:
        self.growth = growth
        self.root = root
        self.size = size
        self._places = lru_cache(maxsize=4096)(partial(places, root))
        self._fitting = {n: frozenset(productions) for n, productions in growth.makers.items()}
        self._alike: dict[tuple[Nonterminal, tuple[Nonterminal, ...]], dict[Production, float]] = {}
        self._insertions: dict[tuple[Nonterminal, Production, int], list[tuple[Production, int, int]]] = {}

    def fits(self, part: Production, nonterminal: Nonterminal) -> bool:
        """Whether what begins with a production may stand where a nonterminal does."""
        return part in self._fitting[nonterminal]

    def subtree(self, derivation: Productions, chance: Random) -> Edit | None:
        """Draw the sub-term of a place anew."""
        found = self._places(derivation)
        place = chance.choice(found)
        part = self.growth.draw(chance, place.nonterminal, self.size - found[0].size + place.size)
        made = replaced(derivation, place, part)
        return Edit(made, math.log(len(derivation)) - math.log(len(made)))

    def point(self, derivation: Productions, chance: Random) -> Edit | None:
        """Put another production of equal holes in the place of one; what fills them stays."""
        found = self._places(derivation)
        place = chance.choice(found)
        old = derivation[place.start]
        masses = self._of_equal_holes(place.nonterminal, old.holes)
        total, others = sum(masses.values()), [production for production in masses if production is not old]
        if not others:
            return None
        (new,) = chance.choices(others, [masses[production] for production in others])
        if found[0].size + new.size - old.size > self.size:
            return None
        made = (*derivation[: place.start], new, *derivation[place.start + 1 :])
        return Edit(made, math.log(total - masses[old]) - math.log(total - masses[new]))

    def _of_equal_holes(self, nonterminal: Nonterminal, holes: tuple[Nonterminal, ...]) -> dict[Production, float]:
        """The productions that begin a term of a nonterminal and have these holes, with their probabilities."""
        known = self._alike.get((nonterminal, holes))
        if known is None:
            made = self.growth.makers[nonterminal]
            known = {p: self.growth.mass(nonterminal, p) for p in made if p.holes == holes}
            self._alike[nonterminal, holes] = known
        return known

    def insert(self, derivation: Productions, chance: Random) -> Edit | None:
        """Put a production around the sub-term of a place, and draw what fills its other holes."""
        found = self._places(derivation)
        place = chance.choice(found)
        kept, room = derivation[place.start : place.end], self.size - found[0].size
        ways = self._around(place.nonterminal, kept[0], room)
        if not ways:
            return None
        new, hole, _ = ways[_picked(chance, [weight for *_, weight in ways])[0]]
        others = self.growth.filled(chance, new.holes[:hole] + new.holes[hole + 1 :], room - new.size)
        before = _end(others, hole)
        made = replaced(derivation, place, (new, *others[:before], *kept, *others[before:]))
        return Edit(made, self._inserted(derivation, made, place, new.holes[hole]))

    def hoist(self, derivation: Productions, chance: Random) -> Edit | None:
        """Put one of the parts of a sub-term in its place."""
        found = self._places(derivation)
        place = chance.choice(found)
        parts = self._liftable(derivation, found, place)
        if not parts:
            return None
        part = chance.choice(parts)
        made = replaced(derivation, place, derivation[part.start : part.end])
        return Edit(made, -self._inserted(made, derivation, place, part.nonterminal))

    def _liftable(self, derivation: Productions, found: Sequence[Place], place: Place) -> list[Place]:
        """The parts of the sub-term of a place that may stand there themselves."""
        parts = children(derivation, found, place)
        return [part for part in parts if self.fits(derivation[part.start], place.nonterminal)]

    def _around(self, nonterminal: Nonterminal, part: Production, room: int) -> list[tuple[Production, int, int]]:
        """What may be put around a part: a production, the hole that the part fills, and the mass of all of that."""
        known = self._insertions.get((nonterminal, part, room))
        if known is None:
            known = [
                (new, hole, weight * self.growth.total(new.holes[:hole] + new.holes[hole + 1 :], room - new.size))
                for new in self.growth.makers[nonterminal]
                if new.size <= room
                for weight in [self.growth.statistics.weight(nonterminal, new)]
                for hole, filled in enumerate(new.holes)
                if self.fits(part, filled)
            ]
            known = [way for way in known if way[2]]
            self._insertions[nonterminal, part, room] = known
        return known

    def _inserted(self, smaller: Productions, larger: Productions, place: Place, hole: Nonterminal) -> float:
        """The odds of a production around the sub-term of a place, which then stands in one of its holes."""
        part = smaller[place.start]
        room = self.size - sum(production.size for production in smaller)
        ways = sum(weight for *_, weight in self._around(place.nonterminal, part, room))
        back = self._liftable(larger, (found := self._places(larger)), found[place.start])
        return (
            math.log(self.growth.mass(hole, part))
            - math.log(self.growth.mass(place.nonterminal, part))
            + math.log(ways)
            - room * math.log(GRAIN)
            + math.log(len(smaller))
            - math.log(len(larger))
            - math.log(len(back))
        )


def _end(productions: Productions, count: int) -> int:
    """Where the first so many of several derivations, one after the other, end."""
    position = 0
    while count:
        count += len(productions[position].holes) - 1
        position += 1
    return position
