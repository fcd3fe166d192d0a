"""The same bank over integers, bit-vectors and strings, against every term made and evaluated by plain Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest

from solvers.bank import Bank
from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.evaluation import Values, column, evaluate
from solvers.cegis.search.samples import ArgumentSamples, Samples
from sygus.language.elaborate import load_problem
from sygus.language.terms import BOOL, INT, STRING, Sort
from sygus.language.theories.sorts import representation

BYTE = Sort("BitVec", (8,))


@dataclass(frozen=True)
class World:
    """A grammar, the points of its parameters, and what its operators mean to Python.

    ``rules`` is the grammar once more: to each nonterminal its productions, each a Python function of the values of
    the nonterminals it takes and the size of the production.
    """

    logic: str
    text: str
    points: Mapping[str, tuple[Sort, list[Any]]]
    rules: Mapping[str, list[tuple[int, tuple[str, ...], Callable[..., Any]]]]
    sorts: Mapping[str, Sort]
    size: int


def lifted(function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    return lambda *rows: tuple(function(*values) for values in zip(*rows, strict=True))


def constant(value: Any, count: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (value,) * count


X, Y = [-3, 0, 1, 7, 2, -1], [5, 0, -2, 7, 1, 4]
S, T = ["", "a", "ab", "ba", "abab"], ["a", "a", "b", "x", ""]
B, C = [0, 1, 127, 128, 255, 90], [3, 1, 200, 128, 255, 7]

WORLDS = {
    "integers": World(
        "LIA",
        """(synth-fun f ((x Int) (y Int)) Int ((I Int) (P Bool))
           ((I Int (x y 0 1 (+ I I) (- I I) (ite P I I))) (P Bool ((<= I I) (= I I) (not P)))))""",
        {"x": (INT, X), "y": (INT, Y)},
        {
            "I": [
                (1, (), lambda: tuple(X)),
                (1, (), lambda: tuple(Y)),
                (1, (), constant(0, len(X))),
                (1, (), constant(1, len(X))),
                (1, ("I", "I"), lifted(lambda a, b: a + b)),
                (1, ("I", "I"), lifted(lambda a, b: a - b)),
                (1, ("P", "I", "I"), lifted(lambda p, a, b: a if p else b)),
            ],
            "P": [
                (1, ("I", "I"), lifted(lambda a, b: a <= b)),
                (1, ("I", "I"), lifted(lambda a, b: a == b)),
                (1, ("P",), lifted(lambda p: not p)),
            ],
        },
        {"I": INT, "P": BOOL},
        5,
    ),
    "bit-vectors": World(
        "BV",
        """(synth-fun f ((x (_ BitVec 8)) (y (_ BitVec 8))) (_ BitVec 8) ((E (_ BitVec 8)))
           ((E (_ BitVec 8) (x y #x01 (bvadd E E) (bvand E E) (bvxor E E) (bvnot E) (bvshl E E) (bvlshr E #x01)))))""",
        {"x": (BYTE, B), "y": (BYTE, C)},
        {
            "E": [
                (1, (), lambda: tuple(B)),
                (1, (), lambda: tuple(C)),
                (1, (), constant(1, len(B))),
                (1, ("E", "E"), lifted(lambda a, b: (a + b) % 256)),
                (1, ("E", "E"), lifted(lambda a, b: a & b)),
                (1, ("E", "E"), lifted(lambda a, b: a ^ b)),
                (1, ("E",), lifted(lambda a: 255 - a)),
                (1, ("E", "E"), lifted(lambda a, b: (a << b) % 256 if b < 8 else 0)),
                (2, ("E",), lifted(lambda a: a >> 1)),
            ],
        },
        {"E": BYTE},
        5,
    ),
    "strings": World(
        "SLIA",
        """(synth-fun f ((s String) (t String)) String ((E String) (N Int))
           ((E String (s t "a" (str.++ E E) (str.at E N) (str.replace E E E))) (N Int (0 (str.len E) (- N 1)))))""",
        {"s": (STRING, S), "t": (STRING, T)},
        {
            "E": [
                (1, (), lambda: tuple(S)),
                (1, (), lambda: tuple(T)),
                (1, (), constant("a", len(S))),
                (1, ("E", "E"), lifted(lambda a, b: a + b)),
                (1, ("E", "N"), lifted(lambda a, n: a[n] if 0 <= n < len(a) else "")),
                (1, ("E", "E", "E"), lifted(lambda a, b, c: a.replace(b, c, 1))),
            ],
            "N": [
                (1, (), constant(0, len(S))),
                (1, ("E",), lifted(len)),
                (2, ("N",), lifted(lambda n: n - 1)),
            ],
        },
        {"E": STRING, "N": INT},
        5,
    ),
}

every_world = pytest.mark.parametrize("name", list(WORLDS))


def brute_force(world: World) -> dict[str, dict[tuple[Any, ...], int]]:
    """Of each nonterminal every behaviour that a term up to the size has, with the size of the smallest such term."""
    made: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    found: dict[str, dict[tuple[Any, ...], int]] = {name: {} for name in world.rules}
    for size in range(1, world.size + 1):
        for name, rules in world.rules.items():
            rows = made.setdefault((name, size), [])
            for cost, holes, meaning in rules:
                for sizes in product(range(1, size), repeat=len(holes)):
                    if sum(sizes) == size - cost:
                        rows.extend(
                            meaning(*chosen)
                            for chosen in product(*(made[hole, n] for hole, n in zip(holes, sizes, strict=True)))
                        )
            for row in rows:
                found[name].setdefault(row, size)
    return found


def grown(world: World) -> tuple[Bank[Values], Samples]:
    target = load_problem(f"(set-logic {world.logic})\n{world.text}\n(check-synth)", "ordinary").target
    samples = ArgumentSamples(
        {p: column(points, sort) for p in target.function.parameters for sort, points in [world.points[p.name]]}
    )
    bank = sample_bank(target.grammar, samples, Limits(600))
    for _ in range(world.size):
        bank.grow()
    return bank, samples


@every_world
def test_the_bank_keeps_one_smallest_term_of_each_behaviour(name: str) -> None:
    world = WORLDS[name]
    (bank, samples), expected = grown(world), brute_force(world)
    for nonterminal in bank.grammar.productions:
        held = representation(world.sorts[nonterminal.name])
        found: dict[tuple[Any, ...], int] = {}
        for size in range(1, world.size + 1):
            level = bank.level(nonterminal, size)
            for row, numbers in enumerate(level.values.tolist()):
                term = bank.term(nonterminal, size, row)
                assert np.broadcast_to(evaluate(term, samples.inputs), samples.points).tolist() == numbers
                behaviour = tuple(held.decode(number) for number in numbers)
                assert behaviour not in found, term
                found[behaviour] = size
                assert term.size == size
        assert found == expected[nonterminal.name]


@every_world
def test_there_is_much_to_prune(name: str) -> None:
    bank, _ = grown(WORLDS[name])
    assert bank.counts.kept > 20
    assert bank.counts.duplicate > bank.counts.kept / 2


FRESH = """
import sys
from importlib import import_module
from pkgutil import walk_packages
import solvers.cegis
for module in walk_packages(solvers.cegis.__path__, "solvers.cegis."):
    import_module(module.name)
from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.evaluation import column
from solvers.cegis.search.samples import ArgumentSamples
from sygus.language.elaborate import load_problem
target = load_problem(sys.argv[1], "ordinary").target
samples = ArgumentSamples({p: column([0, 1, 2], p.sort) for p in target.function.parameters})
bank = sample_bank(target.grammar, samples, Limits(600))
for _ in range(4):
    bank.grow()
print(bank.counts.kept, *sorted({"torch", "sympy"} & set(sys.modules)))
"""


def test_ordinary_problems_need_neither_torch_nor_sympy() -> None:
    world = WORLDS["integers"]
    text = f"(set-logic {world.logic})\n{world.text}\n(check-synth)"
    done = subprocess.run([sys.executable, "-c", FRESH, text], check=True, capture_output=True, text=True)
    kept, *heavy = done.stdout.split()
    assert int(kept) > 10
    assert heavy == []
