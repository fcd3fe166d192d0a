"""Integers of any size in tensors of 64 bits.

A small integer is held as itself; a large one as :data:`SMALL` and its place in a table that only grows, so equal
integers are held by equal numbers. Functions compute on small integers as they would without that, and on those that
are large, or may become so, one by one with Python's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, Any

from sygus.deferred import numpy as np
from sygus.errors import TooLargeError
from sygus.language.theories.libraries import array_library, by_numpy, each, exact, rounded
from sygus.language.theories.tables import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL = 1 << 62
"""Integers of a smaller magnitude are held as themselves."""

MOST_BITS = 1 << 16
"""Bits of an integer that is computed."""

_LARGE: Table[int] = Table()

Array = Any
"""A tensor or an array of NumPy's."""


def held(value: int) -> int:
    """The number that tensors hold for an integer."""
    return value if -SMALL < value < SMALL else SMALL + _LARGE.number(value)


def meant(number: int) -> int:
    """The integer that a number of a tensor is held for."""
    return number if number < SMALL else _LARGE.value(number - SMALL)


def large_count() -> int:
    """How many integers the table holds."""
    return len(_LARGE)


def opened(array: Array) -> NDArray[Any]:
    """An array of the integers that an array of NumPy's holds, as Python's own; of what holds none, unchanged."""
    if array.dtype.kind != "i":
        return np.asarray(array)
    found: NDArray[Any] = each(meant, array, object)
    return found


def closed(integers: Sequence[int] | NDArray[Any]) -> list[int]:
    """The numbers that tensors hold for Python's integers."""
    return [held(int(integer)) for integer in integers]


def on_integers(compute: Callable[..., Any], *, product: bool = False) -> Callable[..., Any]:
    """The kernel of a function of integers, perhaps of other numbers besides.

    Args:
        compute: on tensors and arrays, as if no integer were large, and on arrays of Python's own integers. No result
            that is a number may be larger than the arguments' magnitudes together and three more.
        product: results may be as large as the product of the magnitudes.

    Returns:
        A function that raises TooLargeError where an integer has more than :data:`MOST_BITS` bits.
    """

    def on_arrays(*arguments: Array) -> Array:
        """Computed in one go, and what may be wrong again by itself."""
        arrays = np.broadcast_arrays(*map(np.asarray, arguments))
        columns = [array.reshape(-1) for array in arrays]
        if rounded(*columns):
            return compute(*map(to_float, arrays))
        found = np.atleast_1d(compute(*columns))
        bounds = [abs(column.astype(np.float64)) for column in columns if column.dtype.kind == "i"]
        places = np.flatnonzero(reduce(mul if product else np.add, bounds) >= SMALL / 2)
        chosen = [opened(column[places]) for column in columns]
        _check(chosen, product=product)
        values = compute(*chosen)
        found[places] = values if found.dtype == bool else closed(values)
        return found.reshape(arrays[0].shape)

    slowly = by_numpy(on_arrays)

    def kernel(*arguments: Array) -> Array:
        bound = int(product)
        for argument in arguments:
            magnitude = _magnitude(argument)
            if not magnitude and exact(argument):
                _check(arguments, product=product)
                return compute(*arguments)
            bound = bound * magnitude if product else bound + magnitude
        return compute(*arguments) if bound < SMALL // 2 else slowly(*arguments)

    return kernel


def compared(compute: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a relation of numbers, from what computes it as if no integer were large."""
    slowly = on_integers(compute)
    return lambda *arguments: slowly(*arguments) if len(_LARGE) else compute(*arguments)


def to_float(a: Array) -> Array:
    """Integers as floats, infinite where they are too large; exact numbers stay as they are, and so do floats."""
    library = array_library(a)
    if library is not np:
        if a.is_floating_point():
            return a
        return _to_float(a) if _magnitude(a) >= SMALL else a.to(library.float64)
    a = np.asarray(a)
    if a.dtype.kind != "i":
        return a
    return _to_float(a) if _magnitude(a) >= SMALL else a.astype(np.float64)


def to_integer(a: Array) -> Array:
    """Whole floats as integers, 0 where they are infinite; exact numbers stay as they are."""
    if exact(a):
        return a
    library = array_library(a)
    if bool((abs(a) < SMALL).all()):
        return a.astype(np.int64) if library is np else a.to(library.int64)
    return _to_integer(a)


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


@by_numpy
def _to_float(a: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = each(lambda number: _float(meant(number)), a, np.float64)
    return found


@by_numpy
def _to_integer(a: NDArray[Any]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = each(lambda number: held(int(number) if math.isfinite(number) else 0), a, np.int64)
    return found


def _magnitude(a: Array) -> int:
    """Of the largest number held by an array of integers; 0 of what holds none."""
    if a.dtype == np.int64:  # of few numbers, finding their place takes less time than a reduction
        return max(a.item(a.argmax()), -a.item(a.argmin())) if a.size else 0
    if array_library(a) is np or a.is_floating_point() or not a.numel():
        return 0
    return max(int(a.max()), -int(a.min()))


def _check(arrays: Sequence[Array], *, product: bool) -> None:
    """Refuse integers that would take too long to compute with.

    Raises:
        TooLargeError: results may have more than :data:`MOST_BITS` bits.
    """
    bits = [
        max((number.bit_length() for number in array.reshape(-1).tolist() if isinstance(number, int)), default=0)
        for array in map(np.asarray, arrays)
    ]
    most = sum(bits) if product else max(bits, default=0)
    if most > MOST_BITS:
        raise TooLargeError(f"an integer of {most} bits is not computed", f"at most {MOST_BITS} are")
