"""Between integers and bit-vectors: every entry, at small and at the largest widths, and in problems."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import sygus
from agreement import check_agreement, seeded
from sygus.app.ordinary import OrdinaryResult
from sygus.language.elaborate import load_problem
from sygus.language.terms import BOOL, INT, Sort, bit_vector
from sygus.language.theories import find_logic
from sygus.language.theories.conversions import CONVERSIONS

ALL = find_logic("ALL")
assert ALL is not None
WIDTHS = (1, 2, 7, 8, 32, 61, 62, 63, 64, 65, 127, 256)


def signed(width: int, a: int) -> int:
    return a - (1 << width) if a >> (width - 1) else a


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("name", "value"), [("ubv_to_int", lambda _, a: a), ("bv2nat", lambda _, a: a), ("sbv_to_int", signed)]
)
def test_to_integers(name: str, value: Callable[[int, int], int], width: int) -> None:
    generator, top = seeded(width), 1 << width
    patterns = [(a % top,) for a in (0, 1, top - 1, top >> 1, (top >> 1) - 1)]
    patterns += [(generator.randrange(top),) for _ in range(60)]
    check_agreement(ALL, name, (bit_vector(width),), patterns, lambda a: value(width, a), result=INT)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["int_to_bv", "int2bv", "nat2bv"])
def test_from_integers(name: str, width: int) -> None:
    generator = seeded(width)
    drawn = [(0,), (1,), (-1,), (2**63 - 1,), (-(2**63),), (1 << (width - 1),), (-(1 << width) - 1,), (10**90,)]
    drawn += [(generator.randint(-300, 300),) for _ in range(60)]
    function = check_agreement(
        ALL, name, (INT,), drawn, lambda a: a % (1 << width), indices=(width,), result=bit_vector(width)
    )
    assert function.name == f"(_ int_to_bv {width})"


def test_every_entry_is_tested() -> None:
    assert set(CONVERSIONS.entries) == {"ubv_to_int", "sbv_to_int", "int_to_bv"}
    assert set(CONVERSIONS.aliases) == {"bv2nat", "bv2int", "int2bv", "nat2bv"}


@pytest.mark.parametrize(
    ("name", "sorts", "indices"),
    [
        ("ubv_to_int", (INT,), ()),
        ("ubv_to_int", (bit_vector(8), bit_vector(8)), ()),
        ("sbv_to_int", (bit_vector(8),), (8,)),
        ("int_to_bv", (INT,), ()),
        ("int_to_bv", (INT,), (0,)),
        ("int_to_bv", (INT,), ("n",)),
        ("int_to_bv", (BOOL,), (8,)),
        ("int2bv", (bit_vector(8),), (8,)),
    ],
)
def test_ill_sorted(name: str, sorts: tuple[Sort, ...], indices: tuple[int | str, ...]) -> None:
    assert CONVERSIONS.resolve(name, sorts, indices) is None


@pytest.mark.parametrize("logic", ["ALL", "BVLIA", "QF_UFBVLIA", "BVSLIA", "ABVNIRA"])
def test_logics_with_both_have_them(logic: str) -> None:
    load_problem(
        f"(set-logic {logic})(synth-fun f () Int)(constraint (= f (bv2nat ((_ int2bv 4) f))))(check-synth)", "test"
    )


def solved(text: str) -> OrdinaryResult:
    result = sygus.solve(text, time=20, certify=True)
    assert isinstance(result, OrdinaryResult)
    return result


PROBLEMS = {
    "an unsigned number of a grammar": (
        """(set-logic ALL) (synth-fun f ((x (_ BitVec 64))) Int
          ((I Int) (V (_ BitVec 64))) ((I Int (0 1 (+ I I) (ubv_to_int V))) (V (_ BitVec 64) (x (bvnot V)))))
        (declare-var x (_ BitVec 64))
        (constraint (= (f x) (+ 1 (bv2nat x)))) (check-synth)""",
        [((0,), 1), ((2**63,), 2**63 + 1), ((2**64 - 1,), 2**64)],
    ),
    "a signed number without a grammar": (
        """(set-logic ALL) (synth-fun f ((x (_ BitVec 8))) Int) (declare-var x (_ BitVec 8))
        (constraint (= (f x) (+ 1 (sbv_to_int x)))) (check-synth)""",
        [((255,), 0), ((128,), -127), ((127,), 128)],
    ),
    "bits of a number": (
        """(set-logic ALL) (synth-fun f ((n Int)) (_ BitVec 64)
          ((V (_ BitVec 64)) (I Int)) ((V (_ BitVec 64) (((_ int2bv 64) I) (bvnot V))) (I Int (n 1 (+ I I) (- I)))))
        (declare-var n Int) (constraint (= (f n) ((_ nat2bv 64) (- (* 2 n) 1)))) (check-synth)""",
        [((0,), 2**64 - 1), ((2**70 + 3,), 5), ((-1,), 2**64 - 3)],
    ),
    "both ways": (
        """(set-logic ALL) (synth-fun f ((n Int)) Int
          ((I Int) (V (_ BitVec 8))) ((I Int (n (ubv_to_int V))) (V (_ BitVec 8) (((_ int_to_bv 8) I)))))
        (declare-var n Int) (constraint (= (f n) (mod n 256))) (check-synth)""",
        [((300,), 44), ((-1,), 255), ((2**80,), 0)],
    ),
    "divisibility": (
        """(set-logic LIA) (synth-fun f ((n Int)) Bool
          ((B Bool) (I Int))
          ((B Bool (((_ divisible 3) I) (not B) (and B B) ((_ divisible 2) I))) (I Int (n 1 (+ I I)))))
        (declare-var n Int) (constraint (= (f n) (= (mod n 6) 2))) (check-synth)""",
        [((8,), True), ((2**70,), (2**70) % 6 == 2), ((-4,), True), ((6,), False)],
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems(name: str) -> None:
    """Answers read back, and compute with numbers of any size."""
    text, values = PROBLEMS[name]
    result = solved(text)
    assert result.certified, result.notes
    for arguments, expected in values:
        assert result.function(*arguments) == expected, (result.answer, arguments)


def test_no_bits_make_a_number_that_is_too_large() -> None:
    text = """(set-logic ALL) (synth-fun f ((x (_ BitVec 4))) Int
          ((I Int) (V (_ BitVec 4))) ((I Int ((ubv_to_int V) 3)) (V (_ BitVec 4) (x (bvnot V)))))
        (constraint (= (f #x0) 16)) (check-synth)"""
    assert sygus.solve(text, time=20).answer == "infeasible"
