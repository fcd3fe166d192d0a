"""Which library a value of a kernel belongs to, and what NumPy and torch do alike.

Kernels of the ordinary theories serve torch's tensors and NumPy's arrays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from sygus.deferred import numpy as np

ROUNDING = 1e-9
"""Numbers closer than this, or than this share of the smaller, differ by rounding."""


def array_library(*values: Any) -> Any:
    """Torch's where one of the values is a tensor, else NumPy's; torch is not imported to find out."""
    known = sys.modules.get("torch")
    if known is not None and any(isinstance(value, known.Tensor) for value in values):
        return known
    return np


def by_numpy(compute: Callable[..., Any]) -> Callable[..., Any]:
    """What computes on NumPy's arrays, on tensors as well."""

    @wraps(compute)
    def kernel(*arguments: Any) -> Any:
        library = array_library(*arguments)
        if library is np:
            return compute(*map(np.asarray, arguments))
        tensors = [a for a in arguments if isinstance(a, library.Tensor)]
        found = compute(*(a.cpu().numpy() if isinstance(a, library.Tensor) else np.asarray(a) for a in arguments))
        return library.from_numpy(found).to(tensors[0].device)

    return kernel


def each(compute: Callable[[Any], Any], array: Any, dtype: Any) -> Any:
    """An array of NumPy's with what a function makes of each number of one by itself, as Python has it.

    Args:
        compute: the function.
        array: of NumPy's.
        dtype: of the results.
    """
    found = np.empty(array.shape, dtype)
    found.reshape(-1)[:] = [compute(number) for number in array.reshape(-1).tolist()]
    return found


def converted(a: Any, dtype: str) -> Any:
    """With numbers of this type, named as torch and NumPy both name it; exact numbers stay as they are."""
    library = array_library(a)
    if library is np:
        return a if exact(a) else a.astype(dtype)
    return a.to(getattr(library, dtype))


def exact(a: Any) -> bool:
    """Whether a value is an array of Python's own numbers, which are neither rounded nor wrapped."""
    return array_library(a) is np and np.asarray(a).dtype.kind == "O"


def rounded(*values: Any) -> bool:
    """Whether one of the values is NumPy's floats."""
    return array_library(*values) is np and any(np.asarray(value).dtype.kind == "f" for value in values)


def same(a: Any, b: Any) -> Any:
    """Where values are equal; NumPy's floats, which hold the reals of ordinary problems, up to rounding.

    0.7 + 0.1 + 0.1 is no other real than 0.9. What is taken for the same wrongly, Z3 finds when it checks the answer.
    """
    if not rounded(a, b):
        return a == b
    with np.errstate(all="ignore"):
        return (a == b) | (abs(a - b) <= ROUNDING * np.maximum(1, np.minimum(abs(a), abs(b))))


def truncated_quotient(a: Any, b: Any) -> Any:
    """The quotient of integers rounded towards zero; ``b`` is nowhere 0."""
    library = array_library(a, b)
    if library is not np:
        return library.div(a, b, rounding_mode="trunc")
    with np.errstate(over="ignore"):  # of the lowest integer by -1, which wraps as in torch
        below = np.floor_divide(a, b)
    inexact = (below * b != a) & ((a < 0) ^ (b < 0))
    return below + inexact
