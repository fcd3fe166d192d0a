"""Answers on new pictures: the choice among finalists against the winner of a search that spends the same passes.

Run ``python benchmarks/generalisation.py``; it takes hours, can be stopped at any time and goes on where it was
(``--work DIR`` keeps what was scored). ``--quick`` takes less than ten minutes and writes nothing into ``results``.
``--only shapes-vgg:deletion`` runs one of the eight parts; several processes may each run some, with one ``--work``.
``--check 2`` repeats the first splits of each part, without the fresh pictures, and compares every choice and cost with
those in ``results``: whether what was measured still holds of the code, in minutes.

Every term of a shipped grammar up to a size is a candidate. In each of 20 splits, of pictures of its own, the
candidates race on the search pictures, as in a run; the finalists race on through the validation pictures; and a search
without validation races all candidates on as many pictures as cost at least the same. All candidates are scored on
2,000 fresh pictures, the same for all splits, from which the regret of each choice follows: by how much the best
candidate there is better, as a share of the distance from Grad-CAM to it.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness import RESULTS, report
from solvers.cam.archive import Archive, Judged
from solvers.cam.finalists import Choice, Finals
from solvers.cam.journal import JOURNAL, Journal
from solvers.cam.learner import Fate, Outcome
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.race import Racer
from solvers.cam.run import BATCH
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
from sygus.statistics import Mean

NETWORKS = ("shapes-vgg", "shapes-resnet")
GRAMMARS = {"deletion": 6, "gradcam_plus": 7, "insertion": 5, "ground_truth": 7}
"""The shipped file and the size of the largest candidate."""

SEARCH, VALIDATION, HELD_OUT, FRESH = 96, 384, 192, 2000
SPLITS = 20
DRAWN = 50
"""Sets of held-out pictures, for each split."""

FRESH_SEED = 10_000
CHUNK = 500
"""Fresh pictures at a time: bounds the memory."""


@dataclass(frozen=True)
class Part:
    """One network and one grammar."""

    network: str
    grammar: str

    @property
    def name(self) -> str:
        """As ``--only`` takes it."""
        return f"{self.network}:{self.grammar}"

    def problem(self) -> CamProblem:
        """The file without its constraints: what is measured is the choice by the metric."""
        return CamProblem(replace(load_problem(*reversed(read_problem(self.grammar))), constraints=()))

    def settings(self, seed: int, pictures: int) -> Settings:
        """Of one set of pictures."""
        budget = f"size={GRAMMARS[self.grammar]}"
        return Settings(network=self.network, budget=budget, seed=seed, search_images=pictures, held_out_images=2)

    def oracle(self, seed: int, pictures: int) -> CamOracle:
        """On one set of pictures."""
        return load_subjects(self.settings(seed, pictures)).search

    def candidates(self) -> list[Term]:
        """Every term up to the size, equal values once, in the order of a run."""
        settings = self.settings(0, 8)
        learner = Enumerate(space_of(self.problem(), settings, load_subjects(settings).search))
        found: list[Term] = []
        while proposals := learner.ask(BATCH):
            found += [proposal.term for proposal in proposals]
        return found


class Replay(CamOracle):
    """Some of an oracle's pictures; scores are remembered, and counted whenever they are asked for.

    A candidate's heat maps are stood for by a key, its row.
    """

    def __init__(
        self, oracle: CamOracle, heat: list[HeatMaps], terms: list[Term], known: Scores, index: NDArray[np.int64]
    ) -> None:
        self.oracle = oracle
        self.heat = heat
        self.rows = {term: row for row, term in enumerate(terms)}
        self.known = known
        self.index = index
        self.subject: Any = SimpleNamespace(images=range(len(self.index)))
        self.forwards = 0

    def heat_maps(self, terms: Sequence[Term]) -> list[HeatMaps]:
        """Stand-ins."""
        return [HeatMaps(torch.empty(0), str(self.rows[term]), 0, True) for term in terms]

    def identity(self, metric: Metric) -> str:
        """The metric's name."""
        return metric.name

    def attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: torch.Tensor) -> Scores:
        """The scores of the rows."""
        rows, pictures = [int(one.key) for one in heat], self.index[index.numpy()]
        self.forwards += len(rows) * len(pictures)
        lacking = [row for row in rows if np.isnan(self.known[row, pictures]).any()]
        if lacking:
            found = self.oracle.score([self.heat[row] for row in lacking], metric, torch.from_numpy(pictures))
            self.known[np.ix_(lacking, pictures)] = found
        return self.known[np.ix_(rows, pictures)]


