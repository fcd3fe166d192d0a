"""What is said of an answer's maps: each number against a computation of its own, and which methods are warned of."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import interpolate

from number_networks import located, number_network
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import read_expression
from sygus.oracles.sanity import CHECKS, COUNTED, PICTURES, Sanity, sanity_of
from sygus.saliency.images import ImageSet
from sygus.saliency.metrics import subject_of
from sygus.saliency.networks import Network, make_network
from toy_models import CPU, EXAMPLES, SIDE, classifier_of, model_of, pictures

GRADCAM = "(gap gradient)"


def oracle_of(network: Network, count: int) -> CamOracle:
    images = ImageSet(
        "toys", pictures(count), torch.zeros(count, dtype=torch.long), None, ((),) * count,
        tuple(str(index) for index in range(count)), ("one", "other"),
    )  # fmt: skip
    return CamOracle(subject_of(network, images))


def gradcam(model: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
    """S of Grad-CAM at the last ReLU of the chain, by autograd and from its formula."""
    below, above = model[:5], model[5:]
    activation = below(x).detach().requires_grad_()
    above(activation).gather(1, targets[:, None]).sum().backward()
    assert activation.grad is not None
    weights = activation.grad.mean((2, 3), keepdim=True)
    maps = (weights * activation.detach()).sum(1, keepdim=True).relu()
    large = interpolate(maps, (SIDE, SIDE), mode="bilinear", align_corners=False)[:, 0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return torch.where(high > low, (large - low) / (high - low).clamp(min=1e-30), 0)


def agreement(one: Tensor, other: Tensor) -> float:
    """The mean of SciPy's rank correlations; 1 for black maps, 0 where only the second is constant."""

    def of(a: Tensor, b: Tensor) -> float:
        if a.max() == 0:
            return 1.0
        return 0.0 if b.max() == b.min() else float(spearmanr(a.flatten(), b.flatten()).statistic)

    return sum(of(a, b) for a, b in zip(one, other, strict=True)) / len(one)


def test_the_numbers_are_those_of_a_computation_by_hand() -> None:
    model = model_of(EXAMPLES[0]).eval()
    plain = copy.deepcopy(model)
    network = make_network(classifier_of(EXAMPLES[0], model), "chain", CPU, "4")
    found = sanity_of(oracle_of(network, 12), read_expression(GRADCAM))

    described = classifier_of(EXAMPLES[0])
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (described.mean, described.deviation))
    x = (pictures(12) - mean) / deviation
    with torch.no_grad():
        order = plain(x).argsort(1, descending=True)
    saliency = gradcam(plain, x, order[:, 0])
    random = copy.deepcopy(plain)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in random[7].parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(parameter.mean() + parameter.std(correction=0) * drawn)
    expected = {
        "spread": saliency.flatten(1).std(1, correction=0).mean().item(),
        "coverage": saliency.mean().item(),
        "class-agreement": agreement(saliency, gradcam(plain, x, order[:, 1])),
        "model-randomization": agreement(saliency, gradcam(random, x, order[:, 0])),
        COUNTED: 12,
    }
    assert found.numbers == pytest.approx(expected, abs=1e-4)
    assert 0.01 < expected["spread"] < 0.5
    assert abs(expected["class-agreement"]) < 0.99


def test_the_first_pictures_alone_are_looked_at() -> None:
    network = make_network(classifier_of(EXAMPLES[0]), "chain", CPU, "4")
    many, few = oracle_of(network, PICTURES + 8), oracle_of(network, PICTURES)
    term = read_expression(GRADCAM)
    found = sanity_of(many, term)
    assert found == sanity_of(few, term)
    assert found.numbers[COUNTED] == PICTURES
    assert many.forwards == 0


FAKE = "(power (unit (blur (channel-sum activation) 3)) 0.001)"
"""Nearly 1 everywhere."""

