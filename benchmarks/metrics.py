"""What each metric costs, as a multiple of the bare forward passes it needs.

    python benchmarks/metrics.py [--network shapes-vgg] [--pictures 32] [--repeats 7]

The metric and as many passes of the same pictures through the same network are timed in turn, so that a busy machine
slows both; the table has the median of each and their ratio. A metric that needs no pass is shown in passes of a
picture, and one that explains again against its explanations too, which are measured on the network anew each time.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

from solvers.settings import Settings
from solvers.solve import load_subjects
from sygus.expressions import read_expression
from sygus.oracles.cam import CamOracle, saliency_of
from sygus.saliency.metrics import METRICS, Evaluation, Metric

RESULTS = Path(__file__).parent / "results" / "metrics.json"
TARGET = 1.15


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def evaluation_of(oracle: CamOracle, maps: torch.Tensor) -> Evaluation:
    """A new evaluation, so that nothing of the last repeat is remembered."""
    return oracle.evaluation(maps, torch.arange(len(maps)), saliency_of(read_expression("(gap gradient)")))


def measure(oracle: CamOracle, metric: Metric, maps: torch.Tensor, repeats: int) -> tuple[float, float]:
    """Median seconds of the metric and of its bare passes (of one pass, where it needs none)."""
    subject = oracle.subject
    passes = max(1, metric.passes(subject.network.size))

    def bare() -> None:
        for _ in range(passes):
            subject.network.probabilities(subject.pictures, subject.targets)

    oracle.judge(evaluation_of(oracle, maps), metric)  # measures what is shared by all candidates
    bare()
    pairs = [
        (seconds(lambda: oracle.judge(evaluation_of(oracle, maps), metric)), seconds(bare)) for _ in range(repeats)
    ]
    return statistics.median(own for own, _ in pairs), statistics.median(reference for _, reference in pairs)


def main() -> None:
    """Print the table and write the results."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--network", default="shapes-vgg")
    arguments.add_argument("--pictures", type=int, default=32)
    arguments.add_argument("--repeats", type=int, default=7)
    given = arguments.parse_args()
    settings = Settings(network=given.network, search_images=given.pictures, held_out_images=2, device="cpu")
    oracle = load_subjects(settings).search
    maps = saliency_of(read_expression("(gap gradient)"))(oracle)
    rows = []
    print(f"{'metric':24}{'passes':>7}{'ms/picture':>12}{'× passes':>10}")
    for name, metric in METRICS.items():
        passes = metric.passes(oracle.subject.network.size)
        own, bare = measure(oracle, metric, maps, given.repeats)
        again = "explain" in metric.needs
        remark = "explains again" if again else "no pass: in passes" if passes == 0 else ""
        if not remark and own / bare > TARGET:
            remark = f"above {TARGET}"
        print(f"{name:24}{passes:7}{own / given.pictures * 1e3:12.3f}{own / bare:10.2f}  {remark}", flush=True)
        rows.append(
            {"metric": name, "passes": passes, "seconds": own, "seconds of the passes": bare, "ratio": own / bare}
            | {"explains again": again}
        )
    result = {
        "command": f"python benchmarks/metrics.py --network {given.network} --pictures {given.pictures}"
        f" --repeats {given.repeats}",
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy")}
        | {"python": platform.python_version()},
        "threads": torch.get_num_threads(),
        "pictures": given.pictures,
        "rows": rows,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
