"""Terms of a probabilistic grammar in the order of their cost, bottom-up, the cheapest of each behaviour.

A term costs -log2 of the probability of its derivation: the sum of what its productions cost. Of the terms of one
nonterminal and one size, those made are kept in a list, cheapest first. A *cell* is a production with a size for each
of its holes; its combinations are tuples of places in those lists. A heap holds of each cell the cheapest that were not
made: of a tuple, whose cost is known once its parts are made, come those with one place moved on, from the last that is
not 0 onwards, so each comes once (Ameen and Lelis, JAIR 2023, arXiv 2310.04327, section 3, with costs left as they
are). Costs are not negative, so what comes from the heap never costs less than what came before.

Terms alike are built upon once, but for smaller ones that come later, since they fit where the first does not: up to
equivalence, everything within the size is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import product

from torch import Tensor

from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Space
from sygus.language.problem import Production
from sygus.language.terms import Hole, Nonterminal, Sort, Term, expand, subterms
from sygus.language.theories import Function
from sygus.language.theories.evaluate import evaluate
from sygus.oracles.equivalence import Equivalence, signatures, symbolic_key

OVERHEAD = 1_500
"""Bytes that a combination takes beside the values, about."""


@dataclass(frozen=True, eq=False, slots=True)
class Made:
    """A term that may be built upon.

    Attributes:
        term: it.
        signature: on the space's probes.
        cost: of its cheapest derivation from the nonterminal that it was made for.
    """

    term: Term
    signature: int
    cost: float


class Values:
    """What terms are on the probes of a space; kept, so that another enumeration finds it."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.held = 0
        self._signatures: dict[Term, int | None] = {}
        self._values: dict[tuple[Sort, int], Tensor] = {}
        self._divides: dict[Production, bool] = {}

    def signature(self, production: Production, parts: Sequence[Made], term: Term) -> int | None:
        """That of the term that a production makes of some parts; None where it is unsafe or not finite."""
        if term not in self._signatures:
            self.held += OVERHEAD
            self._signatures[term] = self._evaluated(production, parts, term)
        return self._signatures[term]

    def _evaluated(self, production: Production, parts: Sequence[Made], term: Term) -> int | None:
        if self._may_be_unsafe(production) and not self.space.safety.check(term).safe:
            return None
        probes = self.space.probes
        holes = {
            Hole(place, hole): self._values[hole.sort, part.signature]
            for place, (hole, part) in enumerate(zip(production.holes, parts, strict=True))
        }
        found = evaluate(production.template, {**probes.values, **holes}, size=probes.size)
        found = found.expand(probes.shapes[term.sort])
        keys, finite = signatures(found[None])
        if not finite[0]:
            return None
        signature = int(keys[0])
        if (term.sort, signature) not in self._values:
            self._values[term.sort, signature] = found
            self.held += found.nbytes
        return signature

    def _may_be_unsafe(self, production: Production) -> bool:
        if production not in self._divides:
            heads = (node.head for node in subterms(expand(production.template)))
            self._divides[production] = any(isinstance(head, Function) and head.nonzero for head in heads)
        return self._divides[production]


@dataclass(frozen=True, eq=False, slots=True)
class _Cell:
    """A production of a nonterminal, with the size of what fills each hole and of what is made."""

    nonterminal: Nonterminal
    production: Production
    sizes: tuple[int, ...]
    size: int
    halved: bool
    """Its operands may be swapped and are of one size, so one order of them is enough."""


