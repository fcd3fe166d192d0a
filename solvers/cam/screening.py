"""Which terms are worth proposing: those that may be evaluated, and behave like no earlier one that is as small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from solvers.cam.learner import Proposal, Space
from sygus.language.terms import Term
from sygus.language.text import term_text
from sygus.oracles.equivalence import Equivalence, symbolic_key

Behaviour: TypeAlias = int | str
"""What terms that count as alike share."""


def behaviour_of(term: Term, signature: int | None, equivalence: Equivalence) -> Behaviour:
    """What a term shares with those that count as alike; by value that is its signature on the probes."""
    match equivalence:
        case Equivalence.NONE:
            return term_text(term)
        case Equivalence.SYMPY:
            return symbolic_key(term)
        case _:
            assert signature is not None
            return signature


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a term before it is proposed.

    Attributes:
        behaviour: what it shares with terms alike; None where it cannot be evaluated.
        proposal: where it is worth one.
    """

    behaviour: Behaviour | None = None
    proposal: Proposal | None = None


class Screen:
    """Lets each behaviour of a space through once, and smaller spellings of it: they may be the better answer.

    Attributes:
        counts: of what was held back, by the reason.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.counts = dict.fromkeys(("alike", "unsafe divisions", "not finite"), 0)
        self._smallest_of: dict[Behaviour, int] = {}

    @property
    def distinct(self) -> int:
        """How many behaviours were let through."""
        return len(self._smallest_of)

    def judge(self, term: Term) -> Judgement:
        """The verdict on a term of the grammar within the size."""
        return self.weigh(term, self.look(term))

    def look(self, term: Term) -> int | str:
        """The signature of a term on the probes, or as a text why it cannot be evaluated; the same at any time."""
        if not self.space.safety.check(term).safe:
            return "unsafe divisions"
        signature = self.space.probes.signature(term)
        return "not finite" if signature is None else signature

    def weigh(self, term: Term, looked: int | str) -> Judgement:
        """The verdict on a term, by what :meth:`look` says of it."""
        if isinstance(looked, str):
            self.counts[looked] += 1
            return Judgement()
        behaviour = behaviour_of(term, looked, self.space.equivalence)
        if self._smallest_of.get(behaviour, self.space.size + 1) <= term.size:
            self.counts["alike"] += 1
            return Judgement(behaviour)
        self._smallest_of[behaviour] = term.size
        return Judgement(behaviour, Proposal(term, looked))

    def state_dict(self) -> dict[str, Any]:
        """What was let through and what was held back."""
        return {"behaviours": [list(pair) for pair in self._smallest_of.items()], "counts": dict(self.counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        self._smallest_of = dict(state["behaviours"])
        self.counts = dict(state["counts"])
