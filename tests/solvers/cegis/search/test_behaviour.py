"""The bank on samples against all terms of small grammars, written out by the definition of derivation."""

from collections import defaultdict

import numpy as np
import pytest

from ordinary import specification, syntactic_terms
from solvers.bank import Bank
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.search.behaviour import sample_bank, signatures
from solvers.cegis.search.evaluation import Program, Values, column
from solvers.cegis.search.samples import Samples
from solvers.levels import Booleans
from sygus.language.problem import Production
from sygus.language.terms import BOOL, INT, STRING, Sort, Term, bit_vector
from sygus.language.text import term_text

LARGEST = 6

GRAMMARS = {
    "Int": """(set-logic LIA)
        (synth-fun f ((x Int) (y Int)) Int ((I Int) (B Bool))
          ((I Int (x y 1 (+ I I) (- I I) (ite B I I))) (B Bool ((<= I I) (= I I) (not B)))))""",
    "BitVec": """(set-logic BV)
        (define-fun half ((x (_ BitVec 8))) (_ BitVec 8) (bvlshr x #x01))
        (synth-fun f ((x (_ BitVec 8))) (_ BitVec 8) ((S (_ BitVec 8)) (T (_ BitVec 8)))
          ((S (_ BitVec 8) (T (bvadd S T) (half S))) (T (_ BitVec 8) (x #x01 (bvnot T) (bvand T T)))))""",
    "String": """(set-logic SLIA)
        (synth-fun f ((s String)) String ((T String) (I Int))
          ((T String (s "a" (str.++ T T) (str.at T I))) (I Int (0 1 (str.len T) (str.indexof T T I)))))""",
    "nested": """(set-logic LIA)
        (synth-fun f ((x Int)) Int ((I Int) (C Int)) ((I Int (C (+ I (* 2 C)) (ite (= I 0) C x))) (C Int (x 0 3))))""",
}
VALUES: dict[Sort, list[object]] = {
    INT: [-7, -1, 0, 1, 2, 5],
    bit_vector(8): [0, 1, 2, 127, 128, 255],
    STRING: ["", "a", "ab", "ba", "bab", "xyza"],
    BOOL: [False, True, False, True, True, False],
}


class Inputs(Samples):
    separate = True

    def __init__(self, inputs: dict[object, Values]) -> None:
        self.inputs = inputs  # type: ignore[assignment]

    def judge(self, values: Values) -> Values:
        return np.ones(values.shape, bool)


Case = tuple[Bank[Values], Inputs]


@pytest.fixture(params=sorted(GRAMMARS))
def case(request: pytest.FixtureRequest) -> Case:
    target = specification(GRAMMARS[request.param]).targets[0]
    shift = {p: i for i, p in enumerate(target.function.parameters)}
    inputs = Inputs({p: column(np.roll(VALUES[p.sort], i).tolist(), p.sort) for p, i in shift.items()})
    return sample_bank(target.grammar, inputs, Limits(60)), inputs


def behaviour(term: Term, inputs: Inputs) -> bytes:
    return np.broadcast_to(Program(term)(inputs.inputs), inputs.points).tobytes()


def test_every_behaviour_once_by_its_smallest_size(case: Case) -> None:
    bank, inputs = case
    smallest: dict[object, dict[bytes, int]] = defaultdict(dict)
    grammar = bank.grammar
    for size in range(1, LARGEST + 1):
        bank.grow()
        for nonterminal in grammar.productions:
            expected = {behaviour(t, inputs) for t in syntactic_terms(grammar, nonterminal, size)}
            new = expected - smallest[nonterminal].keys()
            smallest[nonterminal].update(dict.fromkeys(new, size))
            level = bank.level(nonterminal, size)
            terms = [bank.term(nonterminal, size, row) for row in range(len(level))]
            assert [behaviour(term, inputs) for term in terms] == [row.tobytes() for row in level.values]
            assert {behaviour(term, inputs) for term in terms} == new
            assert len(terms) == len(new)
            assert all(term.size == size for term in terms)


def test_telling_values_apart_exactly_changes_nothing(case: Case) -> None:
    bank, inputs = case
    exact = sample_bank(bank.grammar, inputs, Limits(60), exact=True)
    for size in range(1, LARGEST + 1):
        bank.grow()
        exact.grow()
        for nonterminal in bank.grammar.productions:
            assert bank.level(nonterminal, size).rows.same(exact.level(nonterminal, size).rows)


