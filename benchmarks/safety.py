"""The safety oracle: what a new denominator costs, and what a denominator costs once it is known.

Run ``python benchmarks/safety.py``. The denominators are the distinct terms of a small grammar.
"""

from __future__ import annotations

import statistics
import time

from harness import report
from solvers.cam.behaviour import probe_bank
from sygus.language.elaborate import load_problem
from sygus.oracles.cam import probes
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle

GRAMMAR = """
(set-logic CAM)
(synth-fun w ((activation Map) (gradient Map) (probability Real)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M) (softmax W) (minmax W) (exp W) (+ W 1) (+ W W) (* W W) (abs W)))
   (M Map    (activation gradient (relu M) (square M) (+ M 1) (* M probability)))))
(check-synth)
"""
SIZE = 5
REPEATS = 20


def main() -> None:
    """Measure and report."""
    problem = load_problem(GRAMMAR, "safety")
    draw = probes(problem.target.function.parameters, nonnegative=True, seed=0)
    bank = probe_bank(problem.target.grammar, draw, SafetyOracle(domains(True)), deepest=SIZE)
    start = bank.grammar.start
    terms = []
    for size in range(1, SIZE + 1):
        bank.grow()
        terms.extend(bank.term(start, size, row) for row in range(len(bank.level(start, size))))
    oracle = SafetyOracle(domains(True))
    seconds = []
    safe = 0
    for term in terms:
        started = time.perf_counter()
        safe += oracle.nonzero(term).safe
        seconds.append(time.perf_counter() - started)
    started = time.perf_counter()
    for term in terms * REPEATS:
        oracle.nonzero(term)
    known = time.perf_counter() - started
    row = {
        "denominators": len(terms),
        "proved nonzero": safe,
        "new, median ms": 1000 * statistics.median(seconds),
        "new, largest ms": 1000 * max(seconds),
        "new, per second": len(terms) / sum(seconds),
        "known, per second": REPEATS * len(terms) / known,
        "each asked 21 times, per second": (1 + REPEATS) * len(terms) / (sum(seconds) + known),
    }
    report("safety", "proofs that a denominator is nonzero", [row])


if __name__ == "__main__":
    main()
