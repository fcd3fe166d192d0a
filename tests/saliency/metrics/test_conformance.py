"""What every metric of the registry must do, whatever it measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from number_networks import located, number_network
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle, Saliency, saliency_of
from sygus.oracles.expressions import read_expression
from sygus.oracles.methods import find_methods
from sygus.saliency.metrics import METRICS, Metric, Subject, aliases_of, find_metric, subject_of
from sygus.saliency.metrics.registry import ALIASES

PICTURES = 6

SHORT = {
    "deletion": "deletion(steps=6)",
    "insertion": "insertion(steps=6)",
    "max-sensitivity": "max-sensitivity(draws=2)",
    "box-accuracy": "box-accuracy(step=0.02)",
    "deletion(within=box)": "deletion(steps=6,within=box)",
    "insertion(within=box)": "insertion(steps=6,within=box)",
}
"""Options that make a metric cheap enough to test often."""

PARTIAL = [f"{name}(within=box)" for name, metric in METRICS.items() if "within" in metric.options]
ALL = [pytest.param(find_metric(SHORT.get(name, name)), id=name) for name in [*METRICS, *PARTIAL]]
OF_MAPS = [case for case in ALL if "explain" not in case.values[0].needs]
GROUND_TRUTH = [case for case in ALL if "region" in case.values[0].needs]

GRADCAM = read_expression("(gap gradient)")


@pytest.fixture(scope="module")
def oracle() -> CamOracle:
    return load_subjects(Settings(search_images=PICTURES, held_out_images=2, device="cpu")).search


@pytest.fixture(scope="module")
def gradcam(oracle: CamOracle) -> Tensor:
    return saliency_of(GRADCAM)(oracle)


def score(oracle: CamOracle, metric: Metric, maps: Tensor, again: Saliency | None = None) -> np.ndarray:
    """The scores of maps; explained again they are the same, unless ``again`` says otherwise."""
    return oracle.judge(oracle.evaluation(maps, torch.arange(len(maps)), again or (lambda _: maps)), metric)


def test_randomized_networks_are_explained_at_several_layers(oracle: CamOracle) -> None:
    """The last module of ``features`` gives what ``features`` gives, and needs the network to be split again."""
    assert oracle.subject.network.classifier is not None
    last = f"features.{len(oracle.subject.network.classifier.model.get_submodule('features')) - 1}"
    metric = find_metric("model-randomization")
    scores = {}
    for layers in ("features", last, f"features+{last}", "features.0+features"):
        (method,) = find_methods(f"layercam(layers={layers})")
        scores[layers] = oracle.judge(method.evaluation(oracle), metric)
    assert scores["features"].max() < 0.9
    for layers in (last, f"features+{last}"):
        np.testing.assert_allclose(scores[layers], scores["features"], atol=1e-3)
    assert scores["features.0+features"].max() < 0.99


@pytest.mark.parametrize("metric", ALL)
def test_metadata(metric: Metric) -> None:
    assert metric.direction in ("min", "max")
    assert metric.low < metric.high
    assert metric.passes((64, 64)) >= 0
    assert metric.doc.splitlines()[0].endswith(".")


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("kind", ["gradcam", "mask", "complement", "noise", "black", "white", "one pixel", "fake"])
def test_scores_are_finite_and_in_range(metric: Metric, kind: str, oracle: CamOracle, gradcam: Tensor) -> None:
    region = oracle.subject.region.float()
    noise = torch.rand(gradcam.shape, generator=torch.Generator().manual_seed(0))
    pixel = torch.zeros_like(gradcam)
    pixel[:, 5, 7] = 1
    fake = torch.ones_like(gradcam)
    fake[:, 0, 0] = 0
    white = torch.ones_like(gradcam)
    maps = {
        "gradcam": gradcam,
        "mask": region,
        "complement": 1 - region,
        "noise": noise,
        "black": torch.zeros_like(gradcam),
        "white": white,
        "one pixel": pixel,
        "fake": fake,
    }[kind]
    scores = score(oracle, metric, maps)
    assert scores.shape == (PICTURES,)
    assert scores.dtype == np.float32
    assert (scores >= np.float32(metric.low) - 1e-6).all()
    assert (scores <= np.float32(metric.high) + 1e-6).all()


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("text", ["(neg (gap activation))", "(* 0 (gap activation))", "1"])
def test_expressions_that_draw_nothing_are_scored_and_counted(metric: Metric, text: str, oracle: CamOracle) -> None:
    expression = read_expression(text)
    (heat,) = oracle.heat_maps([expression])
    evaluation = oracle.evaluation(saliency_of(expression)(oracle), torch.arange(PICTURES), saliency_of(expression))
    assert int(evaluation.empty.sum()) == heat.degenerate == (0 if text == "1" else PICTURES)
    assert np.isfinite(oracle.judge(evaluation, metric)).all()


@pytest.mark.parametrize("metric", OF_MAPS)
def test_the_object_scores_better_than_everything_else(metric: Metric, oracle: CamOracle) -> None:
    if metric.family in ("average-increase", "win", "tie", "saliency-metric", "spread"):
        pytest.skip(
            "few pictures gain or win; ties are neither good nor bad; the network never saw enlarged crops; "
            "a mask is spread as its complement is"
        )
    region = oracle.subject.region.float()
    good, bad = (score(oracle, metric, maps).mean() for maps in (region, 1 - region))
    assert good < bad if metric.direction == "min" else good > bad


@pytest.mark.parametrize("metric", ALL)
def test_a_positive_factor_on_the_weights_changes_nothing(metric: Metric, oracle: CamOracle) -> None:
    heat = oracle.heat_maps([GRADCAM, read_expression("(* 4 (gap gradient))")])
    one, other = oracle.score(heat, metric, torch.arange(PICTURES))
    assert (one == other).all()


def quantised(maps: Tensor) -> Tensor:
    """Values far enough apart that a strictly increasing function keeps them distinct in float32."""
    return (maps * 256).round() / 256


TRANSFORMS = {"gain": lambda s: s / 2, "monotone": lambda s: (s + s**2) / 2}


DECLARED = [
    pytest.param(case.values[0], name, id=f"{case.id}-{name}")
    for case in OF_MAPS
    for name in TRANSFORMS
    if name in case.values[0].invariances
]


@pytest.mark.parametrize(("metric", "invariance"), DECLARED)
def test_declared_invariances_of_the_map(metric: Metric, invariance: str, oracle: CamOracle, gradcam: Tensor) -> None:
    maps = quantised(gradcam)
    one, other = score(oracle, metric, maps), score(oracle, metric, TRANSFORMS[invariance](maps))
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("metric", [case for case in OF_MAPS if "mirror" in case.values[0].invariances])
def test_declared_invariance_to_mirroring_map_and_truth(metric: Metric, oracle: CamOracle, gradcam: Tensor) -> None:
    mirrored = CamOracle(mirror(oracle.subject))
    np.testing.assert_allclose(score(oracle, metric, gradcam), score(mirrored, metric, gradcam.flip(-1)), atol=1e-6)


def mirror(subject: Subject) -> Subject:
    images, width = subject.images, subject.network.size[1]
    boxes = tuple(tuple((width - r, t, width - l, b) for l, t, r, b in row) for row in images.boxes)  # noqa: E741
    assert images.masks is not None
    return replace(subject, images=replace(images, masks=images.masks.flip(-1), boxes=boxes))


@pytest.mark.parametrize("metric", ALL)
def test_a_picture_scores_the_same_alone_and_in_a_batch(metric: Metric, oracle: CamOracle) -> None:
    heat = oracle.heat_maps([GRADCAM, read_expression("(gap (abs gradient))")])
    together = oracle.score(heat, metric, torch.arange(PICTURES))
    if metric.joint:
        assert (oracle.score(heat[1:], metric, torch.arange(PICTURES))[0] == together[1]).all()
        return
    for index in ([3], [5, 3, 0]):
        assert (oracle.score(heat[1:], metric, torch.tensor(index))[0] == together[1, index]).all()


@pytest.mark.parametrize("metric", OF_MAPS)
def test_the_declared_passes_are_those_spent(metric: Metric, oracle: CamOracle) -> None:
    seen: list[int] = []
    network = oracle.subject.network

    def counting(pictures: Tensor) -> Tensor:
        seen.append(len(pictures))
        return network.trunk(pictures)

    counted = replace(oracle.subject, network=replace(network, trunk=counting))
    rows = torch.arange(32) % PICTURES  # a full pass, so that no padding is counted
    maps = torch.rand(len(rows), 64, 64, generator=torch.Generator().manual_seed(0))
    references = {"gradcam": lambda _: maps[:PICTURES]}
    counter = CamOracle(counted, references)
    if metric.references:
        assert counter.reference("gradcam").masked_probability.isfinite().all()
    counted.predicted  # noqa: B018 - paid once for all candidates
    seen.clear()
    counter.judge(counter.evaluation(maps, rows), metric)
    assert sum(seen) == metric.passes((64, 64)) * len(rows)
    assert counter.forwards == sum(seen)


@pytest.mark.parametrize("metric", GROUND_TRUTH)
def test_pictures_without_ground_truth_are_refused(metric: Metric, oracle: CamOracle, gradcam: Tensor) -> None:
    images = replace(oracle.subject.images, masks=None, boxes=((),) * PICTURES)
    blind = CamOracle(replace(oracle.subject, images=images))
    with pytest.raises(OptionError, match=r"needs a mask or boxes.*6 of 6 pictures"):
        score(blind, metric, gradcam)


@pytest.mark.parametrize("metric", ALL)
def test_options_are_validated_and_part_of_the_name(metric: Metric) -> None:
    plain = METRICS[metric.family]
    with pytest.raises(OptionError, match="no option 'colour'"):
        plain.configured({"colour": "red"})
    for name, option in plain.options.items():
        if not option.refers:
            with pytest.raises(OptionError, match=f"option '{name}'.*'-7'.*give "):
                plain.configured({name: "-7"})
        assert plain.configured({}).name == plain.name


def test_names_with_options() -> None:
    assert find_metric("deletion( top = 30 )").name == "deletion(top=30)"
    assert find_metric("iou(t=0.25,on=boxes)").name == "iou(on=boxes,t=0.25)"
    assert find_metric("iou(t=0.5)").name == "iou"
    for wrong in ("deletion(top)", "deletion(top=30", "nothing", "deletion(top=130)", ""):
        with pytest.raises(OptionError):
            find_metric(wrong)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_metric_itself(alias: str) -> None:
    metric = find_metric(alias)
    assert metric.name == ALIASES[alias]
    assert alias in aliases_of(metric.name)
    assert alias not in METRICS
    for name in metric.options:
        with pytest.raises(OptionError, match=f"option '{name}' of the metric '{metric.name}'"):
            find_metric(f"{alias}({name}=-7)")


def test_a_misspelt_alias_is_guessed() -> None:
    with pytest.raises(OptionError, match="did you mean 'relevance-mass-accuracy'"):
        find_metric("relevance-mass-acuracy")


def test_drop_and_gain_are_never_both_positive(oracle: CamOracle, gradcam: Tensor) -> None:
    drop, gain = (score(oracle, find_metric(name), gradcam) for name in ("average-drop", "average-gain"))
    assert (np.minimum(drop, gain) == 0).all()


def test_fake_cam_changes_almost_nothing(oracle: CamOracle, gradcam: Tensor) -> None:
    fake = torch.ones_like(gradcam)
    fake[:, 0, 0] = 0
    for name in ("average-drop", "average-gain"):
        assert score(oracle, find_metric(name), fake).mean() < 2


@pytest.fixture(scope="module")
def of_a_number() -> CamOracle:
    """Pictures of which a network gives one number and no class."""
    return CamOracle(subject_of(number_network(), located()), {"gradcam": saliency_of(GRADCAM)})


@pytest.mark.parametrize("metric", ALL)
def test_a_metric_that_reads_a_probability_declares_it(metric: Metric, of_a_number: CamOracle) -> None:
    """On one number a picture a metric is refused, or scores without asking for the probability of a class."""
    subject, maps = of_a_number.subject, saliency_of(GRADCAM)(of_a_number)
    refused = {"probability": "needs the probability of a class, which 'toy' does not give", "labels": "the true class"}
    reasons = [reason for need, reason in refused.items() if need in metric.needs]
    if not reasons:
        scores = score(of_a_number, metric, maps, saliency_of(GRADCAM))
        assert np.isfinite(scores).all()
        assert metric.lacking(subject) == ""
        return
    with pytest.raises(OptionError, match=reasons[0]) as caught:
        score(of_a_number, metric, maps)
    assert "metrics that can be computed: coverage, " in caught.value.hint
    assert "average-drop" not in caught.value.hint
    if "probability" in metric.needs and metric.family not in (
        "contrast",
        "class-agreement",
    ):  # which ask for a second class
        evaluation = of_a_number.evaluation(maps, torch.arange(len(maps)), saliency_of(GRADCAM))
        with pytest.raises(OptionError, match="the probability of a class, which 'toy' does not give"):
            metric.score(evaluation)
