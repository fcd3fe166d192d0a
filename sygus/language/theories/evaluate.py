"""The value of a term on tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from sygus.deferred import torch
from sygus.language.terms import Literal, Term, expand, fold
from sygus.language.theories.function import Function
from sygus.language.theories.sorts import representation

Environment: TypeAlias = "Mapping[Any, torch.Tensor]"
"""Heads (variables, holes, …) to their values; a missing head is a KeyError, an error of ours."""


def evaluate(
    root: Term,
    environment: Environment,
    memo: dict[Term, torch.Tensor] | None = None,
    *,
    size: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Evaluate by the functions' torch kernels.

    Macros are expanded first, so what they do not use of their arguments is not looked at.
    Literals have no dimensions; those of sort Real have the environment's floating type.

    Args:
        root: the term.
        environment: what its variables stand for.
        memo: shares sub-terms between calls on one environment.
        size: H, W of the pictures, for the functions of CAM that ask for it.

    Raises:
        ValueError: a function asks for the size, and there is none.
    """
    floats = (value.dtype for value in environment.values() if value.is_floating_point())
    real = next(floats, torch.float64)
    device = next((value.device for value in environment.values()), torch.device("cpu"))

    def visit(node: Term, arguments: list[torch.Tensor]) -> torch.Tensor:
        head = node.head
        if isinstance(head, Function):
            return head.value(arguments, size) if arguments else torch.as_tensor(head.kernel())
        if isinstance(head, Literal):
            held = representation(head.sort)
            dtype = real if held.dtype.is_floating_point else held.dtype
            return torch.tensor(held.encode(head.value), dtype=dtype, device=device)
        return environment[head]

    return fold(expand(root), visit, memo)
