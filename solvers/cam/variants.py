"""Terms with other constants in the place of ``(Constant Real)``: those that a model expects most of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.cam.gaussian import Model, Numbers
from solvers.cam.learner import Space
from solvers.cam.pool import Candidate, Pool
from solvers.cam.tuning import REACH, Open, opened, rounded
from sygus.language.terms import REAL, Literal, Term, subterms
from sygus.language.text import term_text
from sygus.oracles.expressions import read_expression

EACH = 4
"""Other constants drawn around each term."""

WIDTHS = (1.0, 0.3, 0.1, 0.03)
"""Standard deviations of their logarithms: in every round nearer to those that promise most."""

FOLLOWED = 4
"""So many of these, from one round to the next."""

KEPT = 512
"""Variants that wait for a better model: those that promise most."""

FORESEEN = 1 << 13
"""Maps of single pictures by which constraints are looked up in a round; at least for those that are followed."""


@dataclass(frozen=True, eq=False)
class Variant:
    """A term with constants of its own.

    Attributes:
        candidate: it.
        opened: it, with these constants open.
        origin: the term of the grammar that it comes from.
    """

    candidate: Candidate
    opened: Open
    origin: Term


class Variants:
    """Looks for constants as a climber does, by what a model says of the maps: no score is paid.

    Args:
        space: where terms are from. Constants stay within :data:`REACH` times what the file begins with.

    Attributes:
        kept: what was found and not proposed, by term.
    """

    def __init__(self, space: Space) -> None:
        self._written = space.written
        productions = (p for productions in space.grammar.productions.values() for p in productions)
        heads = (node.head for p in productions for node in subterms(p.template) if node.sort == REAL)
        given = [float(head.value) for head in heads if isinstance(head, Literal) and head.value > 0]
        self._least, self._most = min(given, default=1.0) / REACH, max(given, default=1.0) * REACH
        self._opened: dict[Term, Open | None] = {}
        self._origins: dict[Term, Term] = {}
        self.kept: dict[Term, Variant] = {}

    def opened(self, root: Term) -> Open | None:
        """A term with its constants open; None where it has none that may be others."""
        if not self._written.has_constants:
            return None
        if root not in self._opened:
            self._opened[root] = opened(root, self._written)
        return self._opened[root]

    def shape(self, root: Term) -> Term | None:
        """What a term shares with its variants."""
        found = self.opened(root)
        return None if found is None else found.shape

    def origin(self, root: Term) -> Term:
        """The term of the grammar that a variant comes from; of other terms themselves."""
        kept = self.kept.get(root)
        return self._origins.get(root, root) if kept is None else kept.origin

    def look(
        self, groups: Iterable[tuple[Iterable[Term], int]], model: Model, pool: Pool, chance: np.random.Generator
    ) -> None:
        """Look for variants of terms of different shapes, and keep those that promise most.

        Args:
            groups: terms, those that promise most first, and of how many shapes of them variants are wanted.
            model: what is believed.
            pool: knows what is none of its terms, and what is foreseen of it.
            chance: draws constants.
        """
        self.kept = {term: one for term, one in self.kept.items() if pool.is_new(one.candidate)}
        centres: dict[Term, tuple[Open, Term]] = {}
        for terms, count in groups:
            enough = len(centres) + count
            for term in terms:
                found = self.opened(term)
                if found is not None:
                    centres.setdefault(found.shape, (found, self.origin(term)))
                if len(centres) == enough:
                    break
        around = list(centres.values())
        for width in WIDTHS:
            moved = {
                one.filled(values): (Open(one.shape, one.places, values), origin)
                for one, origin in around
                for values in (self._moved(one.values, width, chance) for _ in range(EACH))
            }
            fresh = pool.fresh([term for term in moved if term not in self.kept])
            if not fresh:
                break
            variants = [Variant(candidate, *moved[candidate.term]) for candidate in fresh]
            self.kept |= {one.candidate.term: one for one in variants}
            promise = self._promise(variants, model, pool)
            best = np.argsort(-promise, kind="stable")[:FOLLOWED]
            around = [(variants[row].opened, variants[row].origin) for row in best]
        if len(self.kept) > KEPT:
            kept = list(self.kept.values())
            best = np.sort(np.argsort(-self._promise(kept, model, pool), kind="stable")[:KEPT])
            self.kept = {kept[row].candidate.term: kept[row] for row in best}

    def _promise(self, variants: Sequence[Variant], model: Model, pool: Pool) -> Numbers:
        """How much variants promise, once the constraints of those that promise most are looked up."""
        prospects = model.prospects(np.stack([one.candidate.point for one in variants]))
        first = np.argsort(-prospects.promise(), kind="stable")[: max(FOLLOWED, FORESEEN // pool.pictures)].tolist()
        for row, margins in zip(first, pool.foreseen([variants[row].candidate.term for row in first]), strict=True):
            prospects.know(row, margins)
        return prospects.promise()

    def take(self, variant: Variant) -> None:
        """A variant is proposed; it may be a centre of others later."""
        self._origins[variant.candidate.term] = variant.origin
        self.drop(variant)

    def drop(self, variant: Variant) -> None:
        """A variant fails a constraint."""
        self.kept.pop(variant.candidate.term, None)

    def _moved(self, values: Sequence[float], width: float, chance: np.random.Generator) -> tuple[float, ...]:
        """Other values: all of them, or half of the time one alone."""
        logarithms = width * chance.standard_normal(len(values))
        if len(values) > 1 and chance.random() < 0.5:
            logarithms[np.arange(len(values)) != chance.integers(len(values))] = 0
        moved = np.clip(np.array(values) * np.exp(logarithms), self._least, self._most)
        return tuple(float(rounded(value)) for value in moved)

    def state_dict(self) -> dict[str, Any]:
        """Where variants come from, and those that are kept."""
        return {
            "origins": [[term_text(term), term_text(origin)] for term, origin in self._origins.items()],
            "kept": [[term_text(term), term_text(one.origin)] for term, one in self.kept.items()],
        }

    def load_state_dict(self, state: Mapping[str, Any], pool: Pool) -> None:
        """Go on from there; maps are drawn again."""
        self._origins = {read_expression(one): read_expression(other) for one, other in state["origins"]}
        origins = {read_expression(one): read_expression(other) for one, other in state["kept"]}
        for candidate in pool.candidates(list(origins)):
            found = self.opened(candidate.term)
            assert found is not None, "variants have constants"
            self.kept[candidate.term] = Variant(candidate, found, origins[candidate.term])
