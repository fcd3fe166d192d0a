"""The strategy ``enumerate``: every term by size, the smallest of each behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from solvers.bank import Bank, MemoryLimitError
from solvers.cam.learner import Fate, Outcome, Proposal, Strategy
from solvers.levels import Ints
from sygus.language.problem import Grammar
from sygus.language.terms import Term
from sygus.oracles.equivalence import Equivalence, Probes, symbolic_key, syntactic_key
from sygus.oracles.safety import SafetyOracle


class Enumerate(Strategy):
    """Bottom-up by size; complete up to the largest size, up to the equivalence that prunes.

    Args:
        grammar: what to enumerate.
        probes, safety: the oracles that prune the bank.
        size: the largest size.
        equivalence: what makes two terms alike; terms alike are built upon once.
        second: an independent draw of the probes, on which the pruning by value is repeated at the end; the
            conclusion says whether it keeps the same terms.
    """

    name = "enumerate"

    def __init__(
        self,
        grammar: Grammar,
        probes: Probes,
        safety: SafetyOracle,
        *,
        size: int,
        equivalence: Equivalence = Equivalence.MAP,
        second: Probes | None = None,
    ) -> None:
        self.equivalence = equivalence
        self.largest = size
        self._safety = safety
        self.bank = self._new_bank(grammar, probes)
        self._second = second if equivalence.is_by_value else None
        self._stopped = ""
        self._level: Ints = np.empty(0, np.int64)
        self._position = 0
        self._told = 0
        self._alike: list[int] = []

    def _new_bank(self, grammar: Grammar, probes: Probes) -> Bank:
        return Bank(
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
            self.bank.discard(start, self.bank.size, np.array(self._alike))
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

    def aliases(self, term: Term, probes: Probes) -> Iterator[Term]:
        """The terms that were pruned because they behave like this one."""
        signature = probes.signature(term)
        if signature is None or not self.equivalence.is_by_value:
            return iter(())
        return self.bank.aliases(self.bank.grammar.start, signature)


def _term_key(equivalence: Equivalence) -> Callable[[Term], int] | None:
    """What to prune by in place of values."""
    return {Equivalence.SYMPY: symbolic_key, Equivalence.NONE: syntactic_key()}.get(equivalence)
