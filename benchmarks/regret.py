"""Passes until the leader of a search is the best there is: learners by name, in the program's own run and race.

Run ``python benchmarks/regret.py``; the exhaustive tables take an hour, all else minutes. It can be stopped at any time
and goes on where it was (``--work DIR`` keeps tables and searches). ``--quick`` looks at one part, five seeds, and
writes nothing into ``results``. ``--only shapes-vgg:insertion`` measures one part, ``--learner NAME`` one learner.

Every term of a shipped grammar up to a size is scored on all 96 search pictures, terms of equal maps once. A search is
then the program's own, but for three things: its scores are looked up in that table, constants are not tuned, and the
constraints are left out, so that what is measured is the way to the best score. Its cost is the share of the table
that its race asked for; its regret is how much better the best of the table is than its leader, as a share of the
distance from Grad-CAM to the best.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from harness import RESULTS, report
from solvers.cam.budget import Budget, Spending
from solvers.cam.journal import JOURNAL, Journal
from solvers.cam.learner import Space
from solvers.cam.learners import find_learner
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.race import Racer
from solvers.cam.run import BATCH, Progress, Run
from solvers.cam.search import space_of
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.language.elaborate import load_problem
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.methods import methods
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem
from sygus.saliency.metrics import Metric

NETWORKS = ("shapes-vgg", "shapes-resnet")
GRAMMARS = {"gradcam_plus": 11, "insertion": 13, "ground_truth": 10}
"""The shipped file and the size of the largest term."""

PICTURES = 96
SEEDS = 20
NEAR = 0.01
"""Regret from which on a search has arrived."""

SHARES = {"shapes-vgg": 1 / 40, "shapes-resnet": 1 / 12}
"""The cost goal: the median seed arrives with so much of the table, nine in ten with twice that."""

QUANTILES = {"first quartile": 0.25, "median share": 0.5, "third quartile": 0.75, "worst": 1.0}
"""Of the share that the seeds take; none where the searches ended elsewhere."""

LEARNERS = ("enumerate", "random", "surrogate")


@dataclass(frozen=True)
class Part:
    """One network and one grammar."""

    network: str
    grammar: str
    work: Path

    @property
    def name(self) -> str:
        """As ``--only`` takes it."""
        return f"{self.network}:{self.grammar}"

    @cached_property
    def problem(self) -> CamProblem:
        """The file without its constraints and its open constants."""
        stated = load_problem(*reversed(read_problem(self.grammar)))
        target = replace(stated.target, written=stated.target.grammar)
        return CamProblem(replace(stated, constraints=(), targets=(target,)))

    @cached_property
    def metric(self) -> Metric:
        """Of the first objective."""
        symbol = self.problem.goals[0].metric
        assert symbol is not None
        return self.problem.metric(symbol)

    @cached_property
    def settings(self) -> Settings:
        """Of the search pictures."""
        budget = f"size={GRAMMARS[self.grammar]}"
        return Settings(network=self.network, budget=budget, search_images=PICTURES, held_out_images=2, device="cpu")

    @cached_property
    def oracle(self) -> CamOracle:
        """On the search pictures."""
        return load_subjects(self.settings).search

    @cached_property
    def space(self) -> Space:
        """What is searched."""
        return space_of(self.problem, self.settings, self.oracle)

    @cached_property
    def candidates(self) -> list[HeatMaps]:
        """The maps of every term up to the size, equal maps once, in the order of ``enumerate``."""
        learner, found = Enumerate(self.space), list[Term]()
        while proposals := learner.ask(BATCH):
            found += [proposal.term for proposal in proposals]
        return list({heat.key: heat for heat in self.heat_maps(found) if heat.finite}.values())

    @cached_property
    def drawn(self) -> dict[Term, HeatMaps]:
        """Maps by term, as the searches of a part draw the same ones."""
        return {}

    def heat_maps(self, terms: Sequence[Term]) -> list[HeatMaps]:
        """The maps of terms, drawn once."""
        lacking = [term for term in terms if term not in self.drawn]
        self.drawn.update(zip(lacking, self.oracle.heat_maps(lacking), strict=True))
        return [self.drawn[term] for term in terms]

    def file(self, learner: str, seed: int) -> Path:
        """Where a search is kept."""
        return self.work / f"{self.network}-{self.grammar}-{GRAMMARS[self.grammar]}-{learner}-{seed}.json"

    @cached_property
    def means(self) -> list[float]:
        """Of each candidate over the pictures."""
        return [float(mean) for mean in self.table.mean(1, dtype=np.float64)]

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The best score there is, and Grad-CAM's."""
        gradcam = self.oracle.judge(methods()["gradcam"].evaluation(self.oracle), self.metric)
        best = min if self.metric.direction == "min" else max
        return best(self.means), float(gradcam.mean(dtype=np.float64))

    def regret(self, score: float) -> float:
        """How much better the best is than a score, as a share of the distance from Grad-CAM to the best."""
        best, gradcam = self.ends
        return (score - best) / (gradcam - best)

    @cached_property
    def table(self) -> Scores:
        """The score of every candidate on every picture."""
        path = self.work / f"{self.network}-{self.grammar}-{GRAMMARS[self.grammar]}.npy"
        shape = (len(self.candidates), PICTURES)
        scores: Scores = np.load(path) if path.exists() else np.full(shape, np.nan, np.float32)
        everything = torch.arange(PICTURES)
        for start in range(0, len(scores), BATCH):
            if np.isnan(scores[start : start + BATCH]).any():
                heat = self.candidates[start : start + BATCH]
                scores[start : start + BATCH] = self.oracle.score(heat, self.metric, everything)
                np.save(path, scores)
        return scores


