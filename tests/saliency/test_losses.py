"""What networks are trained by, against losses worked out by hand, captum's guided gradients and finite differences."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency import training
from sygus.saliency.losses import (
    ERRORS,
    ErrorName,
    attentive,
    classification,
    cross_entropy,
    input_gradients,
    interpretable_gradients,
)
from sygus.saliency.networks.embedded import NAMES, NetworkName, ShapesNetwork, build
from sygus.saliency.training import main

# The errors

BY_HAND: dict[ErrorName, list[float]] = {
    "absolute": [(2 + 2 + 6 + 0) / 4, (1 + 1 + 0 + 0) / 4, 0, 1],
    "squared": [(4 + 4 + 36 + 0) / 4, (1 + 1 + 0 + 0) / 4, 0, 1],
    "cosine": [1 - (3 + 3 - 9) / 19, 1, 0, 1],
    "intersection": [1 - (1 + 1 + 3) / 7, 1, 0, 1],  # of (1, 3, 3, 0) / 7 and (3, 1, 3, 0) / 7 the minima
}
GRADIENT = torch.tensor([[1.0, 3, 3, 0], [1, 0, 0, 0], [2, -1, 0.5, 0], [0, 0, 0, 0]])
GUIDED = torch.tensor([[3.0, 1, -3, 0], [0, 1, 0, 0], [2, -1, 0.5, 0], [1, 1, 1, 1]])


@pytest.mark.parametrize("name", ERRORS)
def test_errors_by_hand(name: ErrorName) -> None:
    torch.testing.assert_close(ERRORS[name](GRADIENT, GUIDED), torch.tensor(BY_HAND[name]), atol=1e-6, rtol=0)


rows = st.lists(st.floats(-4, 4).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=5, max_size=5)


@given(rows, rows, st.floats(0.1, 10))
def test_properties_of_errors(one: list[float], other: list[float], factor: float) -> None:
    gradient, guided = (torch.tensor([row], dtype=torch.float64) for row in (one, other))
    found = {name: float(error(gradient, guided)) for name, error in ERRORS.items()}
    assert 0 <= found["absolute"] <= math.sqrt(found["squared"]) + 1e-12
    assert -1e-12 <= found["cosine"] <= 2 + 1e-12
    assert -1e-12 <= found["intersection"] <= 1 + 1e-12
    for name in ("cosine", "intersection"):
        assert float(ERRORS[name](factor * gradient, guided)) == pytest.approx(found[name], abs=1e-9)
    if any(one) and any(other):
        apart = (gradient.abs() / gradient.abs().sum() - guided.abs() / guided.abs().sum()).abs().sum()
        assert found["intersection"] == pytest.approx(float(apart) / 2, abs=1e-9)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_can_be_differentiated(name: ErrorName) -> None:
    generator = torch.Generator().manual_seed(0)
    gradient, guided = (torch.randn(3, 12, dtype=torch.float64, generator=generator) for _ in range(2))
    assert torch.autograd.gradcheck(lambda one: ERRORS[name](one, guided), gradient.requires_grad_())


@pytest.mark.parametrize("name", ERRORS)
def test_where_a_gradient_is_zero_the_way_back_is_finite(name: ErrorName) -> None:
    zero = torch.zeros(1, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(ERRORS[name](zero, GUIDED[:1]).sum(), zero)
    assert bool(slope.isfinite().all())


# The gradients


def batch(count: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, 64, 64, generator=generator), torch.arange(count) % 8


def network(name: NetworkName) -> ShapesNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return build(name)


class Small(nn.Module):
    """(B, 1) to two logits: x, 2x - 1 and -x rectified, then summed with signs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.last = nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 2)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0], [2], [-1]]))
            self.first.bias.copy_(torch.tensor([0.0, -1, 0]))
            self.last.weight.copy_(torch.tensor([[1.0, -1, 5], [0, 2, 5]]))
            self.last.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.relu(self.first(x)))


