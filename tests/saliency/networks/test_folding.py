"""Batch normalisations folded into convolutions: the same numbers, and no folding where something else has a say."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from sygus.saliency.networks import load_network
from sygus.saliency.networks.folding import TOLERANCE, Folded, folded
from toy_models import CPU, SPLITTABLE, Example, network_of, pictures

WIDTH = 6


def randomised(model: nn.Module) -> nn.Module:
    """In evaluation mode, with batch statistics as after training."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            if module.affine:
                nn.init.normal_(module.weight, generator=generator)
                nn.init.normal_(module.bias, generator=generator)
    return model.eval().requires_grad_(False)


def block(convolution: nn.Module | None = None, norm: nn.Module | None = None, *more: nn.Module) -> nn.Sequential:
    first = convolution or nn.Conv2d(3, WIDTH, 3, padding=1)
    return nn.Sequential(first, norm or nn.BatchNorm2d(WIDTH), *more, nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))


def fold(model: nn.Module, prepare: Callable[[Any], object] = lambda _: None) -> tuple[nn.Module, Folded, Tensor]:
    """The model, what became of it, and the pictures it was compared on."""
    x = pictures(4).contiguous(memory_format=torch.channels_last)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model.eval()(x)  # lazy layers take their size
        randomised(model)
    prepare(model)
    return model, folded(model, x), x


def norms_in(module: nn.Module) -> int:
    return sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())


def assert_same(model: nn.Module, result: Folded, tolerance: float = TOLERANCE) -> None:
    """On other pictures than those of the check too."""
    with torch.no_grad():
        for x in (pictures(3, seed=5), pictures(2, seed=6) * 3 - 1):
            expected = model(x)
            off = float((result.module(x) - expected).abs().max() / expected.abs().max())
            assert off <= tolerance


@pytest.mark.parametrize(
    "make",
    [
        block,
        lambda: block(nn.Conv2d(3, WIDTH, 3, bias=False), nn.BatchNorm2d(WIDTH, affine=False)),
        lambda: block(nn.Conv2d(3, WIDTH, 3, 2, 1, 2, groups=3), nn.BatchNorm2d(WIDTH, eps=0.1)),
        lambda: block(nn.Conv2d(3, WIDTH, 3, padding="same", padding_mode="reflect")),
        lambda: nn.Sequential(nn.Flatten(2), block(nn.Conv1d(3, WIDTH, 5), nn.BatchNorm1d(WIDTH))),
        lambda: nn.Sequential(nn.Unflatten(1, (3, 1)), block(nn.Conv3d(3, WIDTH, (1, 3, 3)), nn.BatchNorm3d(WIDTH))),
    ],
    ids=["plain", "no bias", "strides and groups", "reflected", "1d", "3d"],
)
def test_a_norm_after_a_convolution_is_folded(make: Callable[[], nn.Module]) -> None:
    model, result, _ = fold(make())
    assert result.folds == 1
    assert result.reason.startswith("1 batch normalisations folded, ")
    assert (norms_in(model), norms_in(result.module)) == (1, 0)
    assert_same(model, result)


def test_the_folded_weights_are_those_worked_out_by_hand() -> None:
    """scale / √(σ² + ε) · w, and scale / √(σ² + ε) · (b - mean) + shift."""
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2, eps=0.0), nn.Flatten(), nn.Linear(2 * 16 * 16, 2))

    def prepare(one: Any) -> None:
        one[0].weight.copy_(torch.tensor([[1.0, 2, 3], [4, 5, 6]])[..., None, None])
        one[0].bias.copy_(torch.tensor([1.0, -1]))
        for name, values in {"running_mean": (3, 1), "running_var": (4, 16), "weight": (2, 8), "bias": (0, 5)}.items():
            getattr(one[1], name).copy_(torch.tensor(values))

    _, result, _ = fold(model, prepare)
    (convolution,) = (part for part in result.module.modules() if isinstance(part, nn.Conv2d))
    assert convolution.weight.flatten(1).tolist() == [[1, 2, 3], [8, 10, 12]]
    assert convolution.bias is not None
    assert convolution.bias.tolist() == [-2, 1]


class SharedNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(3, WIDTH, 3), nn.Conv2d(WIDTH, WIDTH, 3)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.other(self.norm(self.one(x)).relu())).mean((2, 3)))


class SharedConvolution(nn.Module):
    """Run twice, normalised once."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(self.conv(x).relu())).mean((2, 3)))


class ReadTwice(nn.Module):
    """The convolution's output is used beside the norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head((self.norm(x) + x).mean((2, 3)))


def hooked(index: int, kind: str) -> Callable[[Any], object]:
    if kind == "before":
        return lambda model: model[index].register_forward_pre_hook(lambda _, given: (given[0] * 2,))
    return lambda model: model[index].register_forward_hook(lambda _, __, output: output * 2)