AGNOSTIC = {"class-agreement", "model-randomization"}
CASES = [
    (GRADCAM, set()),
    ("(relu gradient)", set()),
    ("gradient", set()),
    ("(total (* alpha (relu gradient)))", set()),
    ("1", AGNOSTIC),
    ("eigen", AGNOSTIC),
    ("(channel-sum activation)", AGNOSTIC),
    (FAKE, AGNOSTIC | {"coverage"}),
    ("(power (unit (blur (relu (cam (gap gradient))) 3)) 0.001)", {"coverage"}),
    ("(* 0 (gap gradient))", AGNOSTIC | {"spread"}),
]


@pytest.fixture(scope="module", params=["shapes-vgg", "shapes-resnet"])
def embedded(request: pytest.FixtureRequest) -> CamOracle:
    settings = Settings(network=request.param, search_images=24, held_out_images=2, device="cpu")
    return load_subjects(settings).search


@pytest.mark.parametrize(("text", "failing"), CASES, ids=[text for text, _ in CASES])
def test_which_maps_are_warned_of(text: str, failing: set[str], embedded: CamOracle) -> None:
    found = sanity_of(embedded, read_expression(text))
    reached = {check.metric for check in CHECKS if check.fails(found.numbers[check.metric])}
    assert reached == failing
    assert len(found.notes) == len(failing)
    for check in CHECKS:
        said = [note for note in found.notes if note.startswith("warning: ") and f"({check.metric} " in note]
        assert len(said) == (check.metric in reached)
        assert all(f"the answer's maps {check.finding}" in note and "on 24 search pictures" in note for note in said)


def test_a_bright_pixel_on_the_pictures_grid_is_nearly_constant(embedded: CamOracle) -> None:
    found = sanity_of(embedded, read_expression("(power (unit (up (channel-sum activation))) 1000)"))
    assert found.numbers["spread"] < 0.05
    assert any("nearly constant" in note for note in found.notes)


def test_nothing_is_said_of_no_answer(embedded: CamOracle) -> None:
    assert sanity_of(embedded, None) == Sanity()


# What cannot be measured is said


def test_a_number_that_is_no_class_has_no_other_class() -> None:
    oracle = CamOracle(subject_of(number_network(), located()))
    found = sanity_of(oracle, read_expression("gradient"))
    assert set(found.numbers) == {"spread", "coverage", "model-randomization", COUNTED}
    (note,) = (note for note in found.notes if "not measured" in note)
    assert note.startswith("the answer's class-agreement is not measured: ")
    assert "needs the probability of a class, which 'toy' does not give where 'regression' is explained" in note


class Mean(nn.Module):
    """Two classes, after which nothing is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).relu().mean((2, 3))


class Single(nn.Module):
    """A head that refuses to be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.linear(x.mean((2, 3)))
        return found

    def __deepcopy__(self, _: object) -> nn.Module:
        raise TypeError("only one")


def test_a_network_without_parameters_above_cannot_be_randomized() -> None:
    torch.manual_seed(0)
    described = replace(classifier_of(EXAMPLES[0]), model=Mean().eval(), layer="conv")
    network = make_network(described, "means", CPU)
    found = sanity_of(oracle_of(network, 4), read_expression(GRADCAM))
    assert set(found.numbers) == {"spread", "coverage", "class-agreement", COUNTED}
    (note,) = (note for note in found.notes if "not measured" in note)
    assert "model-randomization: 'means' has no parameters after the layer 'conv'" in note


def test_a_tail_that_cannot_be_copied_is_said_to_be_so() -> None:
    network = make_network(classifier_of(EXAMPLES[0]), "chain", CPU, "4")
    torch.manual_seed(0)
    odd = replace(network, tail=Single().requires_grad_(False), whole=None, classifier=None)
    found = sanity_of(oracle_of(odd, 4), read_expression(GRADCAM))
    assert set(found.numbers) == {"spread", "coverage", "class-agreement", COUNTED}
    (note,) = (note for note in found.notes if "not measured" in note)
    assert "what 'chain' has after the layer '4' cannot be copied (TypeError: only one)" in note
