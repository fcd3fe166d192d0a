"""Average drop of the gradient methods, against plain autograd: no hooks, no batches, image by image."""

import numpy as np
import pytest
import torch

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.oracles.expressions import read_expression
from sygus.oracles.methods import methods
from sygus.saliency.metrics import find_metric
from sygus.saliency.networks.embedded import load

PICTURES = 24


def upsampled(low: np.ndarray, size: int) -> np.ndarray:
    """Bilinear interpolation with half-pixel centres, written out: independent of torch's."""
    source = len(low)
    at = np.clip((np.arange(size) + 0.5) * source / size - 0.5, 0, None)
    first = np.minimum(at.astype(int), source - 1)
    second = np.minimum(first + 1, source - 1)
    part = at - first
    rows = low[first] * (1 - part)[:, None] + low[second] * part[:, None]
    return rows[:, first] * (1 - part) + rows[:, second] * part


def reference_drop(name: str, network: torch.nn.Module, picture: torch.Tensor) -> float:
    """METHODS.md word by word for one picture, in float64."""
    network = network.double()
    activation = network.features(network.normalise(picture[None].double())).detach().requires_grad_()
    logits = network.head(activation)
    target = int(logits[0].argmax())
    logits[0, target].backward()
    a, g = activation.detach()[0].numpy(), activation.grad[0].numpy()
    if name == "gradcam":
        weights = g.mean((1, 2))[:, None, None]
    elif name == "gradcam++":
        alpha = np.zeros_like(g)
        total = np.broadcast_to(a.sum((1, 2), keepdims=True), g.shape)
        there = g != 0
        alpha[there] = g[there] ** 2 / (2 * g[there] ** 2 + g[there] ** 3 * total[there])
        weights = (alpha * np.maximum(g, 0)).sum((1, 2))[:, None, None]
    elif name == "xgradcam":
        sums = a.sum((1, 2))
        weights = np.divide((g * a).sum((1, 2)), sums, out=np.zeros_like(sums), where=sums > 1e-12)[:, None, None]
    else:
        weights = np.maximum(g, 0)
    heat = upsampled(np.maximum((weights * a).sum(0), 0), picture.shape[-1])
    spread = heat.max() - heat.min()
    mask = (heat - heat.min()) / spread if spread > 0 else np.zeros_like(heat)
    with torch.no_grad():
        p = torch.softmax(logits, 1)[0, target].item()
        o = torch.softmax(network(picture[None].double() * torch.from_numpy(mask)), 1)[0, target].item()
    return 100 * max(p - o, 0) / p


@pytest.mark.parametrize("network", ["shapes-vgg", "shapes-resnet"])
@pytest.mark.parametrize("name", ["gradcam", "gradcam++", "xgradcam", "layercam"])
def test_average_drop_equals_plain_autograd(network: str, name: str) -> None:
    subjects = load_subjects(Settings(network=network, search_images=PICTURES, held_out_images=2, device="cpu"))
    scores = methods()[name].score(subjects.search, find_metric("average-drop"))
    pictures = subjects.search.subject.images.pictures
    expected = [reference_drop(name, load(network), picture) for picture in pictures]
    # Scores are percentages in float32; 1e-5 of the unit interval is 1e-3 here, the mean is held to 1e-5 itself.
    np.testing.assert_allclose(scores, expected, atol=1e-3)
    assert abs(scores.mean(dtype=np.float64) - np.mean(expected)) / 100 < 1e-5


def test_grad_cam_equals_its_relatives_on_a_pooled_linear_head() -> None:
    """With GAP and one linear layer the gradient is constant in space: Grad-CAM = XGrad-CAM up to rounding."""
    subjects = load_subjects(Settings(network="shapes-resnet", search_images=16, held_out_images=2, device="cpu"))
    maps = {name: methods()[name].saliency(subjects.search) for name in ("gradcam", "xgradcam")}
    torch.testing.assert_close(maps["gradcam"], maps["xgradcam"], atol=2e-5, rtol=0)
    gradient = subjects.search.measured["gradient"]
    weight = load("shapes-resnet").head[-1].weight
    expected = weight[subjects.search.subject.targets][:, :, None, None] / 64
    torch.testing.assert_close(gradient, expected.expand_as(gradient), atol=1e-7, rtol=1e-5)


def test_a_score_does_not_depend_on_what_shares_its_batch() -> None:
    subjects = load_subjects(Settings(search_images=40, held_out_images=2, device="cpu"))
    oracle, metric = subjects.search, find_metric("average-drop")
    heat = oracle.heat_maps([read_expression("(gap gradient)"), read_expression("(gap (abs gradient))")])
    together = oracle.score(heat, metric, torch.arange(40))
    alone = oracle.score(heat[1:], metric, torch.tensor([7, 3, 39]))
    assert (alone[0] == together[1, [7, 3, 39]]).all()


def test_fake_cam_has_no_drop_and_random_weights_have_much() -> None:
    subjects = load_subjects(Settings(search_images=64, held_out_images=2, device="cpu"))
    metric = find_metric("average-drop")
    mean = {name: methods()[name].score(subjects.search, metric).mean() for name in ("fakecam", "randomcam", "gradcam")}
    assert mean["fakecam"] < 1
    assert mean["gradcam"] < mean["randomcam"]


def test_constant_and_empty_maps_are_scored_as_black_and_counted() -> None:
    subjects = load_subjects(Settings(search_images=8, held_out_images=2, device="cpu"))
    oracle = subjects.search
    (heat,) = oracle.heat_maps([read_expression("(neg (gap activation))")])
    assert heat.degenerate == 8
    scores = oracle.score([heat], find_metric("average-drop"), torch.arange(8))[0]
    network, subject = oracle.subject.network, oracle.subject
    black = network.probabilities(torch.zeros_like(subject.images.pictures), subject.targets)
    expected = 100 * (subject.probability - black).clamp(min=0) / subject.probability
    np.testing.assert_allclose(scores, expected.numpy(), atol=1e-4)


def test_the_network_is_left_as_it_was() -> None:
    network = load("shapes-vgg")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    subjects = load_subjects(Settings(search_images=8, held_out_images=2, device="cpu"))
    subjects.search.heat_maps([read_expression("(gap gradient)")])
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
