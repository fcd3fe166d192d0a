"""What methods cost, as multiples of one plain forward pass of the same batch, beside torchcam where it imports.

python benchmarks/methods.py [--pictures 96] [--repeats 3] writes benchmarks/results/methods.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from solvers.settings import Settings
from solvers.solve import load_subjects
from sygus.saliency.features import measure
from sygus.saliency.networks.shapes import load

RESULTS = Path(__file__).parent / "results" / "methods.json"
GRADIENT_FEATURES = ("activation", "gradient", "alpha", "logit")


def tasks(name: str, count: int) -> dict[str, Callable[[], Any]]:
    """What is timed, by name; ``forward`` is the unit."""
    subject = load_subjects(Settings(network=name, search_images=count, held_out_images=2, device="cpu")).search.subject
    model, pictures = load(name), subject.images.pictures  # type: ignore[arg-type]

    def forward() -> None:
        with torch.no_grad():
            model(pictures)

    def features(*names: str) -> Callable[[], None]:
        def run() -> None:
            measured = measure(subject.network, pictures, subject.targets)
            for feature in names:
                measured[feature]

        return run

    found: dict[str, Callable[[], Any]] = {
        "forward": forward,
        "gradient features": features(*GRADIENT_FEATURES),
        "Ablation-CAM": features("ablation"),
        "Score-CAM": features("score"),
    }
    try:
        torchcam = importlib.import_module("torchcam.methods")
    except ImportError:
        return found
    theirs = load(name).requires_grad_(True)  # type: ignore[arg-type]

    def reference(kind: str) -> Callable[[], None]:
        def run() -> None:
            with getattr(torchcam, kind)(theirs, target_layer="features") as extractor:
                extractor(subject.targets.tolist(), theirs(pictures))

        return run

    return found | {f"torchcam {kind}": reference(kind) for kind in ("GradCAM", "ScoreCAM")}


def ratios(name: str, count: int, repeats: int) -> dict[str, float]:
    """Median seconds of each task over those of the forward pass, interleaved."""
    timed = tasks(name, count)
    seconds: dict[str, list[float]] = {task: [] for task in timed}
    for _ in range(repeats):
        for task, run in timed.items():
            start = time.perf_counter()
            run()
            seconds[task].append(time.perf_counter() - start)
    unit = statistics.median(seconds["forward"])
    return {task: round(statistics.median(times) / unit, 3) for task, times in seconds.items()}


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    found = {name: ratios(name, options.pictures, options.repeats) for name in ("shapes-vgg", "shapes-resnet")}
    for name, table in found.items():
        print(name)
        for task, ratio in table.items():
            print(f"  {task:20} {ratio:8.2f}")
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"system": platform.system(), "processor": platform.machine(), "threads": torch.get_num_threads()}
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    record: dict[str, Any] = {
        "unit": "plain forward pass of the same batch",
        "pictures": options.pictures,
        "repeats": options.repeats,
    }
    RESULTS.write_text(
        json.dumps(record | {"ratios": found, "machine": machine, "versions": versions}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
