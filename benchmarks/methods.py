"""What methods cost, in plain forward passes of the same batch, beside torchcam and grad-cam where they import.

Run ``python benchmarks/methods.py``. The unit is the user's own model on the whole batch, as loaded. Beside each
peer's time stands the largest difference between its maps and ours, on one picture at a time.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from harness import interleaved, report
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.app.explainers import SynthesizedCAM
from sygus.maps import unit_range
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import parse_expression
from sygus.oracles.methods import methods
from sygus.saliency.features import measure
from sygus.saliency.images import NO_CLASS, ImageSet
from sygus.saliency.methods import VARIANTS
from sygus.saliency.metrics import subject_of
from sygus.saliency.networks import load_network
from sygus.saliency.networks.families import load_classifier

GRADIENT_FEATURES = ("activation", "gradient", "alpha", "logit")
FURTHER = (
    "log-probability-gradient",
    "rival-gradient",
    "hessian-activation",
    "noise-gradient",
    "path-gradient",
    "eigen",
)
"""Each measured beside the gradient features, so that what it adds is a difference of two rows."""

TARGETS = {"gradient features": 1.3, "Ablation-CAM": 2.0}
PER_CHANNEL = 0.6
"""The target of Score-CAM, a channel."""

DROP_IN = "drop-in class: "
OF_PROGRAM = 1.1
"""The target of the drop-in class, in costs of the program."""

MOST_CHANNELS = 256
"""Score-CAM runs a pass for each; with more it is left out."""

FEWER = 16
"""Channels of the quicker Score-CAM: those of the greatest variance."""

SHAPES = ("shapes-vgg", "shapes-resnet")
PRETRAINED = "efficientnet-lite0"


def own(oracle: CamOracle, channels: int) -> dict[str, Callable[[], object]]:
    """Ours, measured anew each time."""
    subject = oracle.subject

    def features(*names: str) -> Callable[[], object]:
        def run() -> None:
            measured = measure(subject.network, subject.images.pictures, subject.targets)
            for name in names:
                measured[name]

        return run

    found = {
        "pass without gradients": lambda: subject.network.logits(subject.images.pictures),
        "gradient features": features(*GRADIENT_FEATURES),
        "Ablation-CAM": features("ablation"),
    }
    found |= {f"and {name}": features(*GRADIENT_FEATURES, name) for name in FURTHER}
    if channels > FEWER:

        def fewer() -> None:
            VARIANTS["scorecam"](measure(subject.network, subject.images.pictures, subject.targets), channels=FEWER)

        found[f"Score-CAM, {FEWER} channels"] = fewer
    return found | ({"Score-CAM": features("score")} if channels <= MOST_CHANNELS else {})


def drop_in(model: nn.Module, oracle: CamOracle, normalised: Tensor, channels: int) -> dict[str, Callable[[], object]]:
    """Ours as a drop-in class of the user's model, which has explained before; each to be compared with the program."""
    targets = oracle.subject.targets.tolist()

    def explaining(text: str) -> Callable[[], object]:
        layer = model.get_submodule(oracle.subject.network.layer)
        cam = SynthesizedCAM(parse_expression(text, "the benchmark"), model, [layer])
        return lambda: cam(normalised, targets)

    found = {"gradient features": explaining("(gap gradient)"), "Ablation-CAM": explaining("ablation")}
    found |= {"Score-CAM": explaining("score")} if channels <= MOST_CHANNELS else {}
    return {f"{DROP_IN}{name}": run for name, run in found.items()}


def peers(model: nn.Module, oracle: CamOracle) -> dict[str, tuple[str, Callable[[], Tensor]]]:
    """Name of a peer's method to ours, and its maps (N, H, W) in [0, 1]."""
    subject, layer = oracle.subject, "features"
    pictures, classes = subject.images.pictures, subject.targets.tolist()
    found: dict[str, tuple[str, Callable[[], Tensor]]] = {}
    try:
        torchcam = importlib.import_module("torchcam.methods")
    except (ImportError, RuntimeError):
        torchcam = None
    try:
        gradcam: Any = importlib.import_module("pytorch_grad_cam")
        target: Any = importlib.import_module("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
    except (ImportError, RuntimeError):
        gradcam = None

    def by_torchcam(kind: str) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with getattr(torchcam, kind)(model, target_layer=layer) as extractor:
                (maps,) = extractor(classes, model(pictures))
            up = interpolate(maps.detach()[:, None], subject.network.size, mode="bilinear", align_corners=False)
            return unit_range(up[:, 0])

        return run

    def by_gradcam(kind: str) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with getattr(gradcam, kind)(model=model, target_layers=[model.get_submodule(layer)]) as extractor:
                return torch.from_numpy(extractor(pictures, [target(index) for index in classes]))

        return run

    for kind, name in (("GradCAM", "gradcam"), ("ScoreCAM", "scorecam")):
        if torchcam is not None:
            found[f"torchcam {kind}"] = (name, by_torchcam(kind))
        if gradcam is not None:
            found[f"grad-cam {kind}"] = (name, by_gradcam(kind))
    return found


def subject_of_benchmark(network: str, count: int) -> CamOracle:
    """Pictures of shapes; for a network of another size noise, since time does not depend on what they show."""
    if network in SHAPES:
        return load_subjects(Settings(network=network, search_images=count, held_out_images=2, device="cpu")).search
    split = load_network(network, torch.device("cpu"))
    pictures = torch.rand(count, 3, *split.size, generator=torch.Generator().manual_seed(0))
    unlabelled = torch.full((count,), NO_CLASS)
    names = tuple(str(index) for index in range(count))
    return CamOracle(subject_of(split, ImageSet("noise", pictures, unlabelled, None, ((),) * count, names)))


def rows_of(network: str, count: int, repeats: int) -> list[dict[str, Any]]:
    """The table's rows for a network."""
    oracle = subject_of_benchmark(network, count)
    pictures, channels = oracle.subject.images.pictures, oracle.measured["activation"].shape[1]
    model: nn.Module = load_classifier(network).model.eval()  # laid out and unfolded, as its authors ship it
    normalised = pictures if network in SHAPES else pictures * 2 - 1

    def forward() -> None:
        with torch.no_grad():
            model(normalised)

    others = peers(model.requires_grad_(True), oracle) if network in SHAPES else {}
    timed = {"forward": forward, **own(oracle, channels), **drop_in(model, oracle, normalised, channels)}
    seconds = interleaved({**timed, **{name: run for name, (_, run) in others.items()}}, repeats)
    rows = []
    for name, taken in seconds.items():
        ratio = taken / seconds["forward"]
        target = TARGETS.get(name, PER_CHANNEL * channels if name == "Score-CAM" else None)
        if name.startswith(DROP_IN):
            target = OF_PROGRAM * seconds[name.removeprefix(DROP_IN)] / seconds["forward"]
        difference = None
        if name in others:
            ours, run = others[name]
            difference = float((methods()[ours].saliency(oracle) - run()).abs().max())
        rows.append(
            {
                "network": network,
                "what": name,
                "K": channels,
                "passes": ratio,
                "passes / K": ratio / channels,
                "target": "" if target is None else f"{target:.3g}",
                "largest difference of maps": "" if difference is None else f"{difference:.1e}",
            }
        )
    return rows


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = [
        row
        for network in (*SHAPES, *([PRETRAINED] if find_spec("efficientnet_lite_pytorch") else []))
        for row in rows_of(network, options.pictures, options.repeats)
    ]
    unit = f"plain forward passes of the same {options.pictures} pictures"
    report("methods", f"cost in {unit}", rows, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
