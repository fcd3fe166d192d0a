"""Whether networks that are trained for interpretable gradients, or with CAMs as attention, have better maps.

Run ``python benchmarks/interpretable.py``. `shapes-vgg` and `shapes-resnet` are trained further from the weights that
are shipped: by cross-entropy alone, with gradients that are to look like guided ones, and with Grad-CAM as attention.
One recipe for all, and of one seed the same pictures in the same order, under the same masks. Measured of every network
are its accuracy and confidence, how far its gradients are from guided ones, and on fresh pictures, the same for all,
the scores of Grad-CAM and of expressions that were found on `shapes-vgg`.

What was trained and measured is kept in ``--work``; the same command goes on from there, and ``--as-is`` reports it.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from scipy.stats import t

from harness import RESULTS, report
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import parse_expression
from sygus.oracles.methods import Method, expression_method, methods
from sygus.saliency.images import ImageSet, Preprocessing, load_images
from sygus.saliency.images.generator import CLASSES, SIZE
from sygus.saliency.losses import (
    Loss,
    attentive,
    classification,
    cosine,
    input_gradients,
    interpretable_gradients,
)
from sygus.saliency.metrics import subject_of
from sygus.saliency.metrics.registry import find_metric
from sygus.saliency.networks import Classifier, make_network
from sygus.saliency.networks.embedded import NetworkName, ShapesNetwork, load
from sygus.saliency.training import MASKED, Pictures, accuracy, pictures, train
from sygus.writing import write_file

NETWORKS: tuple[NetworkName, ...] = ("shapes-vgg", "shapes-resnet")
WEIGHT = 1.0
"""λ. On another seed, of fewer pictures, 3 cost `shapes-resnet` a seventh of its accuracy."""
PLAIN = "plain"
ARMS: Mapping[str, Loss] = {
    PLAIN: classification,
    "gradients": interpretable_gradients("cosine", WEIGHT),
    "attention": attentive,
}
SEEDS = range(1, 6)
BATCH = 32
SCORED_GRADIENTS = 128
FRESH_STREAM = 1000
"""No seed of a training; the pictures of accuracy."""


@dataclass(frozen=True)
class Sizes:
    """What decides the time: pictures and epochs of a training, pictures of accuracy, and those that are scored."""

    training: int = 3072
    epochs: int = 2
    fresh: int = 1000
    scored: int = 128


QUICK = Sizes(64, 1, 64, 16)

METRICS = {
    "average drop %": "average-drop",
    "average gain %": "average-gain",
    "average increase %": "average-increase",
    "insertion": "insertion(steps=16)",
    "deletion": "deletion(steps=16)",
    "IoU": "iou",
}
FOUND = {
    "found for IoU": "(power (blur (relu (cam (gap smooth-gradient))) 0.618) 0.539)",
    "found for average drop": "(power (relu (cam (gap (relu gradient)))) 0.26)",
}
"""The answers of `ground_truth` and `gradcam_plus`, see docs/found.md."""


def maps() -> dict[str, Method]:
    """What is scored on every network; Fake-CAM shows what of a metric is the network's confidence alone."""
    found = {name: expression_method(name, name, parse_expression(text, name)) for name, text in FOUND.items()}
    return {"Grad-CAM": methods()["gradcam"], **found, "Fake-CAM": methods()["fakecam"]}


@cache
def training_pictures(seed: int, count: int) -> Pictures:
    """Of every arm alike."""
    return pictures(range(count), seed)


@cache
def fresh_pictures(count: int) -> Pictures:
    """Of every network alike."""
    return pictures(range(count), FRESH_STREAM)


@cache
def scored_pictures(count: int) -> ImageSet:
    """Of every network alike."""
    return load_images("shapes", search=count, held_out=2, seed=FRESH_STREAM).search


def trained(network: NetworkName, arm: str, seed: int, sizes: Sizes, weights: Path) -> ShapesNetwork:
    """The network by its arm, from the file of its weights where there is one."""
    model = load(network)
    if weights.exists():
        model.load_state_dict(load_file(weights))
        return model
    data, masked = training_pictures(seed, sizes.training), MASKED[network]
    model.requires_grad_(True)
    train(model, data, masked, seed, loss_of=ARMS[arm], epochs=sizes.epochs, batch_size=BATCH)
    write_file(weights, save(model.state_dict()))
    return model


