"""Do all faces of a function say the same? Its kernel and its Z3 form against an independent Python function."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import z3

from sygus.language.terms import Sort
from sygus.language.theories import Function, Theory
from sygus.language.theories.sorts import representation


def seeded(seed: int) -> random.Random:
    """A generator of test cases."""
    return random.Random(seed)  # noqa: S311


def tensors(sorts: Sequence[Sort], points: Sequence[tuple[Any, ...]]) -> list[torch.Tensor]:
    """One tensor per argument, of shape (points,)."""
    held = [representation(sort) for sort in sorts]
    return [torch.tensor([one.encode(point[i]) for point in points], dtype=one.dtype) for i, one in enumerate(held)]


def z3_equals(form: z3.ExprRef, expected: z3.ExprRef) -> bool:
    """Whether a closed form has a value, by simplification or else by a proof."""
    same = z3.simplify(form == expected)
    if z3.is_true(same) or z3.is_false(same):
        return z3.is_true(same)
    solver = z3.Solver()
    solver.set("timeout", 2000)
    solver.add(z3.Not(same))
    return bool(solver.check() == z3.unsat)


def check_agreement(
    theory: Theory,
    name: str,
    sorts: tuple[Sort, ...],
    points: Sequence[tuple[Any, ...]],
    reference: Callable[..., Any],
    *,
    indices: tuple[int | str, ...] = (),
    result: Sort,
    proved: int = 25,
) -> Function:
    """Assert that kernel (on all points, both libraries) and Z3 form (on the first ``proved``) equal the reference."""
    resolved = theory.resolve(name, sorts, indices)
    assert resolved is not None, (name, sorts, indices)
    function, sort = resolved
    assert sort == result
    assert theory.resolve(name, sorts, indices) == (function, sort)
    held = representation(sort)
    values = function.kernel(*tensors(sorts, points))
    assert values.dtype == held.dtype
    expected = [held.encode(reference(*point)) for point in points]
    for point, value, wanted in zip(points, values.expand(len(points)).tolist(), expected, strict=True):
        assert value == wanted, (name, indices, point, value, wanted)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # as tensors, silently
        arrays = function.kernel(*(tensor.numpy() for tensor in tensors(sorts, points)))
    assert arrays.dtype == held.number
    np.testing.assert_array_equal(np.broadcast_to(arrays, len(points)), values.expand(len(points)).numpy())
    for point in points[:proved]:
        arguments = [representation(s).z3_value(v) for s, v in zip(sorts, point, strict=True)]
        form = function.z3(None, *arguments)
        wanted = held.z3_value(reference(*point))
        assert z3_equals(form, wanted), (name, indices, point, form, wanted)
    return function
