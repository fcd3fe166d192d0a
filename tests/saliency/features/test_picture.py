"""What the gradient with respect to the picture shows, against the definition picture by picture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sygus.language.terms import Sort
from sygus.oracles.parameters import feature_variables
from sygus.saliency.blurring import blur
from sygus.saliency.features import FEATURES, Measurements
from sygus.saliency.features.picture import COPIES, STEPS
from sygus.saliency.features.smooth import noise
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.networks import Classifier, make_network

SIDE, COUNT = 12, 3
MEAN, DEVIATION = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
NAMES = ("input-gradient", "smooth-input-gradient", "integrated-gradient")


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = (nn.Conv2d(3, 4, 3, padding=1), nn.Softplus(), nn.Conv2d(4, 5, 3, stride=2), nn.Tanh())
        return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(6)).eval()


@pytest.fixture(scope="module")
def given() -> tuple[Tensor, Tensor]:
    """Pictures in pixel space, and the classes explained."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand((COUNT, 3, SIDE, SIDE), generator=generator), torch.tensor([4, 0, 2])


def measured(model: nn.Module, pictures: Tensor, targets: Tensor, *, normalised: bool) -> Measurements:
    preprocessing = Preprocessing.square(SIDE)
    with torch.no_grad():
        model(torch.zeros(1, 3, SIDE, SIDE))
    kinds = {} if normalised else {"mean": MEAN, "deviation": DEVIATION}
    classifier = Classifier(model, preprocessing, layer="3", **kinds)
    return Measurements(make_network(classifier, "small", torch.device("cpu")), pictures, targets)


def normal(pictures: Tensor) -> Tensor:
    return (pictures - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)


def gradient(model: nn.Module, picture: Tensor, target: int) -> Tensor:
    """∂y/∂x of one normalised picture (3, H, W)."""
    leaf = picture[None].clone().requires_grad_()
    (found,) = torch.autograd.grad(model(leaf)[0, target], leaf)
    return found[0]


def by_hand(name: str, model: nn.Module, picture: Tensor, target: int) -> Tensor:
    """(H, W) of one normalised picture."""
    if name == "input-gradient":
        return gradient(model, picture, target).abs().mean(0)
    if name == "smooth-input-gradient":
        draws = noise(COPIES, tuple(picture.shape), 0.3, 0)
        return torch.stack([gradient(model, picture + draw, target) for draw in draws]).mean(0).abs().mean(0)
    blurred = blur(picture[None])[0]
    path = [blurred + (step + 0.5) / STEPS * (picture - blurred) for step in range(STEPS)]
    return (torch.stack([gradient(model, one, target) for one in path]).mean(0) * (picture - blurred)).sum(0)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_its_definition_picture_by_picture(
    name: str, model: nn.Sequential, given: tuple[Tensor, Tensor]
) -> None:
    found = measured(model, *given, normalised=False)[name]
    expected = [by_hand(name, model, *one) for one in zip(normal(given[0]), given[1].tolist(), strict=True)]
    torch.testing.assert_close(found[:, 0], torch.stack(expected), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_is_given_normalised_pictures_shows_the_same(
    name: str, model: nn.Sequential, given: tuple[Tensor, Tensor]
) -> None:
    inside = measured(model, *given, normalised=False)[name]
    outside = measured(model, normal(given[0]), given[1], normalised=True)[name]
    torch.testing.assert_close(inside, outside, atol=1e-5, rtol=1e-4)


def test_the_integrated_gradients_sum_to_what_the_blur_takes_away(
    model: nn.Sequential, given: tuple[Tensor, Tensor]
) -> None:
    table = measured(model, *given, normalised=False)
    with torch.no_grad():
        picture, blurred = model(normal(given[0])), model(normal(blur(given[0])))
    change = (picture - blurred)[torch.arange(COUNT), given[1]]
    torch.testing.assert_close(table["integrated-gradient"].sum((1, 2, 3)), change, atol=2e-3, rtol=1e-2)


def test_they_are_of_the_pictures_grid_and_join_nothing_of_the_layers(
    model: nn.Sequential, given: tuple[Tensor, Tensor]
) -> None:
    table = measured(model, *given, normalised=False)
    for name in NAMES:
        assert FEATURES[name].rank == "saliency"
        assert feature_variables()[name].sort == Sort("Saliency")
        assert table[name].shape == (COUNT, 1, SIDE, SIDE)
