"""Features of gradients and of masked pictures, computed image by image with torch's autograd on the model itself."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.oracles.cam import CamOracle
from sygus.saliency.features import FEATURES
from sygus.saliency.features.averaged import DRAWS, SEED, SIGMA, STEPS
from sygus.saliency.features.masking import SHARES
from sygus.saliency.features.rival import RIVALS
from sygus.saliency.networks.embedded import ShapesNetwork, load

COUNT = 2


@pytest.fixture(scope="module", params=["shapes-vgg", "shapes-resnet"])
def oracle(request: pytest.FixtureRequest) -> CamOracle:
    settings = Settings(network=request.param, search_images=COUNT, held_out_images=2, device="cpu")
    return load_subjects(settings).search


@pytest.fixture(scope="module")
def model(oracle: CamOracle) -> ShapesNetwork:
    return load(oracle.subject.network.name).double()  # type: ignore[arg-type]


def activation_of(model: ShapesNetwork, oracle: CamOracle, row: int) -> Tensor:
    """(1, K, h, w) float64, of one picture."""
    picture = oracle.subject.images.pictures[row : row + 1].double()
    return model.features((picture - 0.47) / 0.25).detach()


def logits_at(model: ShapesNetwork, activation: Tensor) -> tuple[Tensor, Tensor]:
    """The logits (classes,), and the activation that they can be differentiated by."""
    leaf = activation.detach().clone().requires_grad_()
    return model.head(leaf)[0], leaf


def gradient_of(score: Tensor, leaf: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(score, leaf)
    return gradient[0]


def agrees(oracle: CamOracle, name: str, row: int, expected: Tensor) -> None:
    found = oracle.measured[name][row].double().flatten()
    torch.testing.assert_close(found, expected.flatten(), atol=1e-5 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("row", range(COUNT))
def test_gradients_of_the_softmax(oracle: CamOracle, model: ShapesNetwork, row: int) -> None:
    target = int(oracle.subject.targets[row])
    activation = activation_of(model, oracle, row)
    logits, leaf = logits_at(model, activation)
    agrees(oracle, "log-probability-gradient", row, gradient_of(torch.log(torch.softmax(logits, 0)[target]), leaf))
    logits, leaf = logits_at(model, activation)
    found = oracle.measured["probability-gradient"][row].double()
    expected = gradient_of(torch.softmax(logits, 0)[target], leaf)
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("row", range(COUNT))
def test_the_curvature_by_finite_differences(oracle: CamOracle, model: ShapesNetwork, row: int) -> None:
    target, step = int(oracle.subject.targets[row]), 1e-6
    activation = activation_of(model, oracle, row)

    def gradient_at(factor: float) -> Tensor:
        logits, leaf = logits_at(model, activation * factor)
        return gradient_of(logits[target] + torch.log_softmax(logits, 0)[target], leaf)

    expected = (gradient_at(1 + step) - gradient_at(1 - step)) / (2 * step)
    found = oracle.measured["hessian-activation"][row].double()
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("row", range(COUNT))
def test_the_rivals_are_the_nearest_classes(oracle: CamOracle, model: ShapesNetwork, row: int) -> None:
    target = int(oracle.subject.targets[row])
    logits, leaf = logits_at(model, activation_of(model, oracle, row))
    values = logits.detach().tolist()
    others = [index for index in range(len(values)) if index != target]
    nearest = sorted(others, key=lambda index: abs(values[index] - values[target]))[:RIVALS]
    agrees(oracle, "rival-gradient", row, gradient_of(sum(logits[index] for index in nearest) / RIVALS, leaf))


@pytest.mark.parametrize("row", range(COUNT))
def test_mean_gradients_one_at_a_time(oracle: CamOracle, model: ShapesNetwork, row: int) -> None:
    target = int(oracle.subject.targets[row])
    activation = activation_of(model, oracle, row)
    draws = torch.randn((DRAWS, *activation.shape[1:]), generator=torch.Generator().manual_seed(SEED)) * SIGMA
    points = {
        "path-gradient": [activation * (step / STEPS) for step in range(1, STEPS + 1)],
        "noise-gradient": [activation + activation.abs().max() * draw.double() for draw in draws],
    }
    for name, changed in points.items():
        gradients = []
        for point in changed:
            logits, leaf = logits_at(model, point)
            gradients.append(gradient_of(logits[target], leaf))
        agrees(oracle, name, row, sum(gradients[1:], gradients[0]) / len(gradients))


@pytest.mark.parametrize("row", range(COUNT))
def test_the_singular_vector_by_numpy(oracle: CamOracle, row: int) -> None:
    activation = oracle.measured["activation"][row].flatten(1).double().numpy()
    left, values, right = np.linalg.svd(activation)
    found = oracle.measured["eigen"][row].flatten().double().numpy()
    assert np.abs(np.abs(found) - np.abs(left[:, 0])).max() < 1e-6
    assert (found @ activation).sum() > 0
    assert np.abs(np.abs(found @ activation) - values[0] * np.abs(right[0])).max() < 1e-5 * values[0]


def test_scores_of_probabilities_and_of_masks_in_part(oracle: CamOracle, model: ShapesNetwork) -> None:
    picture, target = oracle.subject.images.pictures[:1].double(), int(oracle.subject.targets[0])
    activation = activation_of(model, oracle, 0)[0]
    black = model(torch.zeros_like(picture))[0]
    channels = [index for index, one in enumerate(activation) if one.amax() > one.amin()][:8]
    for channel in channels:
        up = interpolate(activation[None, channel : channel + 1], picture.shape[-2:], mode="bilinear")
        mask = (up - up.min()) / (up.max() - up.min())
        shown = model(picture * mask)[0]
        probability = torch.softmax(shown, 0)[target] - torch.softmax(black, 0)[target]
        assert float(oracle.measured["score-probability"][0, channel]) == pytest.approx(float(probability), abs=1e-5)
        parts = [float(model(picture * mask * (i / SHARES))[0, target]) for i in range(1, SHARES + 1)]
        expected = sum(parts) / SHARES - float(black[target])
        assert float(oracle.measured["increase"][0, channel]) == pytest.approx(expected, abs=1e-4)


NAMES = [name for name, feature in FEATURES.items() if not feature.conditional and name != "opticam"]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_alone_has_the_features_that_it_has_in_a_batch(oracle: CamOracle, name: str) -> None:
    subject = oracle.subject
    alone = CamOracle(subject.showing(subject.images.pictures[1:2], torch.tensor([1])))
    together = oracle.measured[name][1:2]
    scale = float(together.abs().max())
    torch.testing.assert_close(alone.measured[name], together, atol=1e-6 * max(scale, 1e-12), rtol=0)
