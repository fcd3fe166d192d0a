"""The learner ``auto``: exhaustive where that can be afforded, and otherwise the learner that comparisons recommend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.learners.surrogate import Surrogate
from sygus.language.terms import Term

DERIVATIONS = 1_000_000
"""Up to so many derivations within the size the space is enumerated, which takes about a second."""


@learner("auto")
class Auto(Learner):
    """Every term by size where that can be afforded, else what the model on the maps says.

    It is ``enumerate`` with its certificate where there are at most a million derivations within the size, before any
    are found to behave alike, and the budget limits neither terms nor passes; otherwise ``surrogate``, which on a small
    space ends with that certificate too, but comes to the best long before. Which one, :meth:`plan` says.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        statistics = GrammarStatistics(space.grammar)
        reached, self.derivations = statistics.reach(space.grammar.start, space.size, DERIVATIONS)
        self.small = reached == space.size
        self.inner: Learner = (Enumerate if self.small and not space.rationed else Surrogate)(space)

    @property
    def tunes(self) -> bool:
        """As the one that was chosen."""
        return self.inner.tunes

    def ask(self, count: int) -> list[Proposal]:
        """What the one that was chosen proposes."""
        return self.inner.ask(count)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Passed on."""
        self.inner.tell(proposal, outcome)

    def status(self) -> Mapping[str, int]:
        """Passed on."""
        return self.inner.status()

    def plan(self) -> str:
        """Which learner it is, and why."""
        if isinstance(self.inner, Enumerate):
            return f"auto: enumerate, as at most {self.space.size} nodes make {self.derivations:,} derivations"
        if self.small:
            return "auto: surrogate, as the budget limits what is scored"
        return f"auto: surrogate, as at most {self.space.size} nodes make more than {DERIVATIONS:,} derivations"

    def conclusion(self) -> str:
        """Passed on."""
        return self.inner.conclusion()

    def aliases(self, term: Term) -> Iterator[Term]:
        """Passed on."""
        return self.inner.aliases(term)

    def state_dict(self) -> dict[str, Any]:
        """Of the one that was chosen; the space decides which that is."""
        return self.inner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Passed on."""
        self.inner.load_state_dict(state)
