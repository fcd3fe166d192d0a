"""The strategy ``enumerate``: every term by size, the smallest of each behaviour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from solvers.bank import Bank, MemoryLimitError
from solvers.strategy import Proposal, Strategy
from sygus.oracles.equivalence import Probes
from sygus.oracles.safety import SafetyOracle
from sygus.problem import Grammar


class Enumerate(Strategy):
    """Bottom-up by size with value signatures; complete up to the largest size, up to equality on the probes.

    Args:
        grammar: what to enumerate.
        probes, safety: the oracles that prune the bank.
        size: the largest size.
    """

    name = "enumerate"

    def __init__(self, grammar: Grammar, probes: Probes, safety: SafetyOracle, *, size: int) -> None:
        self.bank = Bank(grammar, probes, safety, deepest=size)
        self.largest = size
        self._stopped = ""
        self._proposals = self._generate()

    def ask(self, count: int) -> list[Proposal]:
        """The next terms, smallest first."""
        return [proposal for _, proposal in zip(range(count), self._proposals, strict=False)]

    def _generate(self) -> Iterator[Proposal]:
        start = self.bank.grammar.start
        for size in range(1, self.largest + 1):
            try:
                self.bank.grow()
            except MemoryLimitError as error:
                self._stopped = str(error)
                return
            level = self.bank.level(start, size)
            for row in range(len(level)):
                yield Proposal(self.bank.term(start, size, row), int(level.keys[row]))

    def status(self) -> Mapping[str, int]:
        """The size reached and what became of the combinations."""
        counts = self.bank.counts
        return {
            "size": self.bank.size,
            "combined": counts.combined,
            "distinct": counts.kept,
            "pruned by value": counts.duplicate,
            "unsafe divisions": counts.unsafe,
            "not finite": counts.not_finite,
        }

    def conclusion(self) -> str:
        """The certificate."""
        if self._stopped:
            return f"stopped before size {self.bank.size + 1}: {self._stopped}"
        return f"best of all terms up to size {self.largest}, up to equality on the probes"
