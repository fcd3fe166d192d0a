"""What is remembered of terms, sorts and proofs has a bound, and what is in use is never made twice."""

from __future__ import annotations

import gc

import pytest

from sygus.language import kept
from sygus.language.elaborate import datatypes, load_problem
from sygus.language.kept import Kept
from sygus.language.terms import _TABLE, INT, REAL, Sort, Variable, bit_vector, function_sort, leaf
from sygus.language.theories import regex, structured
from sygus.language.theories.arrays import constant_array
from sygus.language.theories.calls import call
from sygus.language.theories.logics import find_logic
from sygus.language.theories.sorts import representation, z3_datatype
from sygus.oracles import safety
from sygus.oracles.safety import SafetyOracle


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what nothing uses, 10 results are kept by every table."""
    monkeypatch.setattr(kept, "MOST", 10)


class Made:
    def __init__(self, number: int) -> None:
        self.number = number


@pytest.mark.usefixtures("few")
def test_results_in_use_are_found_again_and_others_have_a_bound() -> None:
    calls: list[int] = []

    def make(number: int) -> Made | None:
        calls.append(number)
        return Made(number) if number >= 0 else None

    table = Kept(make)
    used = table(0)
    assert table(-1) is None
    for number in range(1, 100):
        table(number)
    assert table(0) is used
    assert calls.count(0) == 1
    assert len(table) <= 11
    table(-1)
    table(-1)
    assert calls.count(-1) == 2


def test_terms_that_nothing_uses_are_gone() -> None:
    gc.collect()
    before = len(_TABLE)
    held = [leaf(Variable(f"held{number}", INT)) for number in range(50)]
    for number in range(1000):
        leaf(Variable(f"variable{number}", INT))
    gc.collect()
    assert len(_TABLE) == before + len(held)


def declaring(number: int) -> str:
    """A problem with a datatype, and one with a parameter, that no other declares."""
    return f"""(set-logic ALL)
    (declare-datatype D{number} ((nil{number}) (cons{number} (head{number} Int) (tail{number} D{number}))))
    (declare-datatypes ((P{number} 1)) ((par (X) ((pair{number} (first{number} X))))))
    (synth-fun f ((x D{number}) (y (P{number} Int))) Bool)
    (declare-var x D{number})
    (declare-var y (P{number} Int))
    (constraint (=> ((_ is nil{number}) x) (= (f x y) (= (as nil{number} D{number}) x))))
    (check-synth)"""


LIMITED = (representation, structured.elements, structured.other_value, find_logic)


@pytest.mark.usefixtures("few")
def test_declared_datatypes_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datatypes, "MOST_KNOWN", 5)
    counts = []
    for round_ in range(2):
        for number in range(100 * round_, 100 * round_ + 100):
            problem = load_problem(declaring(number), "d.sl")
            for variable in problem.target.function.parameters:
                z3_datatype(variable.sort)
        del problem, variable
        for table in LIMITED:
            assert table.cache_info().maxsize is not None
            table.cache_clear()
        gc.collect()
        counts.append(sum(type(one) is structured.Datatype for one in gc.get_objects()))
    assert counts[1] < counts[0] + 50  # of 200 that were declared


@pytest.mark.usefixtures("few")
def test_functions_of_sorts_have_a_bound() -> None:
    for number in range(1, 100):
        constant_array(Sort("Array", (), (INT, bit_vector(number))), (bit_vector(number),))
        call(function_sort((INT,), bit_vector(number)))
    gc.collect()
    assert len(constant_array) <= 20
    assert len(call) <= 20
    whole = Sort("Array", (), (INT, INT))
    assert constant_array(whole, (INT,)) is constant_array(whole, (INT,))


@pytest.mark.usefixtures("few")
def test_languages_that_nothing_uses_are_gone() -> None:
    def language(text: str) -> regex.Language:
        return regex.concatenation(regex.star(regex.text(text)), regex.text("b"))

    def size() -> int:
        gc.collect()
        return len(regex._concatenation)

    held = language("held")
    before = size()
    for number in range(1000):
        language(f"a{number}")
    assert size() <= before + 10
    assert language("held") is held


def test_proofs_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "MOST_KNOWN", 3)
    oracle = SafetyOracle({f"x{number}": "unit" for number in range(10)})
    for _ in range(2):
        for number in range(10):
            assert oracle.nonzero(leaf(Variable(f"x{number}", REAL))).safe
    assert len(oracle._verdicts) <= 3
