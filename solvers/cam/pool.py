"""Terms that a model may choose from: each behaviour once, with what is known of it before it is scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.cam.drawing import Draws
from solvers.cam.gaussian import Points
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Learner, Proposal, Space
from solvers.cam.projection import FEATURES, Projection
from solvers.cam.screening import Behaviour, behaviour_of
from sygus.language.terms import Literal, Term, fold, subterms
from sygus.language.text import term_text
from sygus.oracles.cam import HeatMaps
from sygus.oracles.expressions import read_expression

DERIVATIONS = 1 << 17
"""Up to so many the space is enumerated; beyond the size where they are, terms are drawn at random."""

GROWN, DRAWN = 128, 16
"""Each time the pool grows by so many enumerated terms, or by so many drawn."""

EVEN = 0.2
"""Of the weights by which an elite leans the draws, the share that all productions have alike."""

TOGETHER = 32
"""Terms whose maps are held at a time."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A term that may be proposed.

    Attributes:
        proposal: it.
        point: (features,) of its maps and its symbols.
        key: of its maps; "" of a row of the pool, which knows it.
    """

    proposal: Proposal
    point: Points
    key: str

    @property
    def term(self) -> Term:
        """The term."""
        return self.proposal.term


class Pool:
    """Terms that were not proposed yet, each behaviour once, as points for a model.

    Args:
        space: where they are from.
        enumerated: proposes every term of a space, by size.

    Attributes:
        enumeration: makes those up to a size.
        draws: makes those beyond it; None where there are none.
        pictures: how many the maps are of; known once some were drawn.
        symbols: how many of the last columns of a point count symbols; those before are features of the maps.
        points: (terms, features).
    """

    def __init__(self, space: Space, enumerated: Callable[[Space], Learner]) -> None:
        self.space = space
        reached, _ = GrammarStatistics(space.grammar).reach(space.grammar.start, space.size, DERIVATIONS)
        self.enumeration = enumerated(replace(space, size=max(reached, 1)))
        self.draws = Draws(space) if reached < space.size else None
        self._symbols = Symbols(space)
        self.symbols = len(self._symbols)
        self.points: Points = np.empty((0, FEATURES + self.symbols), np.float32)
        self.pictures = 1
        self._open: list[Proposal] = []
        self._later: list[Proposal] = []
        self._smallest_of: dict[Behaviour, int] = {}
        self._keys: dict[str, int] = {}
        self._counts = dict.fromkeys(("of equal maps", "not finite", "foreseen to fail", "set aside"), 0)
        self._enumerated = self._lean_next = False
        self._project = Projection(space.seed)
        self._foreseen: dict[Term, tuple[float, ...]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def grow(self, elite: Sequence[Term]) -> None:
        """Add terms, some if there are more; drawn ones every other time by the productions of an elite."""
        while True:
            found = self._next(elite)
            self._add(found)
            if self._open or (self._enumerated and not found):
                return

    def _next(self, elite: Sequence[Term]) -> list[Proposal]:
        if not self._enumerated:
            found: list[Proposal] = []
            while not self._enumerated and len(found) < GROWN:
                asked = self.enumeration.ask(GROWN - len(found))
                self._enumerated = not asked
                found += asked
            return found
        if self.draws is None:
            return []
        self._lean(self.draws, elite if self._lean_next else ())
        self._lean_next = not self._lean_next
        return self.draws.take(DRAWN)

    def _lean(self, draws: Draws, elite: Sequence[Term]) -> None:
        """Draw by the productions of some terms, smoothed; where there are none, all alike."""
        counts = Counter(production for term in elite for production in self.space.productions(term))
        for productions in self.space.grammar.productions.values():
            total = sum(counts[production] for production in productions)
            for production in productions:
                leaning = counts[production] / total if total else 1 / len(productions)
                draws.weights[production] = (1 - EVEN) * leaning + EVEN / len(productions)

    def _add(self, found: Sequence[Proposal]) -> None:
        """Take in what behaves like no earlier term, or is smaller; what draws the maps of an earlier one waits."""
        for start in range(0, len(found), TOGETHER):
            fresh: list[Proposal] = []
            for proposal in found[start : start + TOGETHER]:
                behaviour = self._behaviour(proposal)
                if self._smallest_of.get(behaviour, self.space.size + 1) > proposal.term.size:
                    self._smallest_of[behaviour] = proposal.term.size
                    fresh.append(proposal)
            taken = []
            for proposal, heat in zip(fresh, self.space.heat_maps([one.term for one in fresh]), strict=True):
                if not heat.finite:
                    self._counts["not finite"] += 1
                elif self._keys.get(heat.key, self.space.size + 1) <= proposal.term.size:
                    self._counts["of equal maps"] += 1
                    self._later.append(proposal)
                else:
                    self._keys[heat.key] = proposal.term.size
                    taken.append((proposal, heat))
            self._open += [proposal for proposal, _ in taken]
            self.points = np.concatenate([self.points, self._points(taken)])

    def _behaviour(self, proposal: Proposal) -> Behaviour:
        return behaviour_of(proposal.term, proposal.signature, self.space.equivalence)

    def _points(self, drawn: Sequence[tuple[Proposal, HeatMaps]]) -> Points:
        """(terms, features) of terms with their maps."""
        for _, heat in drawn[:1]:
            self.pictures = len(heat.maps)
        maps = self._project([heat for _, heat in drawn])
        return np.hstack([maps, self._symbols([proposal.term for proposal, _ in drawn])])

    def term(self, row: int) -> Term:
        """The term of a row."""
        return self._open[row].term

    def foreseen(self, terms: Sequence[Term]) -> list[tuple[float, ...]]:
        """What is known of the constraints of terms whose maps are finite, as ``space.foresee`` says it; () nothing."""
        if self.space.foresee is None:
            return [()] * len(terms)
        for drawn in self._drawn([Proposal(term) for term in terms if term not in self._foreseen]):
            margins = self.space.foresee([heat for _, heat in drawn])
            self._foreseen.update(zip((one.term for one, _ in drawn), margins, strict=True))
        return [self._foreseen[term] for term in terms]

    def fresh(self, terms: Collection[Term]) -> list[Candidate]:
        """Of terms from elsewhere those that may be evaluated and behave like none that was ever here."""
        screened: dict[Behaviour, Proposal] = {}
        for term in terms:
            signature = self.space.probes.signature(term) if self.space.safety.check(term).safe else None
            if signature is not None:
                proposal = Proposal(term, signature)
                screened.setdefault(self._behaviour(proposal), proposal)
        new = [proposal for behaviour, proposal in screened.items() if behaviour not in self._smallest_of]
        return [one for one in self._candidates(new) if self.is_new(one)]

    def candidates(self, terms: Sequence[Term]) -> list[Candidate]:
        """Terms that were fresh before."""
        return self._candidates([Proposal(term, self.space.probes.signature(term)) for term in terms])

    def _candidates(self, proposals: Sequence[Proposal]) -> list[Candidate]:
        """Those whose maps are finite."""
        found: list[Candidate] = []
        for drawn in self._drawn(proposals):
            finite = [(one, heat) for one, heat in drawn if heat.finite]
            points = self._points(finite)
            found += [Candidate(one, point, heat.key) for (one, heat), point in zip(finite, points, strict=True)]
        return found

    def _drawn(self, proposals: Sequence[Proposal]) -> Iterator[list[tuple[Proposal, HeatMaps]]]:
        """Terms with their maps, some at a time."""
        for start in range(0, len(proposals), TOGETHER):
            some = proposals[start : start + TOGETHER]
            yield list(zip(some, self.space.heat_maps([one.term for one in some]), strict=True))

    def is_new(self, candidate: Candidate) -> bool:
        """Whether nothing that behaves like a candidate from elsewhere has come since."""
        return self._behaviour(candidate.proposal) not in self._smallest_of and candidate.key not in self._keys

    def are_alike(self, one: Candidate, other: Candidate) -> bool:
        """Whether two candidates from elsewhere behave alike or draw the same maps."""
        return one.key == other.key or self._behaviour(one.proposal) == self._behaviour(other.proposal)

    def note(self, candidate: Candidate) -> None:
        """A candidate from elsewhere is proposed: what behaves like it need not be."""
        self._smallest_of[self._behaviour(candidate.proposal)] = candidate.term.size
        self._keys[candidate.key] = candidate.term.size

    def candidate(self, row: int) -> Candidate:
        """A row as a candidate."""
        return Candidate(self._open[row], self.points[row], "")

    def take(self, rows: Sequence[int], failing: Sequence[int]) -> None:
        """Some rows are proposed; of others a constraint is foreseen to fail: they wait until all else was proposed."""
        self._wait(failing, "foreseen to fail")
        self._without([*rows, *failing])

    def set_aside(self, rows: Sequence[int]) -> None:
        """Let these terms wait until all others were proposed."""
        self._wait(rows, "set aside")
        self._without(rows)

    def _wait(self, rows: Sequence[int], why: str) -> None:
        self._counts[why] += len(rows)
        self._later += [self._open[row] for row in rows]

    def _without(self, rows: Sequence[int]) -> None:
        gone = set(rows)
        self._open = [proposal for row, proposal in enumerate(self._open) if row not in gone]
        self.points = np.delete(self.points, list(rows), axis=0)

    def rest(self, count: int) -> list[Proposal]:
        """What waited, at most so many."""
        given, self._later = self._later[:count], self._later[count:]
        return given

    def points_of(self, terms: Sequence[Term]) -> Points:
        """(terms, features) of terms whose maps are finite."""
        found = [self._points(drawn) for drawn in self._drawn([Proposal(term) for term in terms])]
        return np.concatenate([np.empty((0, FEATURES + self.symbols), np.float32), *found])

    def status(self) -> Mapping[str, int]:
        """How many behaviours were made, and which were held back."""
        return {"distinct": len(self._smallest_of), **self._counts}

    def conclusion(self) -> str:
        """What is known of the space once everything was proposed."""
        return self.enumeration.conclusion() if self.draws is None else self.draws.conclusion()

    def state_dict(self) -> dict[str, Any]:
        """What was made, and what of it is still here."""
        return {
            "enumeration": self.enumeration.state_dict(),
            "draws": None if self.draws is None else self.draws.state_dict(),
            "open": [term_text(one.term) for one in self._open],
            "later": [term_text(one.term) for one in self._later],
            "behaviours": [list(pair) for pair in self._smallest_of.items()],
            "keys": dict(self._keys),
            "counts": dict(self._counts),
            "enumerated": self._enumerated,
            "lean next": self._lean_next,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space; maps are drawn again."""
        self.enumeration.load_state_dict(state["enumeration"])
        if self.draws is not None:
            self.draws.load_state_dict(state["draws"])
        self._open, self._later = ([self._proposal(text) for text in state[name]] for name in ("open", "later"))
        self.points = self.points_of([one.term for one in self._open])
        self._smallest_of = dict(state["behaviours"])
        self._keys, self._counts = dict(state["keys"]), dict(state["counts"])
        self._enumerated, self._lean_next = state["enumerated"], state["lean next"]

    def _proposal(self, text: str) -> Proposal:
        term = read_expression(text)
        return Proposal(term, self.space.probes.signature(term) if self.space.equivalence.is_by_value else None)


class Symbols:
    """Counts how often each symbol of a grammar stands in terms; constants are not told apart, nor counted.

    Args:
        space: whose grammar.
    """

    def __init__(self, space: Space) -> None:
        productions = (p for productions in space.grammar.productions.values() for p in productions)
        heads = (node.head for p in productions for node in subterms(p.template) if not isinstance(node.head, Literal))
        self._places = {head: place for place, head in enumerate(dict.fromkeys(heads))}
        self._known: dict[Term, Points] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __call__(self, terms: Sequence[Term]) -> Points:
        """(terms, symbols)."""
        found = [fold(root, self._counted, self._known) for root in terms]
        return np.stack(found) if found else np.empty((0, len(self)), np.float32)

    def _counted(self, node: Term, arguments: list[Points]) -> Points:
        counts = np.zeros(len(self), np.float32)
        if node.head in self._places:
            counts[self._places[node.head]] = 1
        return sum(arguments, counts)