class Replay(CamOracle):
    """The part's oracle with its scores looked up; counted is every score that a race asks for."""

    def __init__(self, part: Part) -> None:
        super().__init__(part.oracle.subject, lasting=False)
        self.part = part
        self.rows = {heat.key: row for row, heat in enumerate(part.candidates)}

    def heat_maps(self, terms: Sequence[Term]) -> list[HeatMaps]:
        """Those of the part."""
        return self.part.heat_maps(terms)

    def attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: torch.Tensor) -> Scores:  # noqa: ARG002
        """Rows of the table."""
        self.forwards += len(heat) * len(index)
        return self.part.table[np.ix_([self.rows[one.key] for one in heat], index.numpy())]


class Arrived(Exception):  # noqa: N818 - it is no error
    """The leader is as good as the best there is."""


def searched(part: Part, learner: str, seed: int) -> dict[str, Any]:
    """One search, until its leader is near the best: what each leader had cost, and its regret."""
    oracle, space = Replay(part), replace(part.space, seed=seed, heat_maps=part.heat_maps)
    path: list[tuple[int, float]] = []

    def report_(progress: Progress) -> None:
        assert progress.leader is not None
        regret = part.regret(progress.leader.outcome.objectives[0])
        if not path or regret < path[-1][1]:
            path.append((progress.spending.forwards, regret))
        if regret <= NEAR:
            raise Arrived

    with TemporaryDirectory() as folder, Journal(Path(folder) / JOURNAL, PICTURES) as journal:
        racer, spending = Racer.of("t", PICTURES, seed), Spending(Budget())
        run = Run(part.problem, oracle, space, find_learner(learner)(space), racer, spending, journal, report_)
        try:
            run.execute()
        except Arrived:
            arrived = True
        else:
            arrived = False
    return {
        "seed": seed,
        "passes": spending.forwards,
        "share": spending.forwards / part.table.size,
        "arrived": arrived,
        "proposed": sum(run.fates.values()),
        "seconds": spending.seconds,
        "path": path,
    }


def there_already(part: Part, learner: str, seeds: int) -> list[dict[str, Any]]:
    """The searches that were made before."""
    found = (part.file(learner, seed) for seed in range(1, seeds + 1))
    return [json.loads(path.read_text(encoding="utf-8")) for path in found if path.exists()]


def measured(part: Part, learner: str, seeds: int) -> list[dict[str, Any]]:
    """The searches of a learner, made as far as they are not there yet."""
    for seed in range(1, seeds + 1):
        path = part.file(learner, seed)
        if not path.exists():
            path.write_text(json.dumps(searched(part, learner, seed)), encoding="utf-8")
    return there_already(part, learner, seeds)


