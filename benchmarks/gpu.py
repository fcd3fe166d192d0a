"""The whole path on a GPU: passes beside the bare network, enumeration, the main job, and the answers beside the CPU's.

Run ``python benchmarks/gpu.py`` on a machine with CUDA; it takes at most six minutes, and keeps ``results/gpu.json``.
With the packages of the extra ``pretrained`` it measures EfficientNet-Lite0 at 224x224 too. ``--device cpu`` tries the
script without a GPU, and keeps nothing.

Targets: at least 90 % of the bare network's masked passes, and 50 million terms a second at the largest levels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from harness import interleaved, report
from scaling import pictures, terms
from solvers.cam.behaviour import probe_bank
from solvers.cam.run import BATCH
from solvers.cam.settings import Settings
from sygus.export.record import Record
from sygus.language.elaborate import load_problem
from sygus.oracles.cam import CamOracle, probes
from sygus.oracles.equivalence import Probes
from sygus.oracles.methods import find_methods
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle
from sygus.resources import read_problem
from sygus.saliency.heatmap import saliency
from sygus.saliency.metrics import Metric, find_metric, subject_of
from sygus.saliency.networks import PRECISIONS

NETWORKS = ("shapes-vgg", "shapes-resnet")
PRETRAINED = "efficientnet-lite0"
SEARCHED = 96
LEVELS = 10
MAIN = ("gradcam_plus",)
"""Shipped problems that are solved on both devices."""

METRICS = ("average-drop", "insertion", "deletion", "iou")
COMMAND = "from sygus.app.start import main; main()"

OF_PASSES, OF_TERMS = 0.9, 50e6


def finished(work: Callable[[], object], device: torch.device) -> Callable[[], None]:
    """The work, and the wait until the device has done it."""

    def run() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run


def passes(network: str, device: str, precision: Any, repeats: int) -> dict[str, Any]:
    """Masked passes per second of scoring a batch, beside those of the bare network on pictures masked before."""
    given = Settings(network=network, device=device, precision=precision).load_network()
    seen = SEARCHED if network in NETWORKS else 32
    oracle = CamOracle(subject_of(given, pictures(given, seen)), lasting=False)
    batch, metric, index = terms(BATCH), find_metric("average-drop"), torch.arange(seen)
    heat, targets = oracle.heat_maps(batch), oracle.subject.targets.repeat(BATCH)
    shown = oracle.subject.images.pictures.to(given.device)
    masked = [shown * saliency(one.maps, given.size)[:, None] for one in heat[:4]]

    def bare() -> None:
        for place in range(BATCH):
            given.probabilities(masked[place % len(masked)], targets[:seen])

    ways = {
        "bare": bare,
        "scored": lambda: oracle.score(heat, metric, index),
        "drawn and scored": lambda: oracle.score(oracle.heat_maps(batch), metric, index),
    }
    taken = interleaved({name: finished(way, given.device) for name, way in ways.items()}, repeats)
    count = BATCH * seen
    return {
        "network": network,
        "precision": precision,
        "in a pass": given.chunk.size,
        **{f"{name}, passes/s": count / seconds for name, seconds in taken.items()},
        "of the bare": taken["bare"] / taken["scored"],
        "target": OF_PASSES,
    }


def enumerated(device: torch.device) -> dict[str, Any]:
    """Terms per second at the largest level of a shipped grammar, with probes on the device."""
    problem = load_problem(*reversed(read_problem("channel_weights")))
    here = probes(problem.target.function.parameters, nonnegative=True, seed=0)
    there = Probes({one: value.to(device) for one, value in here.values.items()}, here.shapes, here.size)
    bank = probe_bank(problem.target.grammar, there, SafetyOracle(domains(True)), deepest=LEVELS)
    combined, seconds = 0, 1.0
    for _ in range(LEVELS):
        begun = time.perf_counter()
        counts = bank.grow()
        combined, seconds = counts.combined if counts else 0, time.perf_counter() - begun
    return {"probes on": str(device), "size": LEVELS, "combined": combined, "terms/s": combined / seconds}


def agreement(network: str, device: str) -> dict[str, float]:
    """How far maps of quick methods, and their scores, are from the CPU's."""
    here, there = (
        CamOracle(subject_of(given, pictures(given, 16)), lasting=False)
        for given in (Settings(network=network, device=name).load_network() for name in ("cpu", device))
    )
    off: dict[str, float] = {}
    for method in find_methods("gradcam,gradcam++,layercam,hirescam,eigencam,ablationcam", "--methods"):
        maps = [method.saliency(one).cpu() for one in (here, there)]
        off[f"maps, {method.title}"] = float((maps[0] - maps[1]).abs().max())
    index = torch.arange(16)
    for metric in map(find_metric, METRICS[:3]):
        off[f"scores, {metric.name}"] = _scores_off(here, there, metric, index)
    return off


def _scores_off(here: CamOracle, there: CamOracle, metric: Metric, index: torch.Tensor) -> float:
    scores = [one.score(one.heat_maps(terms(4)), metric, index) for one in (here, there)]
    return float(abs(scores[0] - scores[1]).max())


def job(problem: str, network: str, device: str) -> dict[str, Any]:
    """A shipped problem solved by the command line: its answer, its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-c", COMMAND, problem, "--network", network, "--device", device]
        begun = time.perf_counter()
        subprocess.run([*command, "--out", str(out), "--quiet"], check=True, capture_output=True)
        seconds = time.perf_counter() - begun
        found = Record.read(str(out)).found
    assert found is not None
    return {"seconds": seconds, "term": found.term, "objectives": found.objectives}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch finds no CUDA here; --device cpu tries the script without")
    device = Settings(device=options.device).torch_device()
    networks = (*NETWORKS, *([PRETRAINED] if find_spec("efficientnet_lite_pytorch") else []))
    rows = [
        passes(network, options.device, precision, options.repeats) for network in networks for precision in PRECISIONS
    ]
    facts: dict[str, Any] = {
        "enumeration": [enumerated(torch.device("cpu")), enumerated(device)],
        "enumeration, target": OF_TERMS,
        "off the CPU": {network: agreement(network, options.device) for network in NETWORKS},
        "jobs": [
            {"problem": problem, "network": network, "device": name, **job(problem, network, name)}
            for problem in MAIN
            for network in NETWORKS
            for name in dict.fromkeys(("cpu", options.device))
        ],
    }
    if device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(device)
        report("gpu", "masked passes a second", rows, **facts)
    else:
        print(json.dumps({"rows": rows, **facts}, indent=1))


if __name__ == "__main__":
    main()
