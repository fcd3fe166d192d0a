"""Bottom-up enumeration: counts of a toy grammar against the published table, and rates beside slower ways.

Run ``python benchmarks/enumeration.py``; it takes about a minute. Measured in one run: the bank, a straightforward loop
over one term at a time with the same pruning, and cvc5's enumerator where the package ``cvc5`` is installed; cvc5 has
no CAM theory and enumerates an integer grammar.

``python benchmarks/enumeration.py --beside TREE`` times levels of CAM and ordinary grammars here and in another
checkout instead, in turn, each in a process of its own that runs ``benchmarks/levels.py`` of its checkout. Where the
other one has no such file, ``--driver FILE`` is run there in its place.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness import report
from solvers.bank import Bank
from solvers.cam.behaviour import probe_bank
from sygus.language.elaborate import load_problem
from sygus.language.problem import Grammar
from sygus.language.terms import REAL, Nonterminal, Term, Variable
from sygus.language.theories.ranks import MAP, WEIGHT
from sygus.oracles.cam import probes
from sygus.oracles.equivalence import Probes, signatures
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle
from sygus.resources import read_problem

TOY = """
(set-logic CAM)
(synth-fun w ((activation Map) (gradient Map) (score Weight) (ablation Weight)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) score ablation (+ W W) (* W W) (div0 W W) (relu W) (softmax W)))
   (M Map    (activation gradient (relu M) (* M M) (+ M M) (div0 M M)))))
(check-synth)
"""
PUBLISHED = {3: 18, 5: 260, 7: 4_048, 9: 69_014}
"""Distinct weights by value, of exactly this size."""
PUBLISHED_TOTAL = 90_930
LARGEST = 9

HERE = Path(__file__).parent
ROUNDS = 7
"""How often the levels are timed in each of two checkouts."""


def toy_probes(parameters: tuple[Variable, ...], draws: int, seed: int = 0) -> Probes:
    """The domains of the published counts: normal draws on four channels of 2x2, ``ablation`` uniform in (0, 1)."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {MAP: (draws, 4, 2, 2), WEIGHT: (draws, 4, 1, 1), REAL: (draws, 1, 1, 1)}

    def draw(variable: Variable) -> torch.Tensor:
        random = torch.rand if variable.name == "ablation" else torch.randn
        return random(shapes[variable.sort], generator=generator, dtype=torch.float64)

    return Probes({variable: draw(variable) for variable in parameters}, shapes)


def grow(grammar: Grammar, draw: Probes, size: int) -> tuple[Bank[Tensor], list[tuple[int, float]]]:
    """A bank of all terms up to a size, with the combinations and the seconds of each level."""
    bank = probe_bank(grammar, draw, SafetyOracle(domains(True)), deepest=size)
    levels = []
    for _ in range(size):
        started = time.perf_counter()
        counts = bank.grow()
        levels.append((counts.combined if counts else 0, time.perf_counter() - started))
    return bank, levels


def one_at_a_time(grammar: Grammar, draw: Probes, size: int) -> int:
    """The same enumeration, a term at a time: how many terms were combined."""
    bank: dict[tuple[Nonterminal, int], list[Term]] = {}
    seen: dict[Nonterminal, set[int]] = {nonterminal: set() for nonterminal in grammar.productions}
    combined = 0
    for level in range(1, size + 1):
        for nonterminal, productions in grammar.productions.items():
            kept = bank.setdefault((nonterminal, level), [])
            for production in productions:
                for children in _children(production.holes, level - production.size, bank):
                    combined += 1
                    term = production.instantiate(children)
                    keys, finite = signatures(draw.evaluate(term)[None])
                    if finite[0] and int(keys[0]) not in seen[nonterminal]:
                        seen[nonterminal].add(int(keys[0]))
                        kept.append(term)
    return combined


def _children(
    holes: tuple[Nonterminal, ...], rest: int, bank: dict[tuple[Nonterminal, int], list[Term]]
) -> Iterator[tuple[Term, ...]]:
    if not holes and rest == 0:
        yield ()
    for sizes in product(range(1, rest + 1), repeat=len(holes)):
        if holes and sum(sizes) == rest:
            yield from product(*(bank.get(key, []) for key in zip(holes, sizes, strict=True)))