def test_both_gradients_by_hand() -> None:
    """x = 1: hidden (1, 1, 0), logits (0, 2), so p = (1, e²) / (1 + e²); of label 0 smoothed, t = (0.95, 0.05)."""
    x, label = torch.tensor([[1.0]]), torch.tensor([0])
    loss, gradient, guided = input_gradients(Small(), x, label)
    p = 1 / (1 + math.exp(2))
    slope = torch.tensor([p - 0.95, (1 - p) - 0.05])  # of L_C by the logits
    assert float(loss.detach()) == pytest.approx(-0.95 * math.log(p) - 0.05 * math.log(1 - p), abs=1e-6)
    hidden = [float(slope[0]), float(-slope[0] + 2 * slope[1])]  # the third is held back: it is 0
    assert hidden[0] < 0 < hidden[1]
    assert float(gradient.detach()) == pytest.approx(hidden[0] + 2 * hidden[1], abs=1e-6)
    assert float(guided) == pytest.approx(2 * hidden[1], abs=1e-6)
    assert gradient.requires_grad
    assert not guided.requires_grad


class Losses(nn.Module):
    """The share of each picture in L_C, (B,)."""

    def __init__(self, model: nn.Module, labels: Tensor) -> None:
        super().__init__()
        self.model, self.labels = model, labels

    def forward(self, x: Tensor) -> Tensor:
        logits = self.model(x)
        return nn.functional.cross_entropy(logits, self.labels, label_smoothing=0.1, reduction="none") / len(x)


def test_guided_gradients_layer_by_layer() -> None:
    """What comes back through each layer of the plain network by itself, and through ReLUs by the rule."""
    model, (x, labels) = network("shapes-vgg").eval(), batch()
    assert isinstance(model.features, nn.Sequential)
    assert isinstance(model.head, nn.Sequential)
    layers = [model.normalise, *model.features, *model.head]
    inputs = [x]
    for layer in layers:
        inputs.append(layer(inputs[-1]).detach())
    smooth = torch.full((len(x), 8), 0.1 / 8)
    smooth[torch.arange(len(x)), labels] += 0.9
    slope = (inputs[-1].softmax(1) - smooth) / len(x)
    for layer, given_ in zip(reversed(layers), reversed(inputs[:-1]), strict=True):
        if isinstance(layer, nn.ReLU):
            slope = slope.clamp(min=0) * (given_ > 0)
        else:
            leaf = given_.clone().requires_grad_()
            (slope,) = torch.autograd.grad(layer(leaf), leaf, slope)
    _, gradient, guided = input_gradients(model, x, labels)
    torch.testing.assert_close(guided, slope.flatten(1), atol=1e-8, rtol=1e-4)
    assert not torch.allclose(gradient.detach(), guided, rtol=0.1)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_guided_gradients_are_captums(name: NetworkName) -> None:
    captum = pytest.importorskip("captum.attr")
    model, (x, labels) = network(name).eval(), batch()
    _, gradient, guided = input_gradients(model, x, labels)
    of_loss = Losses(model, labels)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(of_loss(leaf).sum(), leaf)
    torch.testing.assert_close(gradient.detach(), expected.flatten(1), atol=1e-7, rtol=1e-4)
    theirs = captum.GuidedBackprop(of_loss).attribute(x.clone().requires_grad_())
    torch.testing.assert_close(guided, theirs.flatten(1).detach(), atol=1e-7, rtol=1e-4)
    assert not torch.allclose(gradient.detach(), guided, rtol=0.1)


