"""What the type checker rejects, Z3's sort checking rejects too, for every function of the ordinary theories."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
import z3

from sygus.language.terms import BOOL, INT, REAL, REGLAN, STRING, Sort, bit_vector
from sygus.language.theories import find_logic
from sygus.language.theories.arrays import array

SORTS = (BOOL, INT, REAL, STRING, REGLAN, bit_vector(4), bit_vector(8), array(INT, BOOL))
THEORY = find_logic("ALL")
assert THEORY is not None
INDICES: dict[str, tuple[int, ...]] = {
    "extract": (2, 1), "zero_extend": (2,), "sign_extend": (2,), "rotate_left": (1,), "rotate_right": (1,),
    "repeat": (2,), "re.^": (2,), "re.loop": (1, 2),
}  # fmt: skip
NAMES = sorted(THEORY.entries.keys() - {"is", "re.all"})  # Z3 takes any arguments of the constant re.all

DECLARED = "".join(f"(declare-const {'abc'[i]}{j} {sort})" for i in range(3) for j, sort in enumerate(SORTS))


def accepted_by_z3(name: str, sorts: tuple[Sort, ...]) -> bool:
    indices = INDICES.get(name)
    head = f"(_ {name} {' '.join(map(str, indices))})" if indices else name
    arguments = " ".join(f"{'abc'[i]}{SORTS.index(sort)}" for i, sort in enumerate(sorts))
    try:
        z3.parse_smt2_string(f"{DECLARED}(assert (let ((result ({head} {arguments}))) true))")
    except z3.Z3Exception:
        return False
    return True


NUMBERS = {BOOL, INT, REAL}
MORE: dict[str, set[tuple[Sort, ...]]] = {
    "=": {(REGLAN, REGLAN)},  # of the standard too; no kernel decides it
    "distinct": {(REGLAN, REGLAN)},
    "str.indexof": {(STRING, STRING)},
    "re.loop": {(REGLAN, INT)},
    "select": {(array(INT, BOOL), REAL)},
}
"""What Z3 takes beyond SMT-LIB, or beyond what is available here."""


def lenient(name: str, sorts: tuple[Sort, ...]) -> bool:
    """Whether Z3 is known to take more: it converts truth values and numbers, and takes one argument for several."""
    return set(sorts) <= NUMBERS or len(sorts) == 1 or sorts in MORE.get(name, ())


def arguments() -> Iterator[tuple[Sort, ...]]:
    for arity in (1, 2):
        yield from product(SORTS, repeat=arity)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_rejected_here_is_rejected_by_z3(name: str) -> None:
    assert THEORY is not None
    indices = INDICES.get(name, ())
    rejected = [s for s in arguments() if THEORY.resolve(name, s, indices) is None and not lenient(name, s)]
    assert rejected
    assert [sorts for sorts in rejected if accepted_by_z3(name, sorts)] == []
