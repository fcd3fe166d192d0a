"""The enumerator against all terms of small grammars, written out by the definition of derivation."""

from collections import defaultdict

import numpy as np
import pytest

from ordinary import specification, syntactic_terms
from solvers.cegis.limits import Limits
from solvers.cegis.search.enumeration import Enumerator, signatures
from solvers.cegis.search.evaluation import Program, Values, column
from solvers.cegis.search.samples import Samples
from sygus.language.terms import BOOL, INT, STRING, Sort, Term, bit_vector

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


@pytest.fixture(params=sorted(GRAMMARS))
def case(request: pytest.FixtureRequest) -> tuple[Enumerator, Inputs]:
    target = specification(GRAMMARS[request.param]).targets[0]
    shift = {p: i for i, p in enumerate(target.function.parameters)}
    inputs = Inputs({p: column(np.roll(VALUES[p.sort], i).tolist(), p.sort) for p, i in shift.items()})
    return Enumerator(target.grammar, inputs, Limits(60)), inputs


def behaviour(term: Term, inputs: Inputs) -> bytes:
    return np.broadcast_to(Program(term)(inputs.inputs), inputs.points).tobytes()


def test_every_behaviour_once_by_its_smallest_size(case: tuple[Enumerator, Inputs]) -> None:
    enumerator, inputs = case
    smallest: dict[object, dict[bytes, int]] = defaultdict(dict)
    grammar = enumerator.productions
    given = type("G", (), {"productions": grammar})
    for size in range(1, LARGEST + 1):
        enumerator.grow()
        for nonterminal in grammar:
            expected = {behaviour(t, inputs) for t in syntactic_terms(given, nonterminal, size)}  # type: ignore[arg-type]
            new = expected - smallest[nonterminal].keys()
            smallest[nonterminal].update(dict.fromkeys(new, size))
            level = enumerator.level(nonterminal, size)
            terms = [enumerator.term(nonterminal, size, row) for row in range(len(level))]
            assert [behaviour(term, inputs) for term in terms] == [row.tobytes() for row in level.values]
            assert {behaviour(term, inputs) for term in terms} == new
            assert len(terms) == len(new)
            assert all(term.size == size for term in terms)


def test_telling_values_apart_exactly_changes_nothing(case: tuple[Enumerator, Inputs]) -> None:
    enumerator, inputs = case
    grammar = type("G", (), {"productions": enumerator.productions})
    exact = Enumerator(grammar, inputs, Limits(60), exact=True)  # type: ignore[arg-type]
    for size in range(1, LARGEST + 1):
        enumerator.grow()
        exact.grow()
        for nonterminal in enumerator.productions:
            assert len(enumerator.level(nonterminal, size)) == len(exact.level(nonterminal, size))


def test_a_nonterminal_may_keep_all_its_terms() -> None:
    target = specification(
        """(set-logic LIA)
        (synth-fun f ((x Int)) Int ((A Int) (I Int)) ((A Int ((+ I I) (- I I) x)) (I Int (x 0 (+ I I)))))"""
    ).targets[0]
    start, other = target.grammar.productions
    inputs = Inputs({p: column([0, 1, 2], INT) for p in target.function.parameters})
    enumerator = Enumerator(target.grammar, inputs, Limits(60), all_of=start)
    distinct = Enumerator(target.grammar, inputs, Limits(60))
    for size in range(1, 6):
        enumerator.grow()
        distinct.grow()
        parts = {s: [distinct.term(other, s, r) for r in range(len(distinct.level(other, s)))] for s in range(1, size)}
        pairs = [(a, b) for s in range(1, size - 1) for a in parts[s] for b in parts[size - 1 - s]]
        sums = {frozenset((a, b)) for a, b in pairs}
        made = [enumerator.term(start, size, row) for row in range(len(enumerator.level(start, size)))]
        assert len(made) == len(set(made)) == (size == 1) + len(sums) + len(pairs)


def test_exhausted_when_no_size_brings_anything_new() -> None:
    target = specification(
        "(set-logic LIA) (synth-fun f ((a Bool) (b Bool)) Bool ((B Bool)) ((B Bool (a b (not B) (and B B)))))"
    ).targets[0]
    columns = ([False, False, True, True], [False, True, False, True])
    pairs = zip(target.function.parameters, columns, strict=True)
    enumerator = Enumerator(target.grammar, Inputs({p: column(c, BOOL) for p, c in pairs}), Limits(60))
    while not enumerator.exhausted:
        enumerator.grow()
    found = sum(len(enumerator.level(target.grammar.start, s)) for s in range(1, enumerator.size + 1))
    assert found == 16  # every function of two Bools


def test_memory_is_limited() -> None:
    target = specification(GRAMMARS["Int"]).targets[0]
    inputs = Inputs({p: column([1, 2, 3, 4], INT) for p in target.function.parameters})
    enumerator = Enumerator(target.grammar, inputs, Limits(60, memory=10_000))
    while enumerator.grow():
        assert enumerator.size < 20
    assert enumerator.full


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
