"""The value of a term on tensors."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch

from sygus.terms import Definition, Literal, Term, expand, fold
from sygus.theories.function import Function

Environment = Mapping[Any, torch.Tensor]
"""Heads (variables, holes, …) to their values; a missing head is a KeyError, an error of ours."""


def evaluate(root: Term, environment: Environment, memo: dict[Term, torch.Tensor] | None = None) -> torch.Tensor:
    """Evaluate by the functions' torch kernels; a ``memo`` shares sub-terms between calls on one environment."""
    some = next(iter(environment.values()), torch.zeros(()))

    def visit(node: Term, arguments: list[torch.Tensor]) -> torch.Tensor:
        head = node.head
        if isinstance(head, Function):
            return head.kernel(*arguments)
        if isinstance(head, Literal):
            return _literal(head, some)
        if isinstance(head, Definition):
            return evaluate(expand(head.body), dict(zip(head.parameters, arguments, strict=True)))
        return environment[head]

    return fold(root, visit, memo)


def _literal(literal: Literal, like: torch.Tensor) -> torch.Tensor:
    value = literal.value
    if isinstance(value, Fraction | int) and not isinstance(value, bool):
        return torch.full((1, 1, 1), float(value), dtype=like.dtype, device=like.device)
    return torch.full((1, 1, 1), bool(value), device=like.device)