def cvc5_terms(seconds: float) -> int:
    """How many terms cvc5 enumerates of an integer grammar, as solutions of a problem that all terms solve."""
    import cvc5

    solver = cvc5.Solver()
    for option, value in (("sygus", "true"), ("incremental", "true")):
        solver.setOption(option, value)
    solver.setLogic("LIA")
    integer = solver.getIntegerSort()
    x, y = (solver.mkVar(integer, name) for name in "xy")
    start = solver.mkVar(integer, "W")
    grammar = solver.mkGrammar([x, y], [start])
    sums = [solver.mkTerm(kind, start, start) for kind in (cvc5.Kind.ADD, cvc5.Kind.SUB)]
    grammar.addRules(start, [x, y, *sums])
    solver.synthFun("f", [x, y], integer, grammar)
    solver.addSygusConstraint(solver.mkTrue())
    found, started = 0, time.perf_counter()
    result = solver.checkSynth()
    while result.hasSolution() and time.perf_counter() - started < seconds:
        found += 1
        result = solver.checkSynthNext()
    return found


def toy_counts() -> dict[str, object]:
    """The toy grammar's counts and times, beside the published ones, whose one draw is one of many."""
    problem = load_problem(TOY, "toy")
    grammar, parameters = problem.target.grammar, problem.target.function.parameters
    facts: dict[str, object] = {"toy, published: sizes 3, 5, 7, 9 and all": [*PUBLISHED.values(), PUBLISHED_TOTAL]}
    for draws, seeds in ((1, 10), (4, 3)):
        found, seconds = [], []
        for seed in range(seeds):
            bank, levels = grow(grammar, toy_probes(parameters, draws, seed), LARGEST)
            sizes = [len(bank.level(grammar.start, size)) for size in range(1, LARGEST + 1)]
            found.append([*(sizes[n - 1] for n in PUBLISHED), sum(sizes)])
            seconds.append(sum(seconds for _, seconds in levels))
        closest = min(found, key=lambda counts: abs(counts[-1] - PUBLISHED_TOTAL))
        title = f"toy, {draws} draw(s), seeds 0 to {seeds - 1}"
        facts[f"{title}: closest"] = closest
        facts[f"{title}: all, ascending"] = sorted(counts[-1] for counts in found)
        facts[f"{title}: seconds to size {LARGEST}, most"] = round(max(seconds), 2)
    return facts


def levels_in(tree: Path, driver: Path) -> list[dict[str, Any]]:
    """What the driver measures in a checkout, one thread to a process."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, driver], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def beside(tree: Path, driver: Path) -> None:
    """The same levels in this checkout and in another, in turn: the medians of the seconds."""
    drivers = {"here": (HERE.parent, HERE / "levels.py"), "there": (tree, driver)}
    seconds: dict[tuple[str, str, int], dict[str, list[float]]] = {}
    for _ in range(ROUNDS):
        for where, given in drivers.items():
            for row in levels_in(*given):
                of_level = seconds.setdefault((row["case"], row["size"], row["terms"]), {})
                of_level.setdefault(where, []).append(row["seconds"])
    rows = []
    for (case, size, terms), measured in seconds.items():
        if set(measured) != set(drivers):
            raise SystemExit(f"{case}, sizes {size}: {terms} terms are found only {next(iter(measured))}")
        here, there = (statistics.median(measured[where]) for where in drivers)
        figures = {"here, s": here, "there, s": there, "speed": there / here}
        rows.append({"grammar": case, "sizes": size, "terms": terms, **figures})
    report("enumeration_beside", "levels here and in another checkout, processor time", rows, rounds=ROUNDS)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, metavar="TREE", help="another checkout")
    parser.add_argument("--driver", type=Path, metavar="FILE", help="what to run there; TREE/benchmarks/levels.py")
    options = parser.parse_args()
    if options.beside is None:
        alone()
    else:
        beside(options.beside, options.driver or options.beside / "benchmarks" / "levels.py")


def alone() -> None:
    """The bank, slower ways, and the published counts."""
    plus = load_problem(*reversed(read_problem("channel_weights")))
    draw = probes(plus.target.function.parameters, nonnegative=True, seed=0)

    def row(enumerator: str, size: str, combined: int, seconds: float) -> dict[str, object]:
        figures = {"combined": combined, "seconds": seconds, "terms/s": combined / seconds}
        return {"enumerator": enumerator, "size": size, **figures}

    _, levels = grow(plus.target.grammar, draw, 10)
    rows = [row("bank, channel_weights", str(size), *levels[size - 1]) for size in (7, 8, 9, 10)]
    started = time.perf_counter()
    combined = one_at_a_time(plus.target.grammar, draw, 6)
    rows.append(row("one term at a time, channel_weights", "1-6", combined, time.perf_counter() - started))
    if importlib.util.find_spec("cvc5") is not None:
        rows.append(row("cvc5, integers with + and -", "any", cvc5_terms(5.0), 5.0))
    report("enumeration", "bottom-up enumeration", rows, **toy_counts())


if __name__ == "__main__":
    main()