def race(problem: CamProblem, oracle: Replay, terms: list[Term]) -> Archive:
    """Race every candidate as a run does, through the pictures in order; the archive of what was scored in full."""
    (symbol, metric), *_ = problem.metrics.items()
    racer = replace(Racer.of("t", len(oracle.index), 0), order=np.arange(len(oracle.index)))
    heat, archive = oracle.heat_maps(terms), Archive(problem)
    for start in range(0, len(terms), BATCH):
        batch = heat[start : start + BATCH]
        unknown = np.full((len(batch), len(oracle.index)), np.nan, np.float32)
        leader = None if archive.leader is None else archive.leader.outcome.scores[symbol]
        for row, scores in enumerate(racer.run(oracle, batch, metric, unknown, leader), start):
            if not np.isnan(scores).any():
                objectives = (float(scores.mean(dtype=np.float64)), float(terms[row].size))
                outcome = Outcome(Fate.SCORED, objectives, len(scores), True, {symbol: scores})
                archive.consider(Judged(row, terms[row], outcome))
    return archive


def split(part: Part, terms: list[Term], seed: int, work: Path) -> dict[str, Any]:
    """One split: which candidate each way chooses, and what it costs."""
    problem = part.problem()
    pictures = SEARCH + VALIDATION
    oracle = part.oracle(seed, pictures)
    heat = oracle.heat_maps(terms)
    stem = f"{part.network}-{part.grammar}-{seed}"
    paid = work / f"{stem}-scores.npy"
    known = np.load(paid) if paid.exists() else np.full((len(terms), pictures), np.nan, np.float32)

    order = np.random.Generator(np.random.PCG64(seed)).permutation(pictures)

    def some(index: NDArray[np.int64]) -> Replay:
        return Replay(oracle, heat, terms, known, index)

    search, validation = some(order[:SEARCH]), some(order[SEARCH:])
    archive = race(problem, search, terms)
    with TemporaryDirectory() as folder, Journal(Path(folder) / JOURNAL, SEARCH) as journal:
        choice = Finals(problem, search, validation, journal, seed).choose(archive)
    count, most = SEARCH, pictures
    while count < most:  # the fewest pictures on which the search alone costs as much
        middle = (count + most) // 2
        tried = some(order[:middle])
        race(problem, tried, terms)
        count, most = (count, middle) if tried.forwards >= search.forwards + validation.forwards else (middle + 1, most)
    alone = some(order[:count])
    rival = race(problem, alone, terms)
    np.save(paid, known)
    assert archive.leader is not None
    assert choice.leader is not None
    assert rival.leader is not None
    return {
        "seed": seed,
        "finalists": _rows(choice),
        "chosen": choice.leader.id,
        "search winner": archive.leader.id,
        "winner at equal passes": rival.leader.id,
        "passes": search.forwards + validation.forwards,
        "passes of the search": search.forwards,
        "passes at equal passes": alone.forwards,
        "pictures at equal passes": count,
    }


def _rows(choice: Choice) -> list[tuple[int, float, bool]]:
    """Row, probability of being the best, and whether it was in the race to its end, of each finalist."""
    return [(one.judged.id, one.probability, one.complete) for one in choice.finalists]


def fresh_scores(part: Part, terms: list[Term], pictures: int) -> Scores:
    """The scores (candidates and Grad-CAM, pictures) on the fresh pictures."""
    (metric, *_) = part.problem().metrics.values()
    blocks = []
    for start in range(0, pictures, CHUNK):
        count = min(CHUNK, pictures - start)
        oracle = part.oracle(FRESH_SEED + start, count)
        everything = torch.arange(count)
        heat = oracle.heat_maps(terms)
        scores = [oracle.score(heat[at : at + BATCH], metric, everything) for at in range(0, len(heat), BATCH)]
        gradcam = methods()["gradcam"].evaluation(oracle)
        blocks.append(np.concatenate([*scores, oracle.judge(gradcam, metric)[None]]))
    return np.concatenate(blocks, axis=1)


def there_already(part: Part, splits: int, fresh: int, work: Path) -> tuple[list[dict[str, Any]], Scores]:
    """The splits of a part that were measured before, and its scores on the fresh pictures."""
    paths = (work / f"{part.network}-{part.grammar}-{seed}.json" for seed in range(1, splits + 1))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    return found, np.load(work / f"{part.network}-{part.grammar}-{fresh}.npy") if found else np.empty(
        (0, 0), np.float32
    )


