"""The learner ``enumerate``: every term by size, the smallest of each behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from solvers.bank import Bank
from solvers.cam.behaviour import MemoryLimitError, probe_bank
from solvers.cam.learner import Fate, Learner, Outcome, Proposal, Space, learner
from solvers.levels import Ints
from sygus.language.problem import Grammar
from sygus.language.terms import Term
from sygus.oracles.equivalence import Equivalence, Probes, symbolic_key, syntactic_key


@learner("enumerate")
class Enumerate(Learner):
    """Every term by size, the smallest of each behaviour; complete up to the size it reaches.

    Bottom-up, and complete up to the equivalence that prunes: terms alike are built upon once. Where that is by value,
    the pruning is repeated at the end on the second draw of the probes, and the conclusion says whether it keeps the
    same terms.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.equivalence = space.equivalence
        self.largest = space.size
        self._safety = space.safety
        self.bank = self._new_bank(space.grammar, space.probes)
        self._second = space.second if space.equivalence.is_by_value else None
        self._stopped = ""
        self._level: Ints = np.empty(0, np.int64)
        self._position = 0
        self._told = 0
        self._alike: list[int] = []
        self._discarded: dict[int, list[int]] = {}

    def _new_bank(self, grammar: Grammar, probes: Probes) -> Bank[Tensor]:
        return probe_bank(
            grammar,
            probes,
            self._safety,
            deepest=self.largest,
            term_key=_term_key(self.equivalence),
            mirrored=self.equivalence.is_syntactic,
        )

    def ask(self, count: int) -> list[Proposal]:
        """The next terms, smallest first; never of two sizes, so that a level is known before it is built upon."""
        while self._position == len(self._level):
            if not self._grow():
                return []
        first, by_value = self._position, self.equivalence.is_by_value
        self._position = min(first + count, len(self._level))
        self._told = first
        start, size = self.bank.grammar.start, self.bank.size
        return [
            Proposal(self.bank.term(start, size, row), int(self._level[row]) if by_value else None)
            for row in range(first, self._position)
        ]

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:  # noqa: ARG002 - told in the order of asking
        """Under the equivalence by score, what scores like an earlier term is not built upon."""
        if self.equivalence is Equivalence.SCORE and outcome.fate is Fate.DUPLICATE:
            self._alike.append(self._told)
        self._told += 1

    def _grow(self) -> bool:
        """Make the next level; False where there is none."""
        start = self.bank.grammar.start
        if self._alike:
            self._discard(self._alike)
            self._alike = []
        if self._stopped or self.bank.size == self.largest:
            return False
        try:
            self.bank.grow()
        except MemoryLimitError as error:
            self._stopped = str(error)
            return False
        self._level = self.bank.level(start, self.bank.size).keys
        self._position = 0
        return True

    def _discard(self, rows: list[int]) -> None:
        """Build nothing of these rows of the level."""
        self._discarded[self.bank.size] = rows
        self.bank.discard(self.bank.grammar.start, self.bank.size, np.array(rows))

    def status(self) -> Mapping[str, int]:
        """The size reached and what became of the combinations."""
        counts = self.bank.counts
        return {
            "size": self.bank.size,
            "combined": counts.combined,
            "distinct": counts.kept,
            "pruned as alike": counts.duplicate,
            "unsafe divisions": counts.unsafe,
            "not finite": counts.not_finite,
        }

    def conclusion(self) -> str:
        """The certificate."""
        if self._stopped:
            return f"stopped before size {self.bank.size + 1}: {self._stopped}"
        claim = f"best of all terms up to size {self.largest}, up to equivalence by {self.equivalence}"
        return f"{claim}; {self._recheck()}" if self._second is not None else claim

    def _recheck(self) -> str:
        """Whether pruning on the second draw keeps the same terms."""
        assert self._second is not None
        again = self._new_bank(self.bank.grammar, self._second)
        for _ in range(self.bank.size):
            again.grow()
        mine, theirs = self.bank.counts.kept, again.counts.kept
        if not self.bank.differences(again):
            return f"a second draw of the probes keeps the same {mine} terms"
        return f"a second draw of the probes tells {theirs} classes apart, the first {mine}"

    def aliases(self, term: Term) -> Iterator[Term]:
        """The terms that were pruned because they behave like this one."""
        signature = self.space.probes.signature(term)
        if signature is None or not self.equivalence.is_by_value:
            return iter(())
        return self.bank.aliases(self.bank.grammar.start, signature)

    def state_dict(self) -> dict[str, Any]:
        """How far it has come and what it builds nothing of; the bank is made again from that."""
        return {
            "size": self.bank.size,
            "position": self._position,
            "told": self._told,
            "alike": list(self._alike),
            "discarded": [[size, rows] for size, rows in self._discarded.items()],
            "stopped": self._stopped,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the bank again."""
        discarded = dict(state["discarded"])
        while self.bank.size < state["size"]:
            self.bank.grow()
            self._level = self.bank.level(self.bank.grammar.start, self.bank.size).keys
            if self.bank.size in discarded:
                self._discard(discarded[self.bank.size])
        self._position, self._told = state["position"], state["told"]
        self._alike, self._stopped = list(state["alike"]), state["stopped"]


def _term_key(equivalence: Equivalence) -> Callable[[Term], int] | None:
    """What to prune by in place of values."""
    return {Equivalence.SYMPY: symbolic_key, Equivalence.NONE: syntactic_key()}.get(equivalence)