def measured(model: ShapesNetwork, sizes: Sizes) -> dict[str, Any]:
    """Of the network, and of every map, the mean of every metric over pictures, the predicted class explained."""
    classifier = Classifier(model, Preprocessing.square(SIZE), classes=CLASSES, layer="features")
    network = make_network(classifier, "trained", torch.device("cpu"))
    oracle = CamOracle(subject_of(network, scored_pictures(sizes.scored)), lasting=False)
    scores: dict[str, Any] = {}
    for name, method in maps().items():
        drawn = method.evaluation(oracle)
        judged = {metric: oracle.judge(drawn, find_metric(call)) for metric, call in METRICS.items()}
        scores[name] = {metric: float(values.mean(dtype="float64")) for metric, values in judged.items()}
    fresh = fresh_pictures(sizes.fresh)
    some = fresh[torch.arange(min(SCORED_GRADIENTS, len(fresh)))]
    _, gradient, guided = input_gradients(model.requires_grad_(False), some.pixels(), some.labels)
    whole = {
        "accuracy %": 100 * accuracy(model, fresh),
        "confidence %": 100 * float(oracle.measured.probability.mean()),
        "gradients apart": float(cosine(gradient, guided).mean().detach()),
    }
    return {"": whole, **scores}


def run(work: Path, seeds: range, sizes: Sizes, *, as_is: bool) -> list[dict[str, Any]]:
    """What every network was measured to have; those that are lacking are trained, seed by seed, unless ``as_is``."""
    found = []
    for seed, network, arm in product(seeds, NETWORKS, ARMS):
        stem = f"{network}-{arm}-{seed}-{'-'.join(map(str, astuple(sizes)))}"
        kept = work / f"{stem}.json"
        if not kept.exists() and not as_is:
            write_file(
                kept, json.dumps(measured(trained(network, arm, seed, sizes, work / f"{stem}.safetensors"), sizes))
            )
        if kept.exists():
            scores = json.loads(kept.read_text(encoding="utf-8"))
            found.append({"network": network, "training": arm, "seed": seed, "scores": scores})
    return found


def flat(one: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Map, metric and value of a network; what is of no map has none."""
    for name, scores in one["scores"].items():
        for metric, value in scores.items():
            yield name, metric, value


Interval = tuple[float | None, float | None, float | None]


def interval(values: list[float]) -> Interval:
    """The mean over seeds and its 95 % interval by Student's t, which one seed does not have; nothing of none."""
    if not values:
        return None, None, None
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None, None
    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return mean, mean - half, mean + half


def summary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each network, arm, map and metric: the mean over seeds, and its paired difference from plain."""
    values = {
        (one["network"], one["training"], name, metric, one["seed"]): value
        for one in found
        for name, metric, value in flat(one)
    }
    rows = []
    for network, arm, name, metric in dict.fromkeys(key[:-1] for key in values):
        seeds = [key[-1] for key in values if key[:-1] == (network, arm, name, metric)]
        paired = [seed for seed in seeds if (network, PLAIN, name, metric, seed) in values]
        of_arm = [values[network, arm, name, metric, seed] for seed in seeds]
        beside = [values[network, arm, name, metric, s] - values[network, PLAIN, name, metric, s] for s in paired]
        mean, low, high = interval(of_arm)
        less, less_low, less_high = interval(beside)
        rows.append(
            {
                "network": network,
                "training": arm,
                "map": name,
                "metric": metric,
                "seeds": len(seeds),
                "mean": mean,
                "low": low,
                "high": high,
                "minus plain": less,
                "its low": less_low,
                "its high": less_high,
            }
        )
    return rows


def write_csv(found: list[dict[str, Any]]) -> None:
    """Every number of every network."""
    with (RESULTS / "interpretable.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["network", "training", "seed", "map", "metric", "value"])
        for one in found:
            for name, metric, value in flat(one):
                writer.writerow([one["network"], one["training"], one["seed"], name, metric, f"{value:.6g}"])


def main() -> None:
    """Train, measure, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds of a few steps; prints, and writes no results")
    parser.add_argument("--work", default=".interpretable", help="folder of what was trained and measured")
    parser.add_argument("--as-is", action="store_true", help="train nothing; report what was measured before")
    options = parser.parse_args()
    torch.set_num_threads(1)  # part of the recipe, see sygus.saliency.training
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    sizes = QUICK if options.quick else Sizes()
    found = run(work, range(1, 3) if options.quick else SEEDS, sizes, as_is=options.as_is)
    rows = summary(found)
    if options.quick:
        print(json.dumps(rows, indent=1))
        return
    recipe = {**asdict(sizes), "batch": BATCH, "weight of cosine": WEIGHT, "found": FOUND, "metrics": METRICS}
    report("interpretable", "networks trained for better maps, beside plain ones", rows, recipe=recipe)
    write_csv(found)


if __name__ == "__main__":
    main()
