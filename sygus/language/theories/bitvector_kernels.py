"""Kernels of bit-vectors of width n.

Up to 64 bits a value is the pattern of its n bits, zero-extended, in an int64; for n = 64 the sign bit is the highest
of the pattern. A wider one is held as the integer of its pattern is, see :mod:`sygus.language.theories.large`, and
computed with as an array of Python's own integers. Every kernel takes the width first and gives patterns again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from sygus.deferred import numpy as np
from sygus.language.theories import large
from sygus.language.theories.libraries import array_library, by_numpy, converted, each, truncated_quotient

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array = Any
"""A tensor or an array of NumPy's."""

WORD = 64
_LOWEST = -(1 << 63)


def held(width: int, pattern: int) -> int:
    """The number that tensors hold for a pattern."""
    if width > WORD:
        return large.held(pattern)
    return pattern - (1 << WORD) if pattern >> (WORD - 1) else pattern


def meant(width: int, number: int) -> int:
    """The pattern that a number of a tensor is held for."""
    return large.meant(number) if width > WORD else number % (1 << width)


def on_patterns(compute: Callable[..., Array], widths: tuple[int, ...], result: int) -> Callable[..., Array]:
    """The kernel of a function of bit-vectors, from what computes it on arrays of int64 or of Python's own integers.

    Args:
        compute: the function.
        widths: of the arguments.
        result: the width of the result; 0 of a Bool.
    """
    if max(*widths, result) <= WORD:
        return compute

    def opened(array: NDArray[Any], width: int) -> NDArray[Any]:
        found: NDArray[Any] = each(partial(meant, width), np.atleast_1d(array), object)
        return found

    @by_numpy
    def kernel(*arguments: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = compute(*map(opened, arguments, widths))
        shape = np.broadcast_shapes(*(array.shape for array in arguments))
        if not result:
            return found.reshape(shape)
        found = each(lambda pattern: held(result, int(pattern) % (1 << result)), found, np.int64)
        return found.reshape(shape)

    return kernel


def mask(width: int) -> int:
    """The pattern of all ones, as an int64 holds it, or as Python's integer."""
    return -1 if width == WORD else (1 << width) - 1


def signed(width: int, a: Array) -> Array:
    """The two's complement value of a pattern; that of 64 bits is an int64's own."""
    return a if width == WORD else _signed(width, a)


def wrap(width: int, a: Array) -> Array:
    """The lowest bits."""
    return a if width == WORD else a & mask(width)


def below(width: int, a: Array, b: Array) -> Array:
    """Unsigned a < b."""
    return (a ^ _LOWEST) < (b ^ _LOWEST) if width == WORD else a < b


def quotient(width: int, a: Array, b: Array) -> Array:
    """Unsigned quotient; all ones where b is 0."""
    library = array_library(a, b)
    divisor = library.where(b <= 0, 1, b)
    if width != WORD:
        found = truncated_quotient(a, divisor)
    else:  # halve, divide as signed numbers, and mend the last bit; a divisor with the top bit fits once or not at all
        found = truncated_quotient(_halved(a), divisor) << 1
        found = found + converted(~below(width, a - found * divisor, divisor), "int64")
        found = library.where(b < 0, converted(~below(width, a, b), "int64"), found)
    return library.where(b == 0, mask(width), found)


def remainder(width: int, a: Array, b: Array) -> Array:
    """Unsigned remainder; a where b is 0."""
    return wrap(width, a - quotient(width, a, b) * b)


def signed_quotient(width: int, a: Array, b: Array) -> Array:
    """Quotient rounded towards zero; of division by zero 1 for negative a, else -1."""
    found = quotient(width, _magnitude(width, a), _magnitude(width, b))
    return _negated_where(width, _negative(width, a) ^ _negative(width, b), found)


def signed_remainder(width: int, a: Array, b: Array) -> Array:
    """Remainder with the sign of a; a where b is 0."""
    found = remainder(width, _magnitude(width, a), _magnitude(width, b))
    return _negated_where(width, _negative(width, a), found)


def signed_modulo(width: int, a: Array, b: Array) -> Array:
    """Remainder with the sign of b; a where b is 0."""
    found = signed_remainder(width, a, b)
    other_sign = (found != 0) & (_negative(width, found) ^ _negative(width, b))
    return array_library(a, b).where(other_sign, wrap(width, found + b), found)


def shift_left(width: int, a: Array, b: Array) -> Array:
    """Times 2ᵇ; 0 where b is the width or more."""
    library = array_library(a, b)
    outside = ~_inside(width, b)
    return library.where(outside, 0, wrap(width, a << library.where(outside, 0, b)))


def shift_right(width: int, a: Array, b: Array) -> Array:
    """Shifted towards the lowest bit, zeros coming in; 0 where b is the width or more."""
    library = array_library(a, b)
    outside = ~_inside(width, b)
    amount = library.where(outside, 0, b)
    shifted = a >> amount
    if width == WORD:
        shifted = library.where(amount == 0, a, _halved(a) >> library.where(amount == 0, 0, amount - 1))
    return library.where(outside, 0, shifted)


def arithmetic_shift_right(width: int, a: Array, b: Array) -> Array:
    """Shifted towards the lowest bit, copies of the sign coming in."""
    amount = array_library(a, b).where(_inside(width, b), b, width - 1)
    return wrap(width, signed(width, a) >> amount)


def extract(width: int, high: int, low: int, a: Array) -> Array:
    """The bits from ``high`` down to ``low``."""
    return wrap(high - low + 1, shift_right(width, a, (a & 0) + low))


def sign_extend(width: int, count: int, a: Array) -> Array:
    """With copies of the sign in front."""
    return wrap(width + count, _signed(width, a)) if count else a


def rotate_left(width: int, count: int, a: Array) -> Array:
    """The bits moved ``count`` places up, those that leave coming in below."""
    up = (a & 0) + count % width
    return shift_left(width, a, up) | shift_right(width, a, width - up)


def _signed(width: int, a: Array) -> Array:
    sign = 1 << (width - 1)
    return (a ^ sign) - sign


def _inside(width: int, b: Array) -> Array:
    """Whether b, as an unsigned number, is less than the width."""
    return (b >= 0) & (b < width)


def _halved(a: Array) -> Array:
    """Unsigned a // 2 of 64 bits."""
    return (a >> 1) & ~_LOWEST


def _negative(width: int, a: Array) -> Array:
    return signed(width, a) < 0


def _magnitude(width: int, a: Array) -> Array:
    return _negated_where(width, _negative(width, a), a)


def _negated_where(width: int, condition: Array, a: Array) -> Array:
    return array_library(a).where(condition, wrap(width, -a), a)