def summary(part: Part, learner: str, searches: list[dict[str, Any]]) -> dict[str, Any]:
    """A line of the table."""
    shares = sorted(one["share"] for one in searches if one["arrived"])
    shares += [math.inf] * (len(searches) - len(shares))
    goal = SHARES[part.network]
    return {
        "network": part.network,
        "grammar": part.grammar,
        "terms": len(part.table),
        "near the best": int(sum(part.regret(score) <= NEAR for score in part.means)),
        "learner": learner,
        "searches": len(searches),
        "arrived": sum(one["arrived"] for one in searches),
        **{name: _quantile(shares, level) for name, level in QUANTILES.items()},
        "goal": goal,
        "within the goal": sum(share <= goal for share in shares),
        "within twice the goal": sum(share <= 2 * goal for share in shares),
        "median proposals": statistics.median(one["proposed"] for one in searches),
        "median seconds": statistics.median(one["seconds"] for one in searches),
    }


def _quantile(shares: Sequence[float], level: float) -> float | None:
    """Of sorted shares, of which some are infinite; None where it is."""
    low, high = (shares[round_(level * (len(shares) - 1))] for round_ in (math.floor, math.ceil))
    return (low + high) / 2 if math.isfinite(low + high) else None


def draw(parts: Sequence[Part], found: Mapping[tuple[str, str], list[dict[str, Any]]]) -> None:
    """For each part the share of the searches that have arrived, by what they have paid; of what was measured."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    networks = list(dict.fromkeys(part.network for part in parts))
    grammars = list(dict.fromkeys(part.grammar for part in parts))
    grid = figure.subplots(len(networks), len(grammars), sharex=True, sharey=True, squeeze=False)
    colours = dict(zip(LEARNERS, ("#999999", "#E69F00", "#0072B2"), strict=True))
    for part in parts:
        axes = grid[networks.index(part.network), grammars.index(part.grammar)]
        for learner, colour in colours.items():
            searches = found.get((part.name, learner), [])
            if not searches:
                continue
            shares = sorted(one["share"] for one in searches if one["arrived"])
            heights = [number / len(searches) for number in range(1, len(shares) + 1)]
            axes.step(shares, heights, where="post", color=colour, label=learner)
        axes.axvline(SHARES[part.network], color="#000000", linestyle=":", linewidth=1)
        axes.set_xscale("log")
        axes.set_title(f"{part.grammar}, {part.network}", fontsize=8)
    grid[0, 0].legend(frameon=False, fontsize=8)
    figure.supxlabel("passes, as a share of scoring every term in full (dotted: the goal of the median)", fontsize=9)
    figure.supylabel("share of seeds within 1 % of the best", fontsize=9)
    figure.savefig(RESULTS / "regret.png", dpi=110)


def main() -> None:
    """Measure, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one part, five seeds; writes no results")
    parser.add_argument("--only", action="append", metavar="NETWORK:GRAMMAR", help="measure this part, report nothing")
    parser.add_argument("--learner", action="append", help="measure this one; by default " + ", ".join(LEARNERS))
    parser.add_argument("--work", default=".regret", help="folder of tables and searches")
    parser.add_argument("--as-is", action="store_true", help="search nothing; report what was measured before")
    options = parser.parse_args()
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    parts = [Part(network, grammar, work) for network, grammar in product(NETWORKS, GRAMMARS)]
    if options.quick or options.only:
        parts = [part for part in parts if part.name in (options.only or ["shapes-vgg:ground_truth"])]
    look = there_already if options.as_is else measured
    learners, seeds = options.learner or LEARNERS, 5 if options.quick else SEEDS
    found = {(part.name, learner): look(part, learner, seeds) for part in parts for learner in learners}
    rows = [summary(part, learner, one) for part in parts for learner in learners if (one := found[part.name, learner])]
    if options.quick or options.only:
        print(json.dumps(rows, indent=1))
        return
    parts = [part for part in parts if any(found[part.name, learner] for learner in learners)]
    if not parts:
        parser.error(f"nothing was measured before in '{work}'")
    sizes = {part.grammar: GRAMMARS[part.grammar] for part in parts}
    facts = {"pictures": PICTURES, "sizes": sizes, "near": NEAR}
    report(
        "regret", "passes until the leader is within 1 % of the best, as a share of scoring every term", rows, **facts
    )
    draw(parts, found)
    with (RESULTS / "regret.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["network", "grammar", "learner", "seed", "passes", "share", "arrived", "proposed"])
        for part, learner in product(parts, learners):
            for one in found[part.name, learner]:
                numbers = (one[name] for name in ("seed", "passes", "share", "arrived", "proposed"))
                writer.writerow([part.network, part.grammar, learner, *numbers])


if __name__ == "__main__":
    main()
