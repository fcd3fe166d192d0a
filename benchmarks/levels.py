"""Times the levels of banks and prints them as JSON: what ``enumeration.py --beside`` runs in each checkout.

Seconds are of the processor, in one thread, so that what else the machine does counts little.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from solvers.cam.behaviour import probe_bank
from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.evaluation import column
from solvers.cegis.search.samples import ArgumentSamples, random_points
from sygus.language.elaborate import load_problem
from sygus.oracles.cam import probes
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle
from sygus.resources import read_problem

LARGEST = 10
"""Of the CAM grammar; the largest level holds the start symbol alone."""

ORDINARY = {
    "bit-vectors": (
        """(set-logic BV) (synth-fun f ((x (_ BitVec 64)) (y (_ BitVec 64))) (_ BitVec 64) ((E (_ BitVec 64)))
        ((E (_ BitVec 64) (x y #x0000000000000001 (bvnot E) (bvneg E) (bvadd E E) (bvsub E E) (bvand E E) (bvor E E)
        (bvxor E E) (bvshl E E) (bvlshr E E))))) (check-synth)""",
        8,
    ),
    "linear integers": (
        """(set-logic LIA) (synth-fun f ((x Int) (y Int) (z Int)) Int ((I Int) (B Bool))
        ((I Int (x y z 0 1 (+ I I) (- I I) (ite B I I))) (B Bool ((<= I I) (= I I) (and B B) (or B B) (not B)))))
        (check-synth)""",
        10,
    ),
    "strings": (
        """(set-logic SLIA) (synth-fun f ((s String) (t String)) String ((S String) (I Int))
        ((S String (s t " " (str.++ S S) (str.at S I) (str.substr S I I))) (I Int (0 1 (str.len S) (+ I I)
        (str.indexof S S I))))) (check-synth)""",
        9,
    ),
}
POINTS, SEED = 64, 3

RESTARTS, SMALL = 20, 5
"""Banks that are begun anew and sizes that they reach: refinement does so with every counterexample."""

Figures = dict[str, Any]


def figures(case: str, size: str, terms: int, started: float) -> Figures:
    """One row, its clock stopped."""
    return {"case": case, "size": size, "terms": terms, "seconds": time.process_time() - started}


def cam_levels() -> Iterator[Figures]:
    """The largest levels of a grammar that comes along."""
    target = load_problem(*reversed(read_problem("channel_weights"))).target
    draw = probes(target.function.parameters, nonnegative=True, seed=0)
    bank = probe_bank(target.grammar, draw, SafetyOracle(domains(True)), deepest=LARGEST)
    for size in range(1, LARGEST + 1):
        started = time.process_time()
        bank.grow()
        terms = sum(len(bank.level(nonterminal, size)) for nonterminal in target.grammar.productions)
        if size > LARGEST - 3:
            yield figures("CAM, channel_weights", str(size), terms, started)


def ordinary_levels() -> Iterator[Figures]:
    """The largest level of each ordinary grammar, and all small ones many times."""
    for case, (text, largest) in ORDINARY.items():
        target = load_problem(text, case).target
        parameters = target.function.parameters
        points = random_points(parameters, POINTS, SEED)
        samples = ArgumentSamples({p: column([point[p] for point in points], p.sort) for p in parameters})

        def terms(restarts: int, sizes: int, target: Any = target, samples: Any = samples) -> Iterator[int]:
            for _ in range(restarts):
                bank = sample_bank(target.grammar, samples, Limits(3600))
                for size in range(1, sizes + 1):
                    bank.grow()
                    yield sum(len(bank.level(nonterminal, size)) for nonterminal in target.grammar.productions)

        started = time.process_time()
        yield figures(case, f"1-{SMALL}, {RESTARTS} times", sum(terms(RESTARTS, SMALL)), started)
        started = time.process_time()
        yield figures(case, f"1-{largest}", sum(terms(1, largest)), started)


if __name__ == "__main__":
    print(json.dumps([*cam_levels(), *ordinary_levels()]))
