"""What CAM terms do: tensors on random probes, told apart by signatures; divisions must be proved safe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from solvers.bank import Allowance, Bank
from solvers.behaviour import Behaviour, Combined, Parts
from solvers.levels import Booleans, Ints, dealt
from sygus.errors import SycamError
from sygus.language.problem import Grammar, Production
from sygus.language.terms import Hole, Sort, Term, fill, subterms
from sygus.language.theories import Function
from sygus.language.theories.evaluate import evaluate
from sygus.oracles.equivalence import SMALLEST, Probes, signatures
from sygus.oracles.safety import SafetyOracle

BLOCK = 1 << 17
"""Numbers computed at a time: small enough for the cache, large enough to hide the cost of a call."""


BUFFER = 1 << 26
"""Bytes of values that are gathered before duplicates go. The system takes tensors so large back when they are let go,
so that a level in the making takes little more memory than when it is made."""


class MemoryLimitError(SycamError):
    """The next level does not fit into the memory that the bank may take."""


class Memory(Allowance):
    """Refuses a level whose combinations, as rows, cannot be held beside the values.

    Args:
        limit: in bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def before_level(self, bank: Bank[Any], size: int) -> None:
        """Refuse a level.

        Raises:
            MemoryLimitError: it does not fit.
        """
        combinations, row = bank.combinations(size), 8 * (2 + 2 * bank.width)
        if bank.held + combinations * row > self.limit:
            raise MemoryLimitError(
                f"size {size} needs {combinations:,} combinations, more than {self.limit >> 30} GiB of memory hold",
                "lower the size in --budget",
            )


class OnProbes(Behaviour[Tensor]):
    """Terms by their values on probes.

    Args:
        probes: where terms are told apart.
        safety: decides strict divisions.
        term_key: tell terms apart by this key of theirs in place of their values: one at a time, for comparison.
    """

    def __init__(self, probes: Probes, safety: SafetyOracle, term_key: Callable[[Term], int] | None = None) -> None:
        self.probes = probes
        self.safety = safety
        self.term_key = term_key
        self._denominators: dict[Production, Mapping[Term, list[int]]] = {}

    def room(self, production: Production) -> int:
        """So many that the largest values of a block have the size of :data:`BLOCK`."""
        sorts = (production.template.sort, *(hole.sort for hole in production.holes))
        return max(1, BLOCK // max(math.prod(self.probes.shapes[sort]) for sort in sorts))

    def combine(self, production: Production, parts: Parts[Tensor]) -> Combined[Tensor]:
        """Values on the probes; usable are those that are finite and divide by nothing that may be zero."""
        shape = self.probes.shapes[production.template.sort]
        holes = {Hole(i, n): v for i, (n, v) in enumerate(zip(parts.holes, parts.spread(), strict=True))}
        values = evaluate(production.template, {**self.probes.values, **holes}, size=self.probes.size)
        values = values.expand(*parts.counts, *shape).reshape(-1, *shape)
        hashes, finite = signatures(values)
        keys: Ints = hashes.cpu().numpy()
        usable: Booleans = finite.cpu().numpy()
        not_finite = len(usable) - int(usable.sum())
        unsafe = 0
        if denominators := self._denominators_of(production):
            asked = np.flatnonzero(usable if parts.wanted is None else usable & parts.wanted)
            safe = self._safe(denominators, parts, asked)
            unsafe = len(asked) - int(safe.sum())
            usable = np.zeros(len(usable), bool)
            usable[asked[safe]] = True
        if self.term_key is not None:
            keys = self._term_keys(self.term_key, production, parts, len(keys))
        return Combined(values, keys, usable, not_finite, unsafe)

    def gather(self, sort: Sort, batches: list[Tensor], rows: Ints) -> Tensor:
        """One tensor; of several batches each is let go once it is copied."""
        filled = [batch for batch in batches if len(batch)]
        batches.clear()
        if not filled:
            return torch.empty(0, *self.probes.shapes[sort])
        if len(filled) == 1:
            whole = len(rows) == len(filled[0])
            return filled[0].contiguous() if whole else filled[0][torch.from_numpy(rows)]
        found = filled[0].new_empty(len(rows), *filled[0].shape[1:])
        for batch, place, own in dealt(filled, rows):
            found[place] = batch if len(own) == len(batch) else batch[torch.from_numpy(own)]
        return found

    def _denominators_of(self, production: Production) -> Mapping[Term, list[int]]:
        """The sub-templates that must be nonzero, each with the holes in it."""
        if production not in self._denominators:
            found = (
                node.arguments[position]
                for node in subterms(production.template)
                if isinstance(node.head, Function)
                for position in node.head.nonzero
            )
            self._denominators[production] = {
                template: sorted({n.head.index for n in subterms(template) if isinstance(n.head, Hole)})
                for template in found
            }
        return self._denominators[production]

    def _safe(self, denominators: Mapping[Term, list[int]], parts: Parts[Tensor], asked: Ints) -> Booleans:
        """Which of these combinations have only denominators that are proved nonzero.

        Z3 is asked once per denominator, and not about those that are zero on a probe.
        """
        rows = parts.rows(asked)
        safe = np.ones(len(rows), bool)
        for denominator, used in denominators.items():
            tuples, inverse = np.unique(rows[:, used], axis=0, return_inverse=True)
            proved = np.zeros(len(tuples), bool)
            for index, chosen in enumerate(tuples):
                children = {hole: parts.child(hole, int(row)) for hole, row in zip(used, chosen, strict=True)}
                filled = fill(denominator, children)
                if bool((self.probes.evaluate(filled).abs() >= SMALLEST).all()):
                    proved[index] = self.safety.nonzero(filled).safe
            safe &= proved[inverse.reshape(-1)]
        return safe

    def _term_keys(self, key: Callable[[Term], int], production: Production, parts: Parts[Tensor], count: int) -> Ints:
        every = parts.rows(np.arange(count))
        terms = (
            production.instantiate(tuple(parts.child(i, int(row)) for i, row in enumerate(rows))) for rows in every
        )
        return np.fromiter(map(key, terms), np.int64, count)


def probe_bank(
    grammar: Grammar,
    probes: Probes,
    safety: SafetyOracle,
    *,
    deepest: int,
    memory: int = 4 << 30,
    term_key: Callable[[Term], int] | None = None,
    mirrored: bool = False,
) -> Bank[Tensor]:
    """A bank of CAM terms.

    Args:
        grammar: what to enumerate.
        probes: where terms are told apart.
        safety: decides strict divisions.
        deepest: the largest size that will be asked for.
        memory: bytes that values and pending combinations may take.
        term_key: prune by this key of a term in place of its values.
        mirrored: also combine the mirror images of commutative productions.
    """
    behaviour = OnProbes(probes, safety, term_key)
    return Bank(grammar, behaviour, deepest=deepest, mirrored=mirrored, allowance=Memory(memory), buffer=BUFFER)