def measured(part: Part, splits: int, fresh: int, work: Path) -> tuple[list[dict[str, Any]], Scores]:
    """The splits of a part and its scores on the fresh pictures, as far as they are not there yet."""
    terms = part.candidates()
    there = work / f"{part.network}-{part.grammar}-{fresh}.npy"
    if not there.exists():
        np.save(there, fresh_scores(part, terms, fresh))
    for seed in range(1, splits + 1):
        path = work / f"{part.network}-{part.grammar}-{seed}.json"
        if not path.exists():
            path.write_text(json.dumps(split(part, terms, seed, work)), encoding="utf-8")
    return there_already(part, splits, fresh, work)


def summary(part: Part, splits: list[dict[str, Any]], scores: Scores) -> dict[str, Any]:
    """A line of the table."""
    sign = 1 if part.problem().goals[0].direction == "min" else -1
    *means, gradcam = sign * scores.mean(1, dtype=np.float64)
    scale = gradcam - min(means)

    def regret(name: str) -> float:
        return statistics.mean((means[one[name]] - min(means)) / scale for one in splits)

    def beaten(name: str) -> float:
        return statistics.mean(float(np.mean(np.array(means) < means[one[name]])) for one in splits)

    covered = list(_covered(splits, scores))
    chosen, rival, winner = "chosen", "winner at equal passes", "search winner"
    return {
        "network": part.network,
        "grammar": part.grammar,
        "candidates": len(means),
        "splits": len(splits),
        "regret of the choice": regret(chosen),
        "at equal passes": regret(rival),
        "ratio": regret(chosen) / regret(rival) if regret(rival) else 1.0,  # neither is ever worse than the best
        "of the search winner": regret(winner),
        "behind, choice": beaten(chosen),
        "behind, equal passes": beaten(rival),
        "passes over search": statistics.mean(one["passes"] / one["passes of the search"] for one in splits),
        "pictures at equal passes": statistics.mean(one["pictures at equal passes"] for one in splits),
        "covered": sum(covered) / len(covered),
        "intervals": len(covered),
    }


def _covered(splits: list[dict[str, Any]], scores: Scores) -> Iterator[bool]:
    """Whether the interval over held-out pictures, drawn of the fresh ones, holds the mean over all others."""
    for one in splits:
        mine = scores[one["chosen"]]
        generator = np.random.Generator(np.random.PCG64(one["seed"]))
        for _ in range(DRAWN):
            held_out = np.zeros(len(mine), bool)
            held_out[generator.permutation(len(mine))[:HELD_OUT]] = True
            interval, truth = Mean.of(mine[held_out]), float(mine[~held_out].mean(dtype=np.float64))
            # The truth is a mean too: the interval is widened by its share of the error.
            wider = (1 + HELD_OUT / (len(mine) - HELD_OUT)) ** 0.5
            low, high = (interval.value + (end - interval.value) * wider for end in (interval.low, interval.high))
            yield low <= truth <= high


def reliability(parts: list[tuple[Part, list[dict[str, Any]], Scores]]) -> list[dict[str, Any]]:
    """How often finalists that are said to be the best with some probability are."""
    said: list[float] = []
    true: list[bool] = []
    for part, splits, scores in parts:
        sign = 1 if part.problem().goals[0].direction == "min" else -1
        means: NDArray[np.float64] = sign * scores.mean(1, dtype=np.float64)
        for one in splits:
            rows = [row for row, _, complete in one["finalists"] if complete]
            best = min(rows, key=lambda row: means[row])
            said += [probability for _, probability, complete in one["finalists"] if complete]
            true += [bool(means[row] == means[best]) for row in rows]
    edges = [0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0001]
    table = []
    for low, high in pairwise(edges):
        within = [index for index, probability in enumerate(said) if low <= probability < high]
        if within:
            table.append(
                {
                    "from": float(low),
                    "to": min(1.0, high),
                    "finalists": len(within),
                    "said": statistics.mean(said[index] for index in within),
                    "were the best": statistics.mean(float(true[index]) for index in within),
                }
            )
    return table


CHOICES = ("chosen", "winner at equal passes", "search winner")
COLUMNS = (*CHOICES, "passes")
"""Of a split, what the file of results holds."""


ALIKE = 1e-5
"""Relative difference of the mean scores of candidates that draw one map: with rounding, as it is on a processor."""

CLOSE = 0.01
"""Relative difference of passes: which of two that draw one map leads may end a race a batch earlier."""


