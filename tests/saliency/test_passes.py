"""What features and methods say they cost, beside passes that are counted: every entry of both registries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import find_methods, methods
from sygus.saliency.features import FEATURES, GRADIENT, Feature, measure, passes_of
from sygus.saliency.features.feature import Passes
from sygus.saliency.images import load_images
from sygus.saliency.metrics import METRICS, Subject, find_metric, subject_of
from sygus.saliency.networks import Network, load_network

PICTURES = 4

SHORT = {
    "sscam": "sscam(n=2)",
    "smoothgrad": "smoothgrad(n=3)",
    "intgrad": "intgrad(steps=4)",
    "extremal": "extremal(steps=5)",
}
"""Options that make a method cheap enough to be counted."""

VARIANTS = (
    *("layercam(layers=features+features.0)", "smoothgradcam++(n=2)", "smoothgrad(n=1)", "extremal(steps=2)"),
    *(
        "scorecam(score=prob)",
        "scorecam(channels=9)",
        "iscam(channels=9,n=2)",
        "iscam(n=2)",
        "sscam(n=1,noisy=input)",
        "randomcam(seed=3)",
    ),
    *(f"opticam(steps=2,loss={loss})" for loss in ("mask", "diff", "iomask", "iodiff")),
)

FEWER = {
    "ablation": "it is known without a pass where the tail is pooling and a linear layer",
    "ablationcam": "likewise",
    "hessian-activation": "the way back of the way back is not seen by what counts",
    "shapleycam": "likewise",
    "opticam": "the ascent ends early where nothing changes",
}
"""What may take far fewer passes than it says, and why."""


@pytest.fixture(scope="module", params=["shapes-vgg", "shapes-resnet"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Few pictures, one in a pass, so that no pass is filled up."""
    network = load_network(request.param, torch.device("cpu"))
    images = load_images("shapes", search=PICTURES, held_out=2, seed=0, preprocessing=network.preprocessing).search
    return subject_of(network.for_few(1), images)


@contextmanager
def counted(network: Network) -> Iterator[Callable[[], int]]:
    """Passes of single pictures, with a gradient :data:`GRADIENT`; also those of a half of the network."""
    found = 0

    def count(_: nn.Module, __: object, logits: Tensor) -> None:
        nonlocal found
        found += len(logits) * (GRADIENT if logits.requires_grad else 1)

    assert network.whole is not None
    whole, halves = network.whole, [one for one in (network.trunk, network.tail) if isinstance(one, nn.Module)]
    assert len(halves) == 2
    modules = {id(module): module for module in (whole.exact, whole.fast, *halves)}.values()
    hooks = [module.register_forward_hook(count) for module in modules]
    try:
        yield lambda: found
    finally:
        for hook in hooks:
            hook.remove()


def check(name: str, found: int, stated: int) -> None:
    """What is stated is no less than what was counted; and not far more, as constant channels take no pass."""
    assert found <= stated * PICTURES
    if name not in FEWER:
        assert found >= 0.4 * stated * PICTURES


@pytest.mark.slow
@pytest.mark.parametrize("name", FEATURES)
def test_features_cost_what_they_say(name: str, subject: Subject) -> None:
    network = subject.network
    measured = measure(network, subject.pictures, subject.targets)
    with counted(network) as passes:
        try:
            measured[name]
        except OptionError as error:
            pytest.skip(str(error))
    check(name, passes(), passes_of([name], measured["activation"].shape[1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(SHORT.get(name, name) for name in methods()), *VARIANTS])
def test_methods_cost_what_they_say(name: str, subject: Subject) -> None:
    if name.startswith("layercam(") and subject.network.layer != "features":
        pytest.skip("the layers are of the other network")
    oracle = CamOracle(subject, lasting=False)
    (method,) = find_methods(name)
    with counted(subject.network) as passes:
        try:
            method.check(oracle)
        except OptionError as error:
            pytest.skip(str(error))
        method.saliency(oracle)
    check(name.partition("(")[0], passes(), method.passes(oracle))


def test_what_is_measured_together_counts_once(subject: Subject) -> None:
    measured = measure(subject.network, subject.pictures, subject.targets)
    names = ["gradient", "logit", "alpha", "score", "score-probability"]
    with counted(subject.network) as passes:
        for name in names:
            measured[name]
    channels = measured["activation"].shape[1]
    check("", passes(), passes_of(names, channels))
    assert passes_of(names, channels) == passes_of(["gradient", "score"], channels)
    assert passes_of([], channels) == passes_of(["activation"], channels) == 1


@pytest.mark.parametrize(
    ("slow", "passes", "expected"), [(False, None, 1), (True, None, 7), (True, 5, 5), (False, lambda k: k + 1, 8)]
)
def test_a_feature_that_says_nothing_costs_a_pass_or_one_per_channel(
    slow: bool, passes: Passes | None, expected: int
) -> None:
    entry = FEATURES["score"]
    feature = Feature(
        name="own",
        rank="weight",
        latex="o",
        doc="Own.",
        measure=entry.measure,
        draw=entry.draw,
        slow=slow,
        passes=passes,
    )
    assert feature.cost(7) == expected
    assert FEATURES["alpha"].cost(7) == 0


EXPLAINING = [name for name, metric in METRICS.items() if "explain" in metric.needs]


@pytest.mark.parametrize("name", [*EXPLAINING, "max-sensitivity(draws=3)", "iou", "deletion(steps=4)"])
def test_metrics_explain_as_often_as_they_say(name: str, subject: Subject) -> None:
    oracle, metric, times = CamOracle(subject, lasting=False), find_metric(name), 0
    maps = find_methods("gradcam")[0].saliency(oracle)

    def again(changed: CamOracle) -> Tensor:
        nonlocal times
        times += 1
        return torch.zeros(len(changed.subject.images), *changed.subject.network.size)

    oracle.judge(oracle.evaluation(maps, torch.arange(PICTURES), again), metric)
    assert times == metric.explanations(subject.network.size)
    assert (times > 0) == (metric.family in EXPLAINING)
