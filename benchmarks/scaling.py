"""Scored pictures a second here and in several processes, what the driver spends, and where more of them stop to help.

Run ``python benchmarks/scaling.py`` on a quiet machine; it takes about five minutes. With the packages of the extra
``pretrained`` it measures EfficientNet-Lite0 at 224x224 too, whose passes are those of a real network. Speeds are by
the clock, the best of some rounds in which all ways take turns; the driver's costs are in seconds of its processor, so
that other work on the machine changes them little. From these a model says how much faster N processes are.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets them, before torch is imported
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import math
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch

from harness import report
from solvers.cam.race import doubling
from solvers.cam.run import BATCH
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, HeatMaps
from sygus.oracles.expressions import parse_expression
from sygus.oracles.workers import Workers
from sygus.oracles.workers.processes import Processes
from sygus.saliency.images import NO_CLASS, ImageSet
from sygus.saliency.metrics import find_metric, subject_of
from sygus.saliency.networks import Network, load_network

CPU = torch.device("cpu")
SMALL, REAL = "shapes-vgg", "efficientnet-lite0"
COUNTS = (1, 2)
PROCESSES = (1, 2, 4, 8, 16, 32, 64)
SEARCHED = 96
"""Pictures of a search, by default."""

DRAWN = 48
"""Pictures that maps are drawn of where that is timed."""


def pictures(network: Network, count: int) -> ImageSet:
    """Smooth coloured noise of the network's size: what is in a picture does not change what it costs."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    made = torch.nn.functional.interpolate(coarse, network.size, mode="bilinear")
    labels, ids = torch.full((count,), NO_CLASS), tuple(map(str, range(count)))
    return ImageSet("noise", made.contiguous(), labels, None, ((),) * count, ids)


def terms(count: int) -> list[Term]:
    """Different terms of one shape, that share little."""
    texts = (f"(cam (gap (power (relu gradient) 0.{number})))" for number in range(11, 11 + count))
    return [parse_expression(text, "benchmark") for text in texts]


def score(oracle: CamOracle, heat: Sequence[HeatMaps], index: torch.Tensor) -> None:
    """Score maps of some pictures."""
    oracle.score(heat, find_metric("average-drop"), index)


def seconds(work: Callable[[], object], clock: Callable[[], float], repeats: int = 3) -> float:
    """The least time of some repeats."""
    found = []
    for _ in range(repeats):
        begun = clock()
        work()
        found.append(clock() - begun)
    return min(found)


def speeds(network: Network, rounds: int, candidates: int, seen: int) -> tuple[dict[str, Any], float]:
    """Scored pictures per second of each way, all in turn, and the driver's seconds of the processor for a unit."""
    subject = subject_of(network, pictures(network, seen))
    index, rows = torch.arange(seen), candidates * seen
    here = CamOracle(subject, lasting=False)
    heat = here.heat_maps(terms(candidates))
    pools = {count: Workers(Processes(count), CPU) for count in COUNTS}
    spread = {count: CamOracle(subject, lasting=False) for count in COUNTS}
    least: dict[str, float] = {}
    driver = math.inf
    try:
        for count, workers in pools.items():
            workers.serve([spread[count]])
            score(spread[count], heat, index)  # until all are there and warm
        for _ in range(rounds):
            for threads in (1, 2):
                torch.set_num_threads(threads)
                found = seconds(lambda: score(here, heat, index), time.perf_counter, 1)
                name = f"this process, {threads} thread{'s' * (threads > 1)}"
                least[name] = min(found, least.get(name, math.inf))
            torch.set_num_threads(1)
            for count in COUNTS:
                begun = time.process_time()
                found = seconds(lambda: score(spread[count], heat, index), time.perf_counter, 1)  # noqa: B023 - at once
                driver = min(driver, (time.process_time() - begun) / math.ceil(rows / network.chunk.size))
                name = f"{count} worker{'s' * (count > 1)}"
                least[name] = min(found, least.get(name, math.inf))
    finally:
        torch.set_num_threads(1)
        for workers in pools.values():
            workers.close()
    return {name: rows / found for name, found in least.items()}, driver


