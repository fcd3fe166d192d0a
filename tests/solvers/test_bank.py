"""The pruned bank holds exactly what naive enumeration finds, one smallest term for each behaviour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from solvers.bank import Bank
from solvers.cam import behaviour
from solvers.cam.behaviour import MemoryLimitError, probe_bank
from sygus.language.elaborate import load_problem
from sygus.language.problem import Grammar, Problem, Production
from sygus.language.terms import Nonterminal, Term, expand, subterms
from sygus.language.theories import Function
from sygus.oracles.cam import probes
from sygus.oracles.equivalence import Probes, syntactic_key
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle

PARAMETERS = "(activation Map) (gradient Map) (alpha Map) (logit Real) (probability Real)"
GRAMMARS: Mapping[str, tuple[str, int]] = {
    "reductions": (
        """Weight ((W Weight) (M Map))
        ((W Weight ((gap M) (gmp M) (relu W) (+ W W) (* W W) (minmax W)))
         (M Map (gradient activation (relu M) (abs M))))""",
        5,
    ),
    "maps": (
        """Map ((M Map) (W Weight))
        ((M Map (activation gradient alpha (neg M) (- M M) (* M M) (* M W) (div0 M W)))
         (W Weight ((gap M))))""",
        6,
    ),
    "nested templates": (
        """Weight ((W Weight) (M Map))
        ((W Weight ((gap (* M gradient)) (+ (gap M) (relu W)) (softmax (gap (abs M)))))
         (M Map (gradient activation (max (neg M) activation) (relu (+ M M)))))""",
        6,
    ),
    "chains and cycles": (
        """Weight ((S Weight) (A Weight) (B Weight) (C Weight))
        ((S Weight (A (neg B)))
         (A Weight (B (gap gradient) (+ A C)))
         (B Weight (C (gap activation) (relu B)))
         (C Weight (A (gap alpha) (* B C))))""",
        5,
    ),
    "three holes": (
        """Map ((M Map) (R Real))
        ((M Map (activation gradient (+ M (* M M)) (ite (< R 0) M M) (relu M)))
         (R Real (logit probability (- R R))))""",
        6,
    ),
    "conditions": (
        """Map ((M Map) (B Bool) (R Real))
        ((M Map (activation gradient (ite B M M)))
         (B Bool ((< R R) (= R R) (not B) (and B B)))
         (R Real (logit probability 0)))""",
        6,
    ),
    "strict division": (
        """Map ((M Map) (D Map))
        ((M Map (activation gradient (/ M D) (* M M) (/ gradient (+ 1 (square M)))))
         (D Map (activation (- activation logit) (abs D) (exp M) (+ D D) (square M))))""",
        5,
    ),
    "numbers": (
        """Real ((R Real))
        ((R Real ((Constant Real) (Variable Real) 0 0.1 (+ R R) (* R R) (- R R) (div0 R R) (sign R))))""",
        4,
    ),
    "numbers alone": ("Real ((R Real)) ((R Real (0.5 0.1 (+ R R) (* R R))))", 7),
    "equal productions": ("Map ((M Map)) ((M Map (gradient gradient (- M) (neg M) (+ M M) (+ M M))))", 6),
}
every_grammar = pytest.mark.parametrize("name", GRAMMARS)

SAFETY = SafetyOracle(domains(nonnegative=True))


def problem(name: str) -> Problem:
    text, _ = GRAMMARS[name]
    parameters = "" if name == "numbers alone" else PARAMETERS
    return load_problem(f"(set-logic CAM)\n(synth-fun w ({parameters}) {text})\n(check-synth)", name)


def world(name: str) -> tuple[Grammar, Probes, int]:
    target = problem(name).target
    return target.grammar, probes(target.function.parameters, nonnegative=True, seed=0), GRAMMARS[name][1]


def grown(name: str, **options: object) -> Bank[Tensor]:
    """The bank of a grammar to its size, whose levels are all complete: it might grow on."""
    grammar, values, size = world(name)
    made = probe_bank(grammar, values, SAFETY, deepest=size + 1, **options)  # type: ignore[arg-type]
    for _ in range(size):
        made.grow()
    return made


@pytest.mark.parametrize("name", list(GRAMMARS))
def test_of_the_deepest_level_there_are_the_terms_of_the_start_symbol(name: str) -> None:
    grammar, values, size = world(name)
    made, whole = probe_bank(grammar, values, SAFETY, deepest=size), grown(name)
    for _ in range(size):
        made.grow()
    start = grammar.start
    assert contents(made, start) == contents(whole, start)
    used = made._wanted(size)
    assert start in used
    assert all(
        len(made.level(nonterminal, size)) == 0 for nonterminal in grammar.productions if nonterminal not in used
    )


def contents(made: Bank[Tensor], nonterminal: Nonterminal) -> list[tuple[int, int, Term]]:
    """Size, key and term of everything a bank holds, in its order."""
    found = []
    for size in range(1, made.size + 1):
        keys = made.level(nonterminal, size).keys
        found += [(size, int(key), made.term(nonterminal, size, row)) for row, key in enumerate(keys)]
    return found


# The naive enumeration


def is_legal(root: Term, values: Probes) -> bool:
    """Whether every division is proved safe and every value finite."""
    finite = all(bool(values.evaluate(node).isfinite().all()) for node in subterms(root))
    return finite and SAFETY.check(root).safe


def combinations(production: Production, size: int, made: Mapping[tuple[Nonterminal, int], set[Term]]) -> set[Term]:
    rest = size - production.size
    found = set()
    for sizes in product(range(1, rest + 1), repeat=len(production.holes)):
        if sum(sizes) == rest:
            pools = [made[hole, part] for hole, part in zip(production.holes, sizes, strict=True)]
            found |= {production.instantiate(children) for children in product(*pools)}
    return found


Made = defaultdict[tuple[Nonterminal, int], set[Term]]


def combine(grammar: Grammar, size: int, made: Made) -> None:
    """Every term of one size: first by productions that add nodes, then through chains of any length."""
    rules = [(n, production) for n, productions in grammar.productions.items() for production in productions]
    for nonterminal, production in rules:
        if not production.is_chain:
            made[nonterminal, size] |= combinations(production, size, made)
    for _ in grammar.productions:  # the longest chain visits every nonterminal once
        for nonterminal, production in rules:
            if production.is_chain:
                made[nonterminal, size] |= made[production.holes[0], size]


def naive(name: str) -> dict[Nonterminal, dict[Term, int | None]]:
    """Every legal term of every nonterminal, with its signature."""
    grammar, values, largest = world(name)
    made: Made = defaultdict(set)
    found: dict[Nonterminal, dict[Term, int | None]] = {n: {} for n in grammar.productions}
    for size in range(1, largest + 1):
        combine(grammar, size, made)
        for nonterminal in grammar.productions:
            made[nonterminal, size] = {root for root in made[nonterminal, size] if is_legal(root, values)}
            found[nonterminal] |= {root: values.signature(root) for root in made[nonterminal, size]}
    return found


@pytest.fixture(scope="module")
def reference() -> dict[str, dict[Nonterminal, dict[Term, int | None]]]:
    return {name: naive(name) for name in GRAMMARS}


Reference = dict[str, dict[Nonterminal, dict[Term, int | None]]]


@every_grammar
def test_the_naive_enumeration_finds_duplicates_to_prune(name: str, reference: Reference) -> None:
    sizes = [(len(found), len(set(found.values()))) for found in reference[name].values()]
    assert any(terms > classes > 1 for terms, classes in sizes)


# The bank


@every_grammar
def test_the_bank_holds_one_smallest_term_for_each_behaviour(name: str, reference: Reference) -> None:
    made = grown(name)
    for nonterminal, expected in reference[name].items():
        smallest: dict[int | None, int] = {}
        for root, key in expected.items():
            smallest[key] = min(root.size, smallest.get(key, root.size))
        held = contents(made, nonterminal)
        assert len({key for _, key, _ in held}) == len(held)
        assert {key: size for size, key, _ in held} == smallest
        for size, key, root in held:
            assert root.size == size
            assert expected[root] == key


@every_grammar
def test_the_bank_holds_only_what_the_grammar_derives(name: str) -> None:
    made = grown(name)
    for nonterminal, productions in made.grammar.productions.items():
        started = Grammar({nonterminal: productions, **made.grammar.productions})
        assert started.start == nonterminal
        for _, _, root in contents(made, nonterminal):
            derivation = started.derive(root)
            assert derivation is not None
            assert root.size == sum(used.size for used in productions_of(derivation))


def productions_of(derivation: object) -> list[Production]:
    found, stack = [], [derivation]
    while stack:
        node = stack.pop()
        found.append(node.production)  # type: ignore[attr-defined]
        stack.extend(node.children)  # type: ignore[attr-defined]
    return found


@every_grammar
def test_without_pruning_every_syntactic_term_is_there(name: str, reference: Reference) -> None:
    made = grown(name, term_key=syntactic_key(), mirrored=True)
    for nonterminal, expected in reference[name].items():
        assert {root for _, _, root in contents(made, nonterminal)} == set(expected)


@every_grammar
def test_mirror_images_change_nothing(name: str) -> None:
    made, mirrored = grown(name), grown(name, mirrored=True)
    for nonterminal in made.grammar.productions:
        assert {key for _, key, _ in contents(made, nonterminal)} == {
            key for _, key, _ in contents(mirrored, nonterminal)
        }
    assert mirrored.counts.combined >= made.counts.combined


@every_grammar
def test_the_bank_is_the_same_every_time_and_for_every_block(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = grown(name), grown(name)
    monkeypatch.setattr(behaviour, "BLOCK", 500)
    blocks = grown(name)
    monkeypatch.setattr(behaviour, "BUFFER", 10_000)
    pieces = grown(name)
    for other in (again, blocks, pieces):
        for nonterminal in first.grammar.productions:
            assert contents(other, nonterminal) == contents(first, nonterminal)
            for size in range(1, other.size + 1):
                values = (made.level(nonterminal, size).values for made in (first, other))
                assert torch.equal(*values)
        assert first.differences(other) == []
        assert vars(other.counts) == vars(first.counts)


@every_grammar
def test_the_counts_add_up(name: str) -> None:
    made = grown(name)
    held = sum(len(contents(made, nonterminal)) for nonterminal in made.grammar.productions)
    counts = made.counts
    assert counts.kept == held
    assert counts.combined == counts.kept + counts.duplicate + counts.unsafe + counts.not_finite
    assert min(vars(counts).values()) >= 0


# Divisions


def test_unsafe_divisions_never_appear() -> None:
    made = grown("strict division")
    held = [root for nonterminal in made.grammar.productions for _, _, root in contents(made, nonterminal)]
    denominators = {
        node.arguments[position]
        for root in held
        for node in subterms(expand(root))
        if isinstance(node.head, Function)
        for position in node.head.nonzero
    }
    assert len(denominators) > 1
    assert all(SAFETY.nonzero(denominator).safe for denominator in denominators)
    assert made.counts.unsafe > 0  # activation - logit is nonzero on the probes, not everywhere


def test_a_level_that_is_not_finite_is_left_out() -> None:
    grammar = load_problem(
        "(set-logic CAM) (synth-fun w ((gradient Map)) Map ((M Map)) ((M Map (gradient (exp M))))) (check-synth)", "x"
    ).target.grammar
    made = probe_bank(grammar, probes([*world("maps")[1].values], nonnegative=True, seed=0), SAFETY, deepest=9)
    for _ in range(9):
        made.grow()
    held = contents(made, grammar.start)
    assert [size for size, _, _ in held] == list(range(1, len(held) + 1))
    assert 2 < len(held) < 9
    assert made.counts.not_finite == 1


# Aliases and discarding


def test_aliases_are_the_terms_that_behave_alike(reference: Reference) -> None:
    made = grown("reductions")
    values, start = world("reductions")[1], made.grammar.start
    for _, key, root in contents(made, start):
        found = list(made.aliases(start, key))
        assert root in found
        assert all(reference["reductions"][start][alias] == key for alias in found)
        assert all(values.signature(alias) == key for alias in found)
    assert any(len(list(made.aliases(start, key))) > 1 for _, key, _ in contents(made, start))


def test_nothing_is_built_of_what_is_discarded() -> None:
    grammar, values, _ = world("maps")
    made = probe_bank(grammar, values, SAFETY, deepest=3)
    made.grow()
    start = grammar.start
    before = [root for _, _, root in contents(made, start)]
    gone = next(row for row, root in enumerate(before) if root.head.name == "gradient")
    made.discard(start, 1, np.array([gone]))
    assert [root for _, _, root in contents(made, start)] == [r for i, r in enumerate(before) if i != gone]
    for _ in range(2):
        made.grow()
    held = [root for nonterminal in grammar.productions for _, _, root in contents(made, nonterminal)]
    assert len(held) > len(before)
    assert all(node is not before[gone] for root in held for node in subterms(root))
    for _, key, root in contents(made, start):
        assert values.signature(root) == key


# Memory


def test_a_level_that_does_not_fit_is_refused_and_the_bank_stays_usable() -> None:
    grammar, values, size = world("maps")
    made = probe_bank(grammar, values, SAFETY, deepest=size, memory=60_000)
    with pytest.raises(MemoryLimitError, match=r"size \d needs [\d,]+ combinations"):  # noqa: PT012
        for _ in range(size):
            made.grow()
    reached = made.size
    assert 0 < reached < size
    with pytest.raises(MemoryLimitError):
        made.grow()
    assert made.size == reached
    full = grown("maps")
    for nonterminal in grammar.productions:
        expected = [entry for entry in contents(full, nonterminal) if entry[0] <= reached]
        assert contents(made, nonterminal) == expected