class BestFirst:
    """One enumeration of the terms of a space.

    Args:
        space: what terms are made of, and how they are told apart.
        costs: of each production, at least 0.
        values: what is known of terms already.

    Attributes:
        steps: how many combinations were looked at.
    """

    def __init__(self, space: Space, costs: Mapping[Production, float], values: Values) -> None:
        self.steps = 0
        self._space = space
        self._costs = costs
        self._values = values
        self._room = rooms(space)
        self._made: dict[tuple[Nonterminal, int], list[Made]] = {}
        self._sizes: dict[Nonterminal, list[int]] = {nonterminal: [] for nonterminal in self._room}
        self._smallest: dict[tuple[Nonterminal, object], int] = {}
        self._heap: list[tuple[float, int, int, _Cell, tuple[int, ...]]] = []
        self._pushed = 0
        self._waiting: dict[tuple[Nonterminal, int, int], list[tuple[_Cell, tuple[int, ...]]]] = {}
        for nonterminal in self._room:
            for production in space.grammar.productions[nonterminal]:
                if not production.holes:
                    self._open(nonterminal, production, ())

    @property
    def exhausted(self) -> bool:
        """Whether everything was made."""
        return not self._heap

    def step(self) -> Made | None:
        """Look at the next combination: a term of the start symbol, None where it is none or one like it is known."""
        self.steps += 1
        cost, size, _, cell, places = heappop(self._heap)
        self._move_on(cell, places)
        if cell.halved and places[0] > places[1]:
            return None
        parts = [self._made[key][place] for key, place in zip(_keys(cell), places, strict=True)]
        term = cell.production.instantiate(tuple(part.term for part in parts))
        signature = self._values.signature(cell.production, parts, term)
        if signature is None:
            return None
        alike = cell.nonterminal, self._key(term, signature)
        if self._smallest.get(alike, size + 1) <= size:
            return None
        self._smallest[alike] = size
        made = Made(term, signature, cost)
        self._keep(cell.nonterminal, size, made)
        return made if cell.nonterminal == self._space.grammar.start else None

    def _key(self, term: Term, signature: int) -> object:
        match self._space.equivalence:
            case Equivalence.NONE:
                return term
            case Equivalence.SYMPY:
                return symbolic_key(term)
            case _:
                return signature

    def _keep(self, nonterminal: Nonterminal, size: int, made: Made) -> None:
        """Add to the list of its size, and make room in the heap for what waited for it."""
        found = self._made.setdefault((nonterminal, size), [])
        found.append(made)
        for cell, places in self._waiting.pop((nonterminal, size, len(found) - 1), ()):
            self._push(cell, places)
        if len(found) == 1:
            self._sizes[nonterminal].append(size)
            for owner in self._room:
                for production in self._space.grammar.productions[owner]:
                    if nonterminal in production.holes:
                        for sizes in self._sizes_with(production, nonterminal, size):
                            self._open(owner, production, sizes)

    def _sizes_with(self, production: Production, nonterminal: Nonterminal, size: int) -> Iterator[tuple[int, ...]]:
        """The sizes of made terms that may fill the holes, such that one of the nonterminal has this size."""
        for sizes in product(*(self._sizes.get(hole, ()) for hole in production.holes)):
            if (nonterminal, size) in zip(production.holes, sizes, strict=True):
                yield sizes

    def _open(self, owner: Nonterminal, production: Production, sizes: tuple[int, ...]) -> None:
        """Begin with a cell, unless it is too large or the mirror image of another."""
        size = production.size + sum(sizes)
        swaps = production.is_commutative and not self._space.equivalence.is_syntactic
        if size > self._room[owner] or (swaps and sizes[0] > sizes[1]):
            return
        halved = swaps and sizes[0] == sizes[1]
        self._push(_Cell(owner, production, sizes, size, halved), (0,) * len(sizes))

    def _move_on(self, cell: _Cell, places: tuple[int, ...]) -> None:
        last = max((i for i, place in enumerate(places) if place), default=0)
        for i, (nonterminal, size) in enumerate(_keys(cell)):
            if i >= last:
                following = (*places[:i], places[i] + 1, *places[i + 1 :])
                if following[i] < len(self._made[nonterminal, size]):
                    self._push(cell, following)
                else:
                    self._waiting.setdefault((nonterminal, size, following[i]), []).append((cell, following))

    def _push(self, cell: _Cell, places: tuple[int, ...]) -> None:
        parts = (self._made[key][place].cost for key, place in zip(_keys(cell), places, strict=True))
        cost = self._costs[cell.production] + sum(parts)
        self._pushed += 1
        heappush(self._heap, (cost, cell.size, self._pushed, cell, places))


def _keys(cell: _Cell) -> Iterator[tuple[Nonterminal, int]]:
    return zip(cell.production.holes, cell.sizes, strict=True)


def rooms(space: Space) -> dict[Nonterminal, int]:
    """The size of the largest sub-term that each nonterminal may fill, within the size of the whole.

    Those that no derivation within the size comes to are missing.
    """
    grammar = space.grammar
    statistics = GrammarStatistics(grammar)
    found = {grammar.start: space.size} if statistics.smallest[grammar.start] <= space.size else {}
    waiting = list(found)
    while waiting:
        nonterminal = waiting.pop()
        for production in grammar.productions[nonterminal]:
            for hole in production.holes:
                room = found[nonterminal] - statistics.least(production) + statistics.smallest[hole]
                if room > found.get(hole, statistics.smallest[hole] - 1):
                    found[hole] = room
                    waiting.append(hole)
    return found