def test_a_nonterminal_may_keep_all_its_terms() -> None:
    target = specification(
        """(set-logic LIA)
        (synth-fun f ((x Int)) Int ((A Int) (I Int)) ((A Int ((+ I I) (- I I) x)) (I Int (x 0 (+ I I)))))"""
    ).targets[0]
    start, other = target.grammar.productions
    inputs = Inputs({p: column([0, 1, 2], INT) for p in target.function.parameters})
    bank = sample_bank(target.grammar, inputs, Limits(60), all_of=start)
    distinct = sample_bank(target.grammar, inputs, Limits(60))
    for size in range(1, 6):
        bank.grow()
        distinct.grow()
        parts = {s: [distinct.term(other, s, r) for r in range(len(distinct.level(other, s)))] for s in range(1, size)}
        pairs = [(a, b) for s in range(1, size - 1) for a in parts[s] for b in parts[size - 1 - s]]
        sums = {frozenset((a, b)) for a, b in pairs}
        made = [bank.term(start, size, row) for row in range(len(bank.level(start, size)))]
        assert len(made) == len(set(made)) == (size == 1) + len(sums) + len(pairs)


def test_exhausted_when_no_size_brings_anything_new() -> None:
    target = specification(
        "(set-logic LIA) (synth-fun f ((a Bool) (b Bool)) Bool ((B Bool)) ((B Bool (a b (not B) (and B B)))))"
    ).targets[0]
    columns = ([False, False, True, True], [False, True, False, True])
    pairs = zip(target.function.parameters, columns, strict=True)
    bank = sample_bank(target.grammar, Inputs({p: column(c, BOOL) for p, c in pairs}), Limits(60))
    while not bank.exhausted:
        bank.grow()
    found = sum(len(bank.level(target.grammar.start, s)) for s in range(1, bank.size + 1))
    assert found == 16  # every function of two Bools


def test_memory_is_limited() -> None:
    target = specification(GRAMMARS["Int"]).targets[0]
    inputs = Inputs({p: column([1, 2, 3, 4], INT) for p in target.function.parameters})
    bank = sample_bank(target.grammar, inputs, Limits(60, memory=10_000))
    while bank.grow():
        assert bank.size < 20
    assert bank.full
    reached, whole = bank.size, sample_bank(target.grammar, inputs, Limits(60))
    for size in range(1, reached + 1):
        whole.grow()
        for nonterminal in target.grammar.productions:
            part, all_ = (b.level(nonterminal, size) for b in (bank, whole))
            assert part.keys.tolist() == all_.keys[: len(part)].tolist()
            assert len(part) == len(all_) or size == reached


@pytest.mark.parametrize("points", [1, 40, 63, 64, 200])
def test_signatures_tell_rows_apart(points: int) -> None:
    generator = np.random.default_rng(points)
    rows = np.unique(generator.integers(0, 2, (500, points)), axis=0)
    for values in (rows.astype(bool), rows.astype(np.int64), rows.astype(np.float64)):
        keys, usable = signatures(values)
        assert len(np.unique(keys)) == len(rows)
        assert usable.all()


def test_what_is_not_finite_is_not_usable() -> None:
    keys, usable = signatures(np.array([[0.0, 1.0], [-0.0, 1.0], [np.inf, 1.0], [np.nan, 1.0]]))
    assert keys[0] == keys[1]
    assert usable.tolist() == [True, True, False, False]


def test_the_clock_is_asked_between_blocks() -> None:
    target = specification(GRAMMARS["Int"]).targets[0]
    inputs = Inputs({p: column([1, 2, 3, 4], INT) for p in target.function.parameters})
    with pytest.raises(OutOfTimeError):
        sample_bank(target.grammar, inputs, Limits(0)).grow()


def test_only_what_is_relevant_is_kept_and_built_upon() -> None:
    target = specification(
        "(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 1 (+ I I) (* 2 I)))))"
    ).targets[0]
    inputs = Inputs({p: column([1, 2, 3], INT) for p in target.function.parameters})

    def small(production: Production, values: Values) -> Booleans:
        return (values < 5).all(1) if len(production.holes) == 2 else np.ones(len(values), bool)

    bank = sample_bank(target.grammar, inputs, Limits(60), relevant=small)
    for _ in range(3):
        bank.grow()
    found = [bank.term(target.grammar.start, 3, row) for row in range(len(bank.level(target.grammar.start, 3)))]
    assert [term_text(term, INT) for term in found] == ["(+ x 1)", "(+ 1 1)", "(* 2 x)"]
