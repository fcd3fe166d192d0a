"""The smallest denominators of strict divisions, against every term made one at a time."""

from __future__ import annotations

import pytest

from ordinary import syntactic_terms
from solvers.cam.hazards import hazards, smallest_terms
from sygus.language.elaborate import load_problem
from sygus.language.problem import Grammar
from sygus.language.text import term_text
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle

CAM = """(set-logic CAM)
(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (/ W W) (/ W (+ 1 (gap activation))) (/ W (- (gap M) (gap M)))))
   (M Map (activation gradient (exp M) (/ M (exp M))))))
(check-synth)
"""
RENAMED = """(set-logic CAM)
(synth-fun w ((activation Map) (gradient Map)) Map
  ((S Map) (A Map) (B Map))
  ((S Map (A (/ S B) (+ S S)))
   (A Map (B gradient (exp A)))
   (B Map (A activation (+ B B)))))
(check-synth)
"""


def grammar_of(text: str) -> Grammar:
    return load_problem(text, "test.sy").target.grammar


def test_unsafe_denominators_are_those_that_z3_does_not_prove() -> None:
    grammar = grammar_of(CAM)
    oracle = SafetyOracle(domains(nonnegative=True))
    found = {repr(hazard.production.template): hazard for hazard in hazards(grammar, oracle, tried=12)}
    divided = found["(/ W W)"]
    small = smallest_terms(grammar, 12)[divided.nonterminal]
    assert divided.denominators == len(small) == 12
    assert [t.size for t in small] == sorted(t.size for t in small)
    assert all(grammar.derive(t) is not None for t in small)
    assert [v.denominator for v in divided.unsafe] == [t for t in small if not oracle.nonzero(t).safe]
    assert term_text(small[0]) == "(gap activation)"
    assert not found["(/ M (exp M))"].unsafe


def test_small_terms_are_all_terms_where_they_are_few() -> None:
    grammar = grammar_of(CAM)
    for nonterminal, found in smallest_terms(grammar, 10_000, largest=4).items():
        expected = [syntactic_terms(grammar, nonterminal, size) for size in range(1, 5)]
        assert len(found) == len(set(found))
        assert [{t for t in found if t.size == size} for size in range(1, 5)] == expected


@pytest.mark.parametrize("count", [1, 2, 5, 12, 40])
def test_no_more_are_made_than_asked_for_and_always_the_same_first_ones(count: int) -> None:
    few, many = (smallest_terms(grammar_of(CAM), number) for number in (count, 40))
    for nonterminal, found in few.items():
        assert len(found) == count
        assert found[0] is many[nonterminal][0]
        assert [t.size for t in found] == sorted(t.size for t in found)


def test_renaming_brings_terms_in_after_those_of_the_productions() -> None:
    found = {n.name: [term_text(t) for t in terms] for n, terms in smallest_terms(grammar_of(RENAMED), 4).items()}
    assert found == {
        "S": ["gradient", "activation", "(exp gradient)", "(exp activation)"],
        "A": ["gradient", "activation", "(exp gradient)", "(exp activation)"],
        "B": ["activation", "gradient", "(exp gradient)", "(exp activation)"],
    }
