"""Core, Ints and Reals: every entry against Python's integers and fractions, and against Z3."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import sympy
import torch

from agreement import check_agreement, seeded
from sygus.errors import TooLargeError
from sygus.language.terms import BOOL, INT, REAL, REGLAN, Literal, Sort, Variable, leaf, term
from sygus.language.theories import Function, find_logic
from sygus.language.theories.core import CORE
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.function import Latex
from sygus.language.theories.integers import INTEGERS
from sygus.language.theories.large import held, meant
from sygus.language.theories.reals import MIXED, REALS

ALL = find_logic("ALL")
assert ALL is not None
SPECIAL = [0, 1, -1, 2, -2, 7, -7, 2**31, -(2**31)]


def euclid(a: int, b: int) -> tuple[int, int]:
    remainder = a % abs(b)
    return (a - remainder) // b, remainder


def random_number(sort: Sort, generator: random.Random) -> Any:
    if sort == BOOL:
        return generator.random() < 0.5
    if sort == REAL:
        return Fraction(generator.randint(-64, 64), 2 ** generator.randint(0, 4))
    return generator.choice(SPECIAL) if generator.random() < 0.3 else generator.randint(-30, 30)


def points(sorts: tuple[Sort, ...], count: int = 200) -> list[tuple[Any, ...]]:
    generator = seeded(11)
    return [tuple(random_number(sort, generator) for sort in sorts) for _ in range(count)]


def chain(compare: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    return lambda *xs: all(compare(a, b) for a, b in pairwise(xs))


def left(combine: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *xs: reduce(combine, xs)


def distinct(*xs: Any) -> bool:
    return all(a != b for a, b in combinations(xs, 2))


ENTRIES: list[tuple[str, tuple[Sort, ...], Sort, Callable[..., Any]]] = [
    ("not", (BOOL,), BOOL, operator.not_),
    *[("and", (BOOL,) * n, BOOL, lambda *xs: all(xs)) for n in (2, 3)],
    *[("or", (BOOL,) * n, BOOL, lambda *xs: any(xs)) for n in (2, 3)],
    ("=>", (BOOL,) * 2, BOOL, lambda a, b: not a or b),
    ("=>", (BOOL,) * 3, BOOL, lambda a, b, c: not a or (not b or c)),
    *[("xor", (BOOL,) * n, BOOL, lambda *xs: sum(xs) % 2 == 1) for n in (2, 3)],
    *[("=", (s,) * n, BOOL, chain(operator.eq)) for s in (BOOL, INT, REAL) for n in (2, 3)],
    *[("distinct", (s,) * n, BOOL, distinct) for s in (BOOL, INT, REAL) for n in (2, 3)],
    *[("ite", (BOOL, s, s), s, lambda c, a, b: a if c else b) for s in (BOOL, INT, REAL)],
    *[("+", (s,) * n, s, left(operator.add)) for s in (INT, REAL) for n in (2, 3)],
    *[("*", (s,) * n, s, left(operator.mul)) for s in (INT, REAL) for n in (2, 3)],
    *[("-", (s,) * n, s, left(operator.sub)) for s in (INT, REAL) for n in (2, 3)],
    *[("-", (s,), s, operator.neg) for s in (INT, REAL)],
    *[("<", (s,) * n, BOOL, chain(operator.lt)) for s in (INT, REAL) for n in (2, 3)],
    *[("<=", (s,) * n, BOOL, chain(operator.le)) for s in (INT, REAL) for n in (2, 3)],
    *[(">", (s,) * n, BOOL, chain(operator.gt)) for s in (INT, REAL) for n in (2, 3)],
    *[(">=", (s,) * n, BOOL, chain(operator.ge)) for s in (INT, REAL) for n in (2, 3)],
    ("abs", (INT,), INT, abs),
    *[("div", (INT,) * n, INT, left(lambda a, b: euclid(a, b)[0])) for n in (2, 3)],
    ("mod", (INT, INT), INT, lambda a, b: euclid(a, b)[1]),
    ("to_real", (INT,), REAL, Fraction),
    ("to_int", (REAL,), INT, lambda a: a.__floor__()),
    ("is_int", (REAL,), BOOL, lambda a: a.denominator == 1),
]


def identify(entry: Any) -> str:
    return f"{entry[0]}-{'-'.join(map(str, entry[1]))}"


@pytest.mark.parametrize("entry", ENTRIES, ids=identify)
def test_faces_agree(entry: tuple[str, tuple[Sort, ...], Sort, Callable[..., Any]]) -> None:
    name, sorts, result, reference = entry
    drawn = points(sorts)
    if name in ("div", "mod"):
        drawn = [point for point in drawn if all(point[1:])]
    check_agreement(ALL, name, sorts, drawn, reference, result=result)


@pytest.mark.parametrize("name", ["=", "distinct", "<", "<=", ">", ">=", "to_int", "is_int"])
def test_reals_of_ordinary_problems_compare_up_to_rounding(name: str) -> None:
    """Of sums and products of tenths, which floats do not hold: as of fractions."""
    reference = next(compute for entry, sorts, _, compute in ENTRIES if entry == name and REAL in sorts)
    arity = 1 if name in ("to_int", "is_int") else 2
    function = ALL.resolve(name, (REAL,) * arity)
    assert function is not None
    generator = seeded(3)
    tenths = [[Fraction(generator.randint(-30, 30), 10) for _ in range(3)] for _ in range(500)]
    sums = (
        [a + b + 10 * c for a, b, c in tenths],
        [a + (b + 10 * c) + Fraction(step % 3 - 1, 10) for step, (a, b, c) in enumerate(tenths)],
    )
    floats = [np.array([float(a) + float(b) + 10 * float(c) for a, b, c in tenths])]
    floats.append(
        np.array([float(a) + (float(b) + 10 * float(c)) for a, b, c in tenths])
        + [(step % 3 - 1) / 10 for step in range(500)]
    )
    assert (floats[0][1::3] != floats[1][1::3]).any()
    found = function[0].kernel(*floats[:arity]).tolist()
    assert found == [reference(*values) for values in zip(*sums[:arity], strict=True)]


def test_every_entry_is_tested() -> None:
    names = {name for theory in (CORE, INTEGERS, REALS, MIXED) for name in theory.entries}
    assert names == {name for name, *_ in ENTRIES} | {"/", "divisible"}


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 64, 2**40 + 1, 2**62, 2**63 + 5, 10**30])
def test_divisibility(divisor: int) -> None:
    drawn = [*points((INT,)), (divisor,), (-3 * divisor,), (divisor + 1,), (divisor**2,)]
    function = check_agreement(
        ALL, "divisible", (INT,), drawn, lambda a: a % divisor == 0, indices=(divisor,), result=BOOL
    )
    assert function.name == f"(_ divisible {divisor})"
    assert function.latex(Latex("a")).text == rf"{divisor} \mid a"


@pytest.mark.parametrize(
    ("sorts", "indices"), [((INT,), (0,)), ((INT,), ()), ((REAL,), (2,)), ((INT, INT), (2,)), ((INT,), ("n",))]
)
def test_what_divides_nothing(sorts: tuple[Sort, ...], indices: tuple[int | str, ...]) -> None:
    assert ALL.resolve("divisible", sorts, indices) is None


def test_real_division() -> None:
    drawn = [(a, b) for a, b in points((REAL, REAL)) if b in {Fraction(2) ** k for k in range(-4, 7)}]
    check_agreement(ALL, "/", (REAL, REAL), drawn, operator.truediv, result=REAL)


@pytest.mark.parametrize(("name", "arity"), [("div", 2), ("div", 3), ("mod", 2)])
def test_divisors_must_be_proved_nonzero(name: str, arity: int) -> None:
    resolved = ALL.resolve(name, (INT,) * arity)
    assert resolved is not None
    assert resolved[0].nonzero == tuple(range(1, arity))


def test_division_by_zero_is_total_in_the_kernel() -> None:
    """The identity a = b (div a b) + (mod a b) holds even there."""
    a, zero = torch.tensor([5, -5, 0]), torch.tensor(0)
    quotient, remainder = (INTEGERS.resolve(name, (INT, INT)) for name in ("div", "mod"))
    assert quotient is not None
    assert remainder is not None
    assert quotient[0].kernel(a, zero).tolist() == [0, 0, 0]
    assert remainder[0].kernel(a, zero).tolist() == [5, -5, 0]


EDGES = [sign * (2**power + step) for power in (31, 32, 61, 62, 63, 64, 100) for step in (-1, 0, 1) for sign in (1, -1)]


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if INT in entry[1]], ids=identify)
def test_integers_of_any_size_are_exact(entry: tuple[str, tuple[Sort, ...], Sort, Callable[..., Any]]) -> None:
    name, sorts, result, reference = entry
    generator = seeded(7)

    def draw(sort: Sort, place: int) -> Any:
        if sort == BOOL:
            return generator.random() < 0.5
        small = generator.randrange(1, 5) if name in ("div", "mod") and place else generator.randrange(-9, 9)
        return generator.choice([small, generator.choice(EDGES)])

    drawn = [tuple(draw(sort, place) for place, sort in enumerate(sorts)) for _ in range(200)]
    check_agreement(ALL, name, sorts, drawn, reference, result=result)


def test_large_integers_as_reals_and_back() -> None:
    numbers = np.array([held(2**80), held(-(2**62)), 7])
    reals = function("to_real", INT).kernel(numbers)
    assert reals.tolist() == [2.0**80, -(2.0**62), 7.0]
    assert [meant(number) for number in function("to_int", REAL).kernel(reals).tolist()] == [2**80, -(2**62), 7]
    for name, expected in (("<", [False, True, False]), ("=", [True, False, True]), ("distinct", [False, True, False])):
        assert function(name, INT, REAL).kernel(numbers, np.array([2.0**80, 1.0, 7.0])).tolist() == expected


def test_integers_that_would_take_too_long_are_refused() -> None:
    square = function("*", INT, INT)
    number = np.array([held(2**20_000)])
    assert meant(square.kernel(number, number).item()) == 2**40_000
    with pytest.raises(TooLargeError, match="an integer of 120003 bits is not computed"):
        function("*", INT, INT, INT).kernel(*[np.array([held(2**40_000)])] * 3)


@pytest.mark.parametrize(
    ("name", "sorts"),
    [
        ("+", (INT,)),
        ("+", (INT, REAL)),
        ("+", (INT, BOOL)),
        ("-", ()),
        ("div", (INT,)),
        ("div", (REAL, REAL)),
        ("mod", (INT, INT, INT)),
        ("abs", (REAL,)),
        ("/", (INT, INT)),
        ("<", (INT,)),
        ("=", (INT, BOOL)),
        ("=", (REGLAN, REGLAN)),
        ("distinct", (INT,)),
        ("not", (BOOL, BOOL)),
        ("ite", (BOOL, INT, REAL)),
        ("ite", (INT, INT, INT)),
    ],
)
def test_ill_sorted(name: str, sorts: tuple[Sort, ...]) -> None:
    assert ALL.resolve(name, sorts) is None


def test_no_indices() -> None:
    assert ALL.resolve("+", (INT, INT), (1,)) is None
    assert ALL.resolve("div", (INT, INT), (1,)) is None


def function(name: str, *sorts: Sort) -> Function:
    resolved = ALL.resolve(name, sorts)
    assert resolved is not None
    return resolved[0]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("-", ("a", "b + c"), r"a - \left(b + c\right)"),
        ("div", ("a + b", "c"), r"\left(a + b\right) \mathbin{\mathrm{div}} c"),
        ("mod", ("a", "b"), r"a \bmod b"),
        ("<=", ("a", "b"), r"a \le b"),
    ],
)
def test_latex(name: str, arguments: tuple[str, str], expected: str) -> None:
    given = [Latex(text, 0 if " + " in text else 3) for text in arguments]
    assert function(name, INT, INT).latex(*given).text == expected


def test_sympy() -> None:
    x, y = sympy.symbols("x y", real=True)
    assert function("+", INT, INT).sympy(x, x) == 2 * x
    assert function("-", INT, INT).sympy(x, x) == 0
    assert function("xor", BOOL, BOOL).sympy(sympy.true, sympy.true) == sympy.false
    assert function("div", INT, INT).sympy(x, y).func.__name__ == "div"


def test_values_keep_their_dtype() -> None:
    x = Variable("x", INT)
    body = term(function("+", INT, INT), (leaf(x), leaf(Literal(3, INT))), INT)
    values = evaluate(body, {x: torch.tensor([[1, 2], [3, 4]])})
    assert values.dtype == torch.int64
    assert values.tolist() == [[4, 5], [6, 7]]
    small = term(function("<", INT, INT), (body, leaf(x)), BOOL)
    assert evaluate(small, {x: torch.tensor([1, 2])}).dtype == torch.bool
