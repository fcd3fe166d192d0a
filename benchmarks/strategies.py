"""What each strategy needs to come as far as another: terms and passes, from the improvements of a comparison.

Run ``python benchmarks/strategies.py``. It reads ``results/strategies``, which ``--run`` makes anew in hours (it can
be stopped, and goes on where it was): all strategies and the peers, three grammars on two networks with 20 seeds. Peers
need the extra ``benchmark``.

Of each task the target is the median score over the seeds that a rival has when its budget is spent. What a strategy
needs is the first count at which its own median is as good; a seed that has found nothing yet counts as worst.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from harness import RESULTS

FOLDER = RESULTS / "strategies"
RIVALS = ("random", "peers:Deap")
LEARNERS = "random,enumerate,genetic,pcfg,cross-entropy,mcmc,mcts,surrogate,auto"
PEERS = "peers:Deap,peers:OptunaRandom,peers:OptunaTPE,peers:OptunaNSGAII"
COMMAND = (
    f"compare gradcam_plus ground_truth deletion --network shapes-vgg,shapes-resnet --strategies {LEARNERS},{PEERS} "
    f"--seeds 20 --budget terms=100,size=11 --search-images 48 --held-out-images 96 --exhaustive 7 --out {FOLDER}"
)

Counts = tuple[float, float]
"""Terms scored, and masked passes."""

Curve = list[tuple[Counts, float]]
"""The improvements of a trial: when, and the cost from then on."""


def curves(folder: Path) -> Mapping[tuple[str, str], Mapping[str, Curve]]:
    """By task and strategy, the improvements of every seed."""
    found: dict[tuple[str, str], dict[str, Curve]] = defaultdict(lambda: defaultdict(list))
    with (folder / "improvements.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            when = (float(row["terms"]), float(row["passes"]))
            found[row["function_name"], row["algorithm_name"]][row["instance"]].append((when, float(row["raw_y"])))
    return found


def medians(trials: Iterable[Curve], seeds: int, unit: int) -> list[tuple[float, float]]:
    """The median cost over the seeds from each count on at which it changes for some seed."""
    events = sorted((when[unit], number, cost) for number, trial in enumerate(trials) for when, cost in trial)
    costs = np.full(seeds, np.inf)
    found = []
    for count, number, cost in events:
        costs[number] = min(costs[number], cost)
        low, high = np.sort(costs)[[(seeds - 1) // 2, seeds // 2]]
        found.append((count, float(np.inf if np.isinf(high) else (low + high) / 2)))
    return found


def needed(trials: Iterable[Curve], seeds: int, target: float, unit: int) -> float:
    """The first count at which the median is at most the target; infinite where it never is."""
    return next((count for count, median in medians(trials, seeds, unit) if median <= target + 1e-9), np.inf)


def table(folder: Path, strategy: str) -> list[dict[str, object]]:
    """What a strategy needs beside each rival, by task."""
    of = curves(folder)
    with (folder / "costs.csv").open(newline="") as file:  # a row for each trial, whether it found anything or not
        seeds = len({row["seed"] for row in csv.DictReader(file)})
    rows: list[dict[str, object]] = []
    for task in dict.fromkeys(name for name, _ in of):
        for rival in RIVALS:
            target = medians(of[task, rival].values(), seeds, 0)[-1][1]
            row: dict[str, object] = {"task": task, "rival": rival, "target": target}
            for unit, name in enumerate(("terms", "passes")):
                mine, theirs = (
                    needed(of[task, one].values(), seeds, target, unit) if np.isfinite(target) else np.nan
                    for one in (strategy, rival)
                )
                row |= {f"{name} of {strategy}": mine, f"{name} of the rival": theirs}
            rows.append(row)
    return rows


def main() -> None:
    """Make the comparison where asked, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true", help="make the comparison anew")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the comparison")
    parser.add_argument("--strategy", default="auto")
    options = parser.parse_args()
    if options.run:
        here = str(Path(__file__).parent)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
        }
        start = [sys.executable, "-c", "from sygus.app.start import main; main()"]
        subprocess.run([*start, *COMMAND.split()], check=True, env=environment)
    for row in table(options.folder, options.strategy):
        print(
            ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{value}" for name, value in row.items())
        )


if __name__ == "__main__":
    main()
