"""Kernels of bit-vectors of width n ≤ 64.

A value is the pattern of its n bits, zero-extended, in an int64; for n = 64 the sign bit is the highest of the
pattern. Every kernel takes the width first and gives patterns again.
"""

from __future__ import annotations

from typing import Any

from sygus.language.theories.libraries import array_library, converted, truncated_quotient

Array = Any
"""A tensor or an array of NumPy's."""

WIDEST = 64
_LOWEST = -(1 << 63)


def mask(width: int) -> int:
    """The pattern of all ones, as an int64 holds it."""
    return -1 if width == WIDEST else (1 << width) - 1


def signed(width: int, a: Array) -> Array:
    """The two's complement value of a pattern."""
    unused = WIDEST - width
    return (a << unused) >> unused


def wrap(width: int, a: Array) -> Array:
    """The lowest bits."""
    return a if width == WIDEST else a & mask(width)


def below(width: int, a: Array, b: Array) -> Array:
    """Unsigned a < b."""
    return (a ^ _LOWEST) < (b ^ _LOWEST) if width == WIDEST else a < b


def quotient(width: int, a: Array, b: Array) -> Array:
    """Unsigned quotient; all ones where b is 0."""
    library = array_library(a, b)
    divisor = library.where(b <= 0, 1, b)
    if width < WIDEST:
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
    if width == WIDEST:
        shifted = library.where(amount == 0, a, _halved(a) >> library.where(amount == 0, 0, amount - 1))
    return library.where(outside, 0, shifted)


def arithmetic_shift_right(width: int, a: Array, b: Array) -> Array:
    """Shifted towards the lowest bit, copies of the sign coming in."""
    amount = array_library(a, b).where(_inside(width, b), b, WIDEST - 1)
    return wrap(width, signed(width, a) >> amount)


def extract(width: int, high: int, low: int, a: Array) -> Array:
    """The bits from ``high`` down to ``low``."""
    return wrap(high - low + 1, shift_right(width, a, (a & 0) + low))


def rotate_left(width: int, count: int, a: Array) -> Array:
    """The bits moved ``count`` places up, those that leave coming in below."""
    up = (a & 0) + count % width
    return shift_left(width, a, up) | shift_right(width, a, width - up)


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