@pytest.mark.parametrize("error", ERRORS)
def test_the_way_back_of_the_loss_by_finite_differences(error: ErrorName) -> None:
    """The guided gradient stays what it was where the parameters are varied, since it is a constant."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 8)).double()
    generator = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 3
    x, labels = torch.rand(2, 3, 8, 8, generator=generator, dtype=torch.float64), torch.tensor([1, 5])
    _, _, guided = input_gradients(model, x, labels)

    def reference() -> float:
        leaf = x.clone().requires_grad_()
        loss = cross_entropy(model(leaf), labels)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return float(loss.detach() + 0.7 * ERRORS[error](gradient.flatten(1), guided).mean())

    loss = interpretable_gradients(error, 0.7)(model, x, labels)  # type: ignore[arg-type]
    assert float(loss.detach()) == pytest.approx(reference(), abs=1e-10)
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        assert parameter.grad is not None
        for place in range(0, parameter.numel(), max(1, parameter.numel() // 7)):
            values, step = parameter.data.view(-1), 1e-6
            values[place] += step
            above = reference()
            values[place] -= 2 * step
            below = reference()
            values[place] += step
            found = float(parameter.grad.view(-1)[place])
            assert found == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("loss_of", [interpretable_gradients("cosine", 1), attentive, classification])
def test_a_loss_passes_once_and_leaves_nothing_behind(loss_of: training.Loss) -> None:
    model, (x, labels) = network("shapes-resnet"), batch()
    other = copy.deepcopy(model)
    loss_of(model, x, labels).backward()  # type: ignore[no-untyped-call]
    other(x)
    statistics = zip(model.named_buffers(), other.named_buffers(), strict=True)
    assert all(torch.equal(one, two) for (_, one), (_, two) in statistics)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())


def test_a_network_without_rectifiers_has_no_guided_gradients() -> None:
    with pytest.raises(OptionError, match="this one has none; write ReLU as a module"):
        input_gradients(nn.Sequential(nn.Flatten(), nn.Linear(12, 8)), torch.rand(1, 3, 2, 2), torch.tensor([0]))


# Attention


def test_attention_by_the_weights_of_the_linear_layer() -> None:
    """Behind a mean and one linear layer Grad-CAM's weights are those of the label, up to a factor that n takes out."""
    model, (x, labels) = network("shapes-resnet").eval(), batch()
    linear = next(module for module in model.head.modules() if isinstance(module, nn.Linear))
    maps = model.features(model.normalise(x)).detach()
    losses = []
    for one, label in zip(maps, labels.tolist(), strict=True):
        cam = (linear.weight[label].detach()[:, None, None] * one).sum(0).relu()
        attention = (cam - cam.min()) / (cam.max() - cam.min())
        for seen in (one, one * (1 + attention)):
            logits = seen.mean((1, 2)) @ linear.weight.T + linear.bias
            smooth = torch.full((8,), 0.1 / 8)
            smooth[label] += 0.9
            losses.append(-(smooth * logits.log_softmax(0)).sum())
    expected = torch.stack(losses).mean()
    torch.testing.assert_close(attentive(model, x, labels), expected, atol=1e-5, rtol=0)


# The trainer


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of one step an epoch; what it sets for the whole process is as before afterwards."""
    monkeypatch.setattr(training, "TRAINING_PICTURES", 8)
    monkeypatch.setattr(training, "TEST_PICTURES", 8)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda _: None)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("options", "command"),
    [
        (["--gradients", "absolute", "--gradient-weight", "3"], " --gradients absolute --gradient-weight 3"),
        (["--attention"], " --attention"),
    ],
)
def test_options_choose_the_loss_and_stand_in_the_file(tmp_path: Path, options: list[str], command: str) -> None:
    chosen = ["--network", "shapes-vgg", "--seed", "7", "--out", str(tmp_path)]
    files = []
    for more in ([], options, options):
        result = CliRunner().invoke(main, [*chosen, *more])
        assert result.exit_code == 0, result.output
        files.append((tmp_path / "shapes-vgg.safetensors").read_bytes())
    plain, one, again = files
    assert one == again != plain
    with safe_open(tmp_path / "shapes-vgg.safetensors", framework="pt") as tensors:
        facts = json.loads(tensors.metadata()["training"])
    assert facts["command"] == f"python -m sygus.saliency.training --seed 7{command}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attention"], "--out: networks by another loss are not those shipped; name a folder"),
        (["--gradients", "squared", "--gradient-weight", "1"], "--out: networks by another loss"),
        (["--gradients", "squared"], "--gradient-weight is lacking; --gradients and --gradient-weight belong together"),
        (["--gradient-weight", "1"], "--gradients is lacking"),
        (["--gradients", "cosine", "--gradient-weight", "inf", "--out", "x"], "--gradient-weight is inf"),
        (
            ["--gradients", "cosine", "--gradient-weight", "1", "--attention", "--out", "x"],
            "--attention: --gradients is given too",
        ),
    ],
)
def test_options_that_do_not_fit(options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