def as_before(part: Part, splits: int) -> bool:
    """Whether the first splits of a part, made anew, choose what the file of results says, or what scores alike."""
    with (RESULTS / "generalisation.csv").open(encoding="utf-8", newline="") as file:
        before = {row["seed"]: row for row in csv.DictReader(file) if (row["network"], row["grammar"]) == astuple(part)}
    (metric, *_) = part.problem().metrics.values()
    terms, same = part.candidates(), True
    for seed in range(1, splits + 1):
        with TemporaryDirectory() as folder:
            one = split(part, terms, seed, Path(folder))
        expected = {name: int(before[str(seed)][name]) for name in COLUMNS}
        oracle = part.oracle(seed, SEARCH + VALIDATION)
        everything = torch.arange(len(oracle.subject.images))
        differ = [name for name in CHOICES if one[name] != expected[name]]
        pairs = [oracle.heat_maps([terms[one[name]], terms[expected[name]]]) for name in differ]
        means = [oracle.score(heat, metric, everything).mean(1, dtype=np.float64) for heat in pairs]
        agrees = all(np.isclose(new, old, rtol=ALIKE, atol=0) for new, old in means)
        agrees &= abs(one["passes"] - expected["passes"]) <= CLOSE * expected["passes"]
        found = {name: one[name] for name in COLUMNS}
        said = "as before" if found == expected else f"{found}, before {expected}, which scores alike"
        print(part.name, seed, said if agrees else f"DIFFERS: {found}, before {expected}", flush=True)
        same &= bool(agrees)
    return same


def draw(rows: list[dict[str, Any]], table: list[dict[str, Any]]) -> None:
    """Regrets side by side, and how often finalists of a probability were the best."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    places, width = np.arange(len(rows)), 0.4
    left.bar(places - width / 2, [row["at equal passes"] for row in rows], width, color="#999999", label="search alone")
    left.bar(
        places + width / 2, [row["regret of the choice"] for row in rows], width, color="#0072B2", label="finalists"
    )
    names = [f"{row['grammar']}\n{row['network'].removeprefix('shapes-')}" for row in rows]
    left.set_xticks(places, names, rotation=60, fontsize=7)
    left.set_yscale("symlog", linthresh=0.01)
    left.set_ylabel("regret at equal passes")
    left.legend(frameon=False)
    right.plot([0, 1], [0, 1], color="#999999", linestyle="--")
    right.plot([row["said"] for row in table], [row["were the best"] for row in table], "o-", color="#0072B2")
    right.set_xlabel("P(best) as stated")
    right.set_ylabel("share that were the best")
    figure.savefig(RESULTS / "generalisation.png", dpi=110)


def main() -> None:
    """Measure, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two parts, 4 splits, 500 fresh pictures")
    parser.add_argument("--only", action="append", metavar="NETWORK:GRAMMAR", help="measure this part, report nothing")
    parser.add_argument("--work", default=".generalisation", help="folder of what was scored")
    parser.add_argument(
        "--check", type=int, metavar="N", help="repeat N splits of each part; exit status 1 if any differs"
    )
    parser.add_argument("--as-is", action="store_true", help="measure nothing; report what was measured before")
    options = parser.parse_args()
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    parts = [Part(network, grammar) for network, grammar in product(NETWORKS, GRAMMARS)]
    splits, fresh = (4, 500) if options.quick else (SPLITS, FRESH)
    if options.quick:
        parts = [Part("shapes-vgg", "deletion"), Part("shapes-vgg", "ground_truth")]
    parts = [part for part in parts if not options.only or part.name in options.only]
    if options.check:
        same = [as_before(part, options.check) for part in parts]
        sys.exit(not all(same))
    if options.only:
        for part in parts:
            measured(part, splits, fresh, work)
        return
    measure = there_already if options.as_is else measured
    found = [one for one in ((part, *measure(part, splits, fresh, work)) for part in parts) if one[1]]
    rows = [summary(*one) for one in found]
    if options.quick:
        print(json.dumps(rows, indent=1))
        return
    table = reliability(found)
    facts = {"mean ratio": statistics.mean(row["ratio"] for row in rows), "reliability": table}
    report("generalisation", "regret on fresh pictures: the choice among finalists, and a search alone", rows, **facts)
    draw(rows, table)
    with (RESULTS / "generalisation.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["network", "grammar", "seed", *COLUMNS])
        for part, ones, _ in found:
            for one in ones:
                writer.writerow([part.network, part.grammar, one["seed"], *(one[name] for name in COLUMNS)])


if __name__ == "__main__":
    main()