NOT_FOLDED: dict[str, tuple[Callable[[], nn.Module], Callable[[Any], object]]] = {
    "a convolution that runs twice": (SharedConvolution, lambda _: None),
    "an output that is read twice": (ReadTwice, lambda _: None),
    "a hook on the convolution": (block, hooked(0, "after")),
    "a hook before the convolution": (block, hooked(0, "before")),
    "a hook on the norm": (block, hooked(1, "after")),
    "a hook before the norm": (block, hooked(1, "before")),
    "weight normalisation": (block, lambda m: parametrizations.weight_norm(m[0])),
    "spectral normalisation": (block, lambda m: parametrizations.spectral_norm(m[0]).eval()),
    "a parametrised norm": (block, lambda m: parametrizations.weight_norm(m[1], dim=None)),
    "a norm in training": (block, lambda m: m[1].train()),
    "statistics of the batch": (lambda: block(None, nn.BatchNorm2d(WIDTH, track_running_stats=False)), lambda _: None),
    "something between": (lambda: block(None, nn.ReLU(), nn.BatchNorm2d(WIDTH)), lambda _: None),
    "a transposed convolution": (lambda: block(nn.ConvTranspose2d(3, WIDTH, 3)), lambda _: None),
    "another norm": (lambda: block(None, nn.GroupNorm(2, WIDTH)), lambda _: None),
    "no norm": (lambda: block(None, nn.Identity()), lambda _: None),
}


@pytest.mark.parametrize("name", NOT_FOLDED)
def test_nothing_is_folded_where_something_else_has_a_say(name: str) -> None:
    make, prepare = NOT_FOLDED[name]
    model, result, _ = fold(make(), prepare)
    assert result.folds == 0
    assert result.module is model
    assert result.reason == "plain: no batch normalisation to fold"
    assert_same(model, result)


def test_a_norm_that_runs_twice_is_folded_into_both_convolutions() -> None:
    model, result, _ = fold(SharedNorm())
    assert result.folds == 2
    assert_same(model, result)


def test_what_can_be_folded_beside_what_cannot() -> None:
    """The first norm follows a hooked convolution, the second one does not."""
    model, result, _ = fold(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), block(nn.Conv2d(4, WIDTH, 3))),
        hooked(0, "after"),
    )
    assert result.folds == 1
    assert norms_in(result.module) == 1
    assert_same(model, result)


class LooksInside(nn.Module):
    """Untraceable, and reads the norm of a part that is folded."""

    def __init__(self) -> None:
        super().__init__()
        self.body = block()

    def forward(self, x: Tensor) -> Tensor:
        if bool((x.max() > 1e6).item()):
            x = x / 2
        return self.body(x) * float(self.body[1].running_var.mean())


def test_a_copy_that_fails_is_not_used() -> None:
    model, result, _ = fold(LooksInside())
    assert (result.module, result.folds) == (model, 0)
    assert result.reason.startswith("plain: the folded copy fails (")


def cancelling(model: Any) -> None:
    """A bias of 10^4 that the norm takes away again: single precision has lost four digits before."""
    model[0].bias.fill_(1e4)
    model[1].running_mean.fill_(1e4)
    model[1].running_var.fill_(1e-2)


def test_a_copy_whose_logits_differ_is_not_used() -> None:
    model, result, _ = fold(block(), cancelling)
    assert (result.module, result.folds) == (model, 0)
    assert result.reason.startswith("plain: the folded copy is off by ")
    assert float(result.reason.split(" by ")[1].split()[0]) > TOLERANCE


def test_logits_that_are_not_finite_are_not_trusted() -> None:
    model, result, _ = fold(block(), lambda m: m[1].bias.fill_(float("inf")))
    assert (result.module, result.folds) == (model, 0)
    assert "off by inf" in result.reason


@pytest.mark.parametrize("example", SPLITTABLE, ids=lambda e: e.name)
def test_the_copy_of_every_toy_agrees_with_the_network(example: Example) -> None:
    network = network_of(example)
    assert network.whole is not None
    norms = norms_in(network.whole.exact)
    folds = 0 if example.dtype != torch.float32 and network.whole.fast is network.whole.exact else norms
    assert norms_in(network.whole.fast) == norms - folds
    x = pictures(9, seed=3)
    with torch.no_grad():
        expected = network.classify(x)
    off = float((network.logits(x) - expected).abs().max() / expected.abs().max())
    assert off <= (TOLERANCE if example.dtype == torch.float32 else 0.02)


def test_the_weights_of_the_folded_copy_are_its_own() -> None:
    """Those that nothing was folded into are shared with the network: no second copy in memory."""
    model, result, x = fold(block())
    before = model(x)
    (convolution,) = (part for part in result.module.modules() if isinstance(part, nn.Conv2d))
    (linear,) = (part for part in result.module.modules() if isinstance(part, nn.Linear))
    assert linear.weight.data_ptr() == model[-1].weight.data_ptr()  # type: ignore[index]
    convolution.weight.zero_()
    assert torch.equal(model(x), before)


@pytest.mark.parametrize(("name", "norms"), [("shapes-vgg", 0), ("shapes-resnet", 11)])
def test_the_networks_that_are_shipped(name: str, norms: int) -> None:
    network = load_network(name, CPU)
    assert network.whole is not None
    assert norms_in(network.whole.exact) == norms
    assert norms_in(network.whole.fast) == 0
    expected = f"{norms} batch normalisations folded" if norms else "plain: no batch normalisation to fold"
    assert any(expected in note for note in network.notes)
