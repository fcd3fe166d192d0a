"""What each metric costs, as a multiple of the bare forward passes it needs.

Run ``python benchmarks/metrics.py``. The metric and as many passes of the same pictures through the same network are
timed in turn, so that a busy machine slows both. A metric that needs no pass is shown in passes of the pictures, and
one that explains again beside as many explanations, each measured on the network anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch

from harness import interleaved, report
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.oracles.cam import CamOracle, saliency_of
from sygus.oracles.expressions import read_expression
from sygus.saliency.metrics import METRICS, Evaluation, Metric

TARGET = 1.15
GRADCAM = saliency_of(read_expression("(gap gradient)"))


def evaluation_of(oracle: CamOracle, maps: torch.Tensor) -> Evaluation:
    """A new evaluation, so that nothing of the last repeat is remembered."""
    return oracle.evaluation(maps, torch.arange(len(maps)), GRADCAM)


def row_of(oracle: CamOracle, metric: Metric, maps: torch.Tensor, repeats: int) -> dict[str, Any]:
    """The row of a metric."""
    subject = oracle.subject
    passes = metric.passes(subject.network.size)

    def bare() -> None:
        for _ in range(max(1, passes)):
            subject.network.probabilities(subject.pictures, subject.targets)

    work: dict[str, Callable[[], object]] = {
        "metric": lambda: oracle.judge(evaluation_of(oracle, maps), metric),
        "bare": bare,
    }
    seconds = interleaved(work, repeats)
    ratio = seconds["metric"] / seconds["bare"]
    kind = "explains again" if "explain" in metric.needs else "no pass" if passes == 0 else "passes"
    return {
        "network": subject.network.name,
        "metric": metric.name,
        "needs": kind,
        "passes": passes,
        "ms a picture": seconds["metric"] / len(maps) * 1e3,
        "ratio": ratio,
        "target": "" if kind != "passes" else "met" if ratio <= TARGET else f"above {TARGET}",
    }


def main() -> None:
    """Measure and report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--network", default="shapes-vgg")
    arguments.add_argument("--images", default="shapes")
    arguments.add_argument("--pictures", type=int, default=32)
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--metrics", default="", help="names separated by commas; by default all")
    given = arguments.parse_args()
    settings = Settings(
        network=given.network,
        images=given.images,
        search_images=given.pictures,
        held_out_images=2,
        device="cpu",
    )
    oracle = load_subjects(settings).search
    maps = GRADCAM(oracle)
    wanted = given.metrics.split(",") if given.metrics else list(METRICS)
    able = [METRICS[name] for name in wanted if not METRICS[name].lacking(oracle.subject)]
    rows = [row_of(oracle, metric, maps, given.repeats) for metric in able]
    name = "metrics" if given.network == "shapes-vgg" else f"metrics-{given.network}"
    report(
        name,
        "cost in bare forward passes",
        rows,
        network=given.network,
        pictures=given.pictures,
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main()
