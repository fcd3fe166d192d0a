"""The equivalence oracle: was a term like this one seen before?

In order of price: a normal form of commutative and associative operators, and the **value signature**, a hash of the
term's values on random probes. Equality of signatures is a congruence, so it may prune what larger terms are built
from. SymPy's canonical form serves names and cross-checks; it never prunes, since it ignores the guards of total
division.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import torch
from torch import Tensor

from sygus.deferred import sympy
from sygus.language.terms import Literal, Sort, Term, Variable, expand, fold
from sygus.language.theories import Function
from sygus.language.theories.evaluate import evaluate

SMALLEST = 1e-12
"""Probe values below this count as zero, as they do for ``div0``."""

_KEPT_BITS = 20  # of the 52 of a float64's mantissa: relative 1e-6


class Equivalence(StrEnum):
    """What makes two terms alike, from the strictest rule to the weakest but for SymPy's, which is unsound."""

    NONE = "none"
    """Nothing: every term is enumerated and scored."""
    VALUE = "value"
    """Equal value signatures."""
    MAP = "map"
    """Equal value signatures; and terms whose heat maps are equal on all pictures share their score."""
    SCORE = "score"
    """As ``map``; and terms with equal mean scores are not built upon (the published algorithm's rule)."""
    SYMPY = "sympy"
    """Equal canonical forms of SymPy, which ignores the guards of total division. For comparison only: slow."""

    @property
    def is_by_value(self) -> bool:
        """Whether the bank is pruned by value signatures."""
        return self in (Equivalence.VALUE, Equivalence.MAP, Equivalence.SCORE)

    @property
    def is_syntactic(self) -> bool:
        """Whether even mirror images count as different."""
        return self is Equivalence.NONE

    @property
    def shares_scores(self) -> bool:
        """Whether equal heat maps are scored once."""
        return self in (Equivalence.MAP, Equivalence.SCORE, Equivalence.SYMPY)


@dataclass(frozen=True, eq=False)
class Probes:
    """Random values on which terms are told apart.

    Attributes:
        values: each variable's values, float64 (draws, …) as :mod:`sygus.language.theories.function` lays them out.
        shapes: the shape of a value of each sort, draws included.
        size: H, W of the pictures that the values are of.
    """

    values: Mapping[Variable, Tensor]
    shapes: Mapping[Sort, tuple[int, ...]]
    size: tuple[int, int] | None = None

    def evaluate(self, term: Term) -> Tensor:
        """The values of one term, in the shape of its sort."""
        return evaluate(term, self.values, size=self.size).expand(self.shapes[term.sort])

    def signature(self, term: Term) -> int | None:
        """The value signature of one term, None where a value is not finite."""
        keys, finite = signatures(self.evaluate(term)[None])
        return int(keys[0]) if finite[0] else None


def signatures(values: Tensor) -> tuple[Tensor, Tensor]:
    """Hash each row of values: floats rounded to relative 1e-6, integers and booleans as they are.

    Args:
        values: (n, …) float64, int64 or bool.

    Returns:
        keys (n,) int64, equal for equal rows and with overwhelming probability for those alone; and whether each row
        is finite, (n,) bool.
    """
    rows = values.reshape(len(values), -1)
    multipliers = _multipliers(rows.shape[1], rows.device)
    if not rows.is_floating_point():
        return (rows * multipliers).sum(1), torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    dropped = 52 - _KEPT_BITS
    magnitudes = rows.abs()
    bits = rows.contiguous().view(torch.int64) + (1 << (dropped - 1))
    bits.bitwise_right_shift_(dropped).mul_(multipliers).masked_fill_(magnitudes < SMALLEST, 0)
    return bits.sum(1), magnitudes.amax(1).isfinite()


@lru_cache
def _multipliers(count: int, device: torch.device) -> Tensor:
    """Fixed odd random numbers: the sum of products modulo 2⁶⁴ is a universal hash."""
    generator = torch.Generator().manual_seed(0x5EED)
    bound = torch.iinfo(torch.int64).max
    return (torch.randint(-bound, bound, (count,), generator=generator) | 1).to(device)


def normal_form(root: Term) -> str:
    """A text that is equal for terms that differ only by the order and grouping of operands.

    Macros are expanded; operands of commutative functions are sorted, those of associative ones flattened.
    """

    def visit(node: Term, arguments: list[tuple[str, tuple[str, ...]]]) -> tuple[str, tuple[str, ...]]:
        head = node.head
        if not isinstance(head, Function):
            return "", (head.name,)
        operands: list[str] = []
        for name, parts in arguments:
            operands.extend(parts if head.associative and name == head.name else [text(name, parts)])
        if head.commutative:
            operands.sort()
        return head.name, tuple(operands)

    def text(name: str, parts: tuple[str, ...]) -> str:
        return f"({name} {' '.join(parts)})" if name else parts[0]

    return text(*fold(expand(root), visit))


def canonical(root: Term) -> sympy.Expr:
    """SymPy's automatic canonical form, equal for many terms that are equal where no denominator is zero."""

    def visit(node: Term, arguments: list[sympy.Expr]) -> sympy.Expr:
        head = node.head
        if isinstance(head, Function):
            return head.sympy(*arguments)
        if isinstance(head, Literal):
            return _symbolic_literal(head)
        return sympy.Symbol(head.name, real=True)

    return fold(expand(root), visit)


def _symbolic_literal(literal: Literal) -> sympy.Basic:
    """A number where it is one, a truth value, or of a string a symbol that no variable can be named like."""
    if isinstance(literal.value, bool):
        return sympy.sympify(literal.value)
    return sympy.Symbol(literal.name) if isinstance(literal.value, str) else sympy.Rational(str(literal.value))


def symbolic_key(root: Term) -> int:
    """A hash that terms of equal canonical form share."""
    digest = hashlib.sha256(sympy.srepr(canonical(root)).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def syntactic_key() -> Callable[[Term], int]:
    """A key of its own for every term."""
    numbers: dict[Term, int] = {}
    return lambda root: numbers.setdefault(root, len(numbers))