def costs(network: Network, candidates: int, seen: int) -> list[dict[str, Any]]:
    """What the driver's and the scoring processor spend, by layer: drawing reads all channels, scoring none."""
    found = []
    for layer in network.pyramid()[-3:]:
        split = network.at(layer)
        subject = subject_of(split, pictures(split, DRAWN))
        oracle = CamOracle(subject, lasting=False)
        measuring = seconds(lambda: oracle.heat_maps(terms(1)), time.process_time, 1)  # noqa: B023 - at once
        drawing = seconds(lambda: oracle.heat_maps(terms(candidates)), time.process_time, 2)  # noqa: B023
        heat, index = oracle.heat_maps(terms(candidates)), torch.arange(seen)
        for count, number in ((candidates, seen), (candidates // 2, seen), (candidates, seen // 2)):
            work = seconds(lambda: score(oracle, heat[:count], index[:number]), time.process_time, 2)  # noqa: B023
            found.append(
                {
                    "network": network.name,
                    "layer": layer,
                    "channels": oracle.feature("activation").shape[1],
                    "candidates": count,
                    "pictures": number,
                    "measuring, ms a picture": 1e3 * measuring / DRAWN,
                    "drawing, ms a candidate and picture": 1e3 * drawing / (candidates * DRAWN),
                    "scoring, ms a candidate and picture": 1e3 * work / (count * number),
                }
            )
    return found


def batch_seconds(chunk: int, scoring: float, drawing: float, unit: float, processes: int) -> float:
    """The model: a batch of candidates is drawn on all pictures, and scored look after look, none of which may overlap.

    Args:
        chunk: rows of a unit.
        scoring: seconds of the processor for a candidate and picture.
        drawing: likewise.
        unit: seconds of the driver for a unit.
        processes: that score.
    """
    total, before = BATCH * SEARCHED * drawing, 0
    for look in doubling(8, SEARCHED):
        units = math.ceil(BATCH * (look - before) / chunk)
        total += max(math.ceil(units / processes) * chunk * scoring, units * unit)
        before = look
    return total


def model(network: Network, rows: Sequence[Mapping[str, Any]], unit: float) -> dict[str, Any]:
    """How much faster N processes are than one, and where the driver alone would be the limit."""
    last = rows[-3]
    scoring, drawing = (1e-3 * last[f"{name}, ms a candidate and picture"] for name in ("scoring", "drawing"))
    chunk = network.chunk.size
    one = batch_seconds(chunk, scoring, drawing, unit, 1)
    return {
        "network": network.name,
        "rows of a unit": chunk,
        "ms of a unit": 1e3 * chunk * scoring,
        "driver's ms of a unit": 1e3 * unit,
        "units in the first look": math.ceil(BATCH * 8 / chunk),
        "processes that a driver feeds": int(chunk * scoring / unit),
        **{f"x{count}": one / batch_seconds(chunk, scoring, drawing, unit, count) for count in PROCESSES},
    }


def main() -> None:
    """Measure and report."""
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    found, spent, modelled = [], [], []
    for name in (SMALL, *([REAL] if find_spec("efficientnet_lite_pytorch") else [])):
        network = load_network(name, CPU)
        candidates, seen = (32, 32) if name == SMALL else (16, 8)
        speed, unit = speeds(network, 2, candidates, seen)
        one = speed["1 worker"]
        found += [
            {"network": name, "scored by": way, "pictures a second": value, "beside one worker": value / one}
            for way, value in speed.items()
        ]
        rows = costs(network, 8, 8)
        spent += rows
        modelled.append(model(network, rows, unit))
    facts = {"load when it began": round(load, 2), "load when it ended": round(os.getloadavg()[0], 2)}
    report("scaling", "Scored pictures a second (average drop)", found, costs=spent, model=modelled, **facts)


if __name__ == "__main__":
    main()
