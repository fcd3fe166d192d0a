"""Bit-vectors: every entry, at small and at the largest widths, against Python's integers and against Z3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agreement import check_agreement, seeded
from sygus.language.terms import BOOL, INT, Sort, bit_vector
from sygus.language.theories import Function
from sygus.language.theories.bitvectors import BITVECTORS, WIDEST

WIDTHS = (1, 2, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 256)


def patterns(width: int, arity: int, count: int = 150) -> list[tuple[int, ...]]:
    """Random patterns with many edges, small numbers and equal arguments among them."""
    generator = seeded(width)
    top = 1 << width
    edges = [0, 1, top - 1, top >> 1, (top >> 1) - 1, min(3, top - 1), min(width, top - 1)]

    def draw() -> int:
        kind = generator.random()
        return generator.choice(edges) if kind < 0.4 else generator.randrange(min(top, 70) if kind < 0.6 else top)

    drawn = [tuple(draw() for _ in range(arity)) for _ in range(count)]
    return [(a,) * arity for a in edges[:2]] + drawn


def signed(width: int, a: int) -> int:
    return a - (1 << width) if a >> (width - 1) else a


def truncated(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def bvudiv(n: int, a: int, b: int) -> int:
    return (1 << n) - 1 if b == 0 else a // b


def bvsdiv(n: int, a: int, b: int) -> int:
    a, b = signed(n, a), signed(n, b)
    if b == 0:
        return 1 if a < 0 else -1
    return truncated(a, b)


def bvsrem(n: int, a: int, b: int) -> int:
    a, b = signed(n, a), signed(n, b)
    return a if b == 0 else a - b * truncated(a, b)


def bvsmod(n: int, a: int, b: int) -> int:
    a, b = signed(n, a), signed(n, b)
    return a if b == 0 else a % b


Reference = Callable[..., int | bool]

ALIKE: dict[str, tuple[int, Reference]] = {
    "bvnot": (1, lambda _, a: ~a),
    "bvneg": (1, lambda _, a: -a),
    "bvand": (2, lambda _, a, b: a & b),
    "bvor": (2, lambda _, a, b: a | b),
    "bvxor": (2, lambda _, a, b: a ^ b),
    "bvnand": (2, lambda _, a, b: ~(a & b)),
    "bvnor": (2, lambda _, a, b: ~(a | b)),
    "bvxnor": (2, lambda _, a, b: ~(a ^ b)),
    "bvadd": (2, lambda _, a, b: a + b),
    "bvsub": (2, lambda _, a, b: a - b),
    "bvmul": (2, lambda _, a, b: a * b),
    "bvudiv": (2, bvudiv),
    "bvurem": (2, lambda _, a, b: a if b == 0 else a % b),
    "bvsdiv": (2, bvsdiv),
    "bvsrem": (2, bvsrem),
    "bvsmod": (2, bvsmod),
    "bvshl": (2, lambda n, a, b: a << b if b < n else 0),
    "bvlshr": (2, lambda n, a, b: a >> b if b < n else 0),
    "bvashr": (2, lambda n, a, b: signed(n, a) >> min(b, n)),
}
PREDICATES: dict[str, Reference] = {
    "bvult": lambda _, a, b: a < b,
    "bvule": lambda _, a, b: a <= b,
    "bvugt": lambda _, a, b: a > b,
    "bvuge": lambda _, a, b: a >= b,
    "bvslt": lambda n, a, b: signed(n, a) < signed(n, b),
    "bvsle": lambda n, a, b: signed(n, a) <= signed(n, b),
    "bvsgt": lambda n, a, b: signed(n, a) > signed(n, b),
    "bvsge": lambda n, a, b: signed(n, a) >= signed(n, b),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ALIKE)
def test_functions_of_one_width(name: str, width: int) -> None:
    arity, reference = ALIKE[name]
    sort = bit_vector(width)
    check_agreement(
        BITVECTORS,
        name,
        (sort,) * arity,
        patterns(width, arity),
        lambda *xs: reference(width, *xs) % (1 << width),
        result=sort,
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PREDICATES)
def test_predicates(name: str, width: int) -> None:
    sort = bit_vector(width)
    reference = PREDICATES[name]
    check_agreement(
        BITVECTORS, name, (sort, sort), patterns(width, 2), lambda a, b: reference(width, a, b), result=BOOL
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_comparison_to_a_bit(width: int) -> None:
    sort = bit_vector(width)
    check_agreement(
        BITVECTORS, "bvcomp", (sort, sort), patterns(width, 2), lambda a, b: int(a == b), result=bit_vector(1)
    )


@pytest.mark.parametrize("name", ["bvand", "bvor", "bvxor", "bvadd", "bvmul"])
def test_more_arguments(name: str) -> None:
    sort, reference = bit_vector(8), ALIKE[name][1]

    def folded(a: int, b: int, c: int) -> int:
        return reference(8, reference(8, a, b), c) % 256

    check_agreement(BITVECTORS, name, (sort,) * 3, patterns(8, 3), folded, result=sort)


@pytest.mark.parametrize(
    "widths",
    [(1, 1), (8, 8), (1, 63), (60, 4), (32, 32), (3, 4, 5), (1, 64), (64, 64), (64, 63), (65, 7, 64), (128, 128)],
)
def test_concatenation(widths: tuple[int, ...]) -> None:
    generator = seeded(3)
    points = [tuple(generator.randrange(1 << width) for width in widths) for _ in range(100)]

    def join(*values: int) -> int:
        found = 0
        for width, value in zip(widths, values, strict=True):
            found = found << width | value
        return found

    sorts = tuple(map(bit_vector, widths))
    check_agreement(BITVECTORS, "concat", sorts, points, join, result=bit_vector(sum(widths)))


def rotated(width: int, a: int, count: int) -> int:
    digits = f"{a:0{width}b}"
    count %= width
    return int(digits[count:] + digits[:count], 2)


INDEXED: list[tuple[str, int, tuple[int, ...], int, Reference]] = [
    *[("extract", n, (i, j), i - j + 1, lambda a, n=n, i=i, j=j: int(f"{a:0{n}b}"[n - 1 - i : n - j], 2))
      for n, i, j in [(8, 7, 0), (8, 3, 3), (8, 6, 2), (64, 63, 0), (64, 63, 63), (64, 63, 32), (64, 31, 0),
                      (65, 64, 0), (65, 63, 0), (65, 64, 1), (65, 64, 64), (128, 127, 64), (256, 200, 100)]],
    *[("zero_extend", n, (k,), n + k, lambda a: a) for n, k in [(8, 0), (8, 8), (32, 32), (1, 63), (64, 0),
                   (64, 1), (65, 0), (7, 249), (128, 128)]],
    *[("sign_extend", n, (k,), n + k, lambda a, n=n, k=k: signed(n, a) % (1 << (n + k)))
      for n, k in [(8, 0), (8, 8), (32, 32), (1, 63), (64, 0), (7, 3),
                   (64, 1), (63, 2), (65, 0), (7, 249), (128, 128)]],
    *[("rotate_left", n, (k,), n, lambda a, n=n, k=k: rotated(n, a, k))
      for n, k in [(1, 0), (1, 5), (8, 0), (8, 3), (8, 8), (8, 11), (64, 1), (64, 63), (63, 30),
                   (65, 0), (65, 64), (65, 700), (256, 100)]],
    *[("rotate_right", n, (k,), n, lambda a, n=n, k=k: rotated(n, a, -k))
      for n, k in [(1, 0), (8, 0), (8, 3), (8, 8), (8, 11), (64, 1), (64, 63), (63, 30),
                   (65, 0), (65, 64), (65, 700), (256, 100)]],
    *[("repeat", n, (k,), n * k, lambda a, n=n, k=k: int(f"{a:0{n}b}" * k, 2))
      for n, k in [(8, 1), (8, 2), (1, 64), (16, 4), (64, 1), (7, 9), (64, 2), (1, 65), (13, 10), (65, 3)]],
]  # fmt: skip


@pytest.mark.parametrize("entry", INDEXED, ids=lambda e: f"{e[0]}-{e[1]}-{'-'.join(map(str, e[2]))}")
def test_indexed(entry: tuple[str, int, tuple[int, ...], int, Reference]) -> None:
    name, width, indices, result, reference = entry
    function = check_agreement(
        BITVECTORS,
        name,
        (bit_vector(width),),
        patterns(width, 1),
        reference,
        indices=indices,
        result=bit_vector(result),
    )
    assert function.name == f"(_ {name} {' '.join(map(str, indices))})"


def test_every_entry_is_tested() -> None:
    tested = {*ALIKE, *PREDICATES, "bvcomp", "concat", *(name for name, *_ in INDEXED)}
    assert set(BITVECTORS.entries) == tested


@pytest.mark.parametrize(
    ("name", "sorts", "indices"),
    [
        ("bvadd", (bit_vector(8), bit_vector(9)), ()),
        ("bvadd", (bit_vector(8),), ()),
        ("bvsub", (bit_vector(8),) * 3, ()),
        ("bvnot", (bit_vector(8),) * 2, ()),
        ("bvadd", (INT, INT), ()),
        ("bvadd", (bit_vector(8),) * 2, (1,)),
        ("bvult", (bit_vector(8), BOOL), ()),
        ("concat", (bit_vector(WIDEST), bit_vector(1)), ()),
        ("concat", (bit_vector(60),), ()),
        ("extract", (bit_vector(8),), (8, 0)),
        ("extract", (bit_vector(8),), (2, 3)),
        ("extract", (bit_vector(8),), (2,)),
        ("extract", (bit_vector(8),), ("i", "j")),
        ("extract", (INT,), (1, 0)),
        ("zero_extend", (bit_vector(8),), (WIDEST - 7,)),
        ("repeat", (bit_vector(8),), (0,)),
        ("repeat", (bit_vector(8),), (WIDEST // 8 + 1,)),
        ("rotate_left", (bit_vector(8),), ()),
    ],
)
def test_ill_sorted(name: str, sorts: tuple[Sort, ...], indices: tuple[Any, ...]) -> None:
    assert BITVECTORS.resolve(name, sorts, indices) is None


def test_one_function_for_each_width() -> None:
    """Terms are equal only if their heads are the same object."""

    def member(width: int) -> Function:
        resolved = BITVECTORS.resolve("bvadd", (bit_vector(width),) * 2)
        assert resolved is not None
        return resolved[0]

    assert member(8) is member(8)
    assert member(8) is not member(16)


def test_sorts() -> None:
    family = BITVECTORS.families["BitVec"]
    assert family.make((WIDEST,), ()) == bit_vector(WIDEST)
    for indices in [(0,), (WIDEST + 1,), (), (1, 2), ("n",)]:
        assert family.make(indices, ()) is None
    assert family.make((8,), (INT,)) is None
