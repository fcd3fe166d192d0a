"""Splitting any module at a layer: the halves compute what the module computes, and so do their gradients."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier, make_network
from toy_models import (
    CLASSES,
    CPU,
    EXAMPLES,
    SIDE,
    SPLITTABLE,
    Example,
    Residual,
    Transformer,
    chain,
    classifier_of,
    model_of,
    network_of,
    pictures,
)

COUNT = 5


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they save on pictures of 16x16."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def reference(example: Example, model: nn.Module, x: Tensor) -> Tensor:
    """The logits by the model alone."""
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)))
    returned = model.eval()(((x - mean) / deviation).to(example.dtype))
    if example.output is not None:
        returned = example.output(returned)
    elif not isinstance(returned, Tensor):
        returned = returned["logits"] if isinstance(returned, dict) else returned.logits
    return returned.float()


def layer_of(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.partition(":")[0])


def reference_activation_gradient(
    example: Example, model: nn.Module, name: str, x: Tensor, target: int
) -> tuple[Tensor, Tensor]:
    """The layer's last output and its gradient, by a retained graph through the unsplit model, for one picture."""
    kept: list[Tensor] = []

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        kept.append(output)
        return output.clone()  # what follows may change it in place

    handle = layer_of(model, name).register_forward_hook(hook)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        logits = reference(example, model.requires_grad_(True), x[None])
    finally:
        handle.remove()
        torch.backends.mha.set_fastpath_enabled(True)
    (gradient,) = torch.autograd.grad(logits[0, target], kept[-1])
    return kept[-1].detach()[0].float(), gradient[0].float()


def as_maps(value: Tensor, shape: torch.Size) -> Tensor:
    """Tokens (T, K) without those before the grid, or maps (h, w, K), as (K, h, w), written out by loops."""
    channels, height, width = shape
    if value.shape == shape:
        return value
    maps = torch.empty(shape)
    flat = value.reshape(-1, channels)[-height * width :]
    for row in range(height):
        for column in range(width):
            maps[:, row, column] = flat[row * width + column]
    return maps


def tolerance(example: Example) -> float:
    return 1e-5 if example.dtype == torch.float32 else 2e-2


@pytest.mark.parametrize("example", SPLITTABLE, ids=lambda e: e.name)
def test_the_halves_compute_the_logits_of_the_model(example: Example) -> None:
    model, x = model_of(example), pictures(COUNT)
    network = network_of(example)
    with torch.no_grad():
        expected = reference(example, model, x)
    scale = float(expected.abs().max())
    activation = network.activation(x)
    assert activation.dtype == torch.float32
    for found in (network.logits(x), network.tail_logits(activation, x), network.classify(x)):
        assert found.dtype == torch.float32
        assert found.shape == (COUNT, CLASSES)
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance(example) * scale)


@pytest.mark.parametrize("example", SPLITTABLE, ids=lambda e: e.name)
def test_what_is_recorded_of_the_split(example: Example) -> None:
    network = network_of(example)
    assert network.layer == example.found
    assert network.split == example.split
    assert network.needs_pictures == example.needs_pictures
    assert network.nonnegative == example.nonnegative
    assert network.size == (SIDE, SIDE)
    assert any(example.split in note for note in network.notes)
    if example.nonnegative:
        assert bool((network.activation(pictures(COUNT)) >= 0).all())


@pytest.mark.parametrize("example", SPLITTABLE, ids=lambda e: e.name)
def test_activation_and_gradient_equal_autograd_picture_by_picture(example: Example) -> None:
    model, network, x = model_of(example), network_of(example), pictures(COUNT)
    targets = torch.tensor([0, 1, 2, 3, 4])
    activation = network.activation(x)
    logit, gradient = network.gradient(activation, targets, x)
    assert logit.dtype == gradient.dtype == torch.float32
    torch.testing.assert_close(
        logit, network.classify(x).gather(1, targets[:, None])[:, 0], rtol=0, atol=tolerance(example)
    )
    for row in range(COUNT):
        kept, slope = reference_activation_gradient(example, model, network.layer, x[row], int(targets[row]))
        shape = activation.shape[1:]
        for found, expected in ((activation[row], kept), (gradient[row], slope)):
            expected = as_maps(expected, shape)
            scale = max(float(expected.abs().max()), 1e-3)
            torch.testing.assert_close(found, expected, rtol=0, atol=tolerance(example) * scale)


@pytest.mark.parametrize("example", SPLITTABLE, ids=lambda e: e.name)
def test_the_gradient_at_the_pictures_is_that_of_the_model(example: Example) -> None:
    model, network, x = model_of(example), network_of(example), pictures(2)
    targets = torch.tensor([1, 3])
    _, gradient = network.input_gradient(x, targets)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(reference(example, model, leaf).gather(1, targets[:, None]).sum(), leaf)
    scale = float(expected.abs().max())
    torch.testing.assert_close(gradient, expected, rtol=0, atol=2 * tolerance(example) * scale)


@pytest.mark.parametrize("example", SPLITTABLE, ids=lambda e: e.name)
def test_a_changed_activation_changes_the_logits_as_in_the_model(example: Example) -> None:
    """Putting zero in the place of channel 0, against a hook on the model itself."""
    if example.dtype != torch.float32:
        pytest.skip("rounding of bfloat16 differs")
    model, network, x = model_of(example), network_of(example), pictures(2)
    activation = network.activation(x)
    activation[:, 0] = 0
    calls: list[int] = []
    runs = 3 if example.found == "relu" else 1

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor | None:
        calls.append(1)
        if len(calls) < runs:
            return None
        output = output.clone()
        if output.ndim == 4 and example.name != "channels last":
            output[:, 0] = 0
        else:
            grid = activation.shape[2] * activation.shape[3]
            output.flatten(1, -2)[:, -grid:, 0] = 0
        return output

    layer_of(model, network.layer).register_forward_hook(hook)
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        expected = reference(example, model, x)
    torch.backends.mha.set_fastpath_enabled(True)
    torch.testing.assert_close(network.tail_logits(activation, x), expected, rtol=1e-4, atol=1e-5)


def test_pictures_that_the_tail_needs_are_asked_for() -> None:
    example = next(e for e in EXAMPLES if e.name == "beside a skip")
    network, x = network_of(example), pictures(2)
    with pytest.raises(OptionError, match="need the pictures"):
        network.gradient(network.activation(x), torch.tensor([0, 1]))


def test_a_layer_of_one_pixel_is_refused() -> None:
    with pytest.raises(OptionError, match="one pixel"):
        network_of(next(e for e in EXAMPLES if e.split == "error"))


def make(model: nn.Module, layer: str | None = None, **options: Any) -> Any:
    return make_network(Classifier(model, Preprocessing.square(SIDE), **options), "toy", CPU, layer)


@pytest.mark.parametrize(
    ("layer", "parts"),
    [
        ("secnd", ("no layer 'secnd'", "second")),
        ("", ("no layer",)),
        ("conv.deep", ("no layer 'conv.deep'",)),
        ("head", ("'head' gives a tensor of shape (2, 5)", "not feature maps")),
        ("second:3by3", ("'3by3'", "HxW+P")),
    ],
)
def test_bad_layers_are_named(layer: str, parts: tuple[str, ...]) -> None:
    if layer == "":
        network = make(Residual(), "")  # the empty option means: find it
        assert network.layer == "relu"
        return
    with pytest.raises(OptionError) as error:
        make(Residual(), layer)
    assert str(error.value).startswith("--layer")
    for part in parts:
        assert part in str(error.value)


def test_a_layer_that_never_runs_is_named() -> None:
    model = Residual()
    model.spare = nn.Conv2d(3, 3, 1)
    with pytest.raises(OptionError, match="'spare' does not run"):
        make(model, "spare")


def test_a_grid_that_cannot_be_guessed_names_the_option() -> None:
    with pytest.raises(OptionError, match=r"19 tokens, no square grid.*HxW\+P"):
        make(Transformer(registers=2), "blocks.0")
    assert make(Transformer(registers=2), "blocks.0", grid=(4, 4, 3)).needs_pictures


class Random(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = chain()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x + torch.rand_like(x))


class SwitchedOff(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if bool((x.abs().max() > 1e6).item()):  # so that no tracer sees past the switch below
            x = x / 2
        with torch.no_grad():
            return self.head(x.mean((2, 3)))


def broken_weights(value: float) -> nn.Module:
    model = chain()
    nn.init.constant_(model.get_submodule("7").weight, value)
    return model


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return chain()


class OneLogit(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((1, 2, 3))


@pytest.mark.parametrize(
    ("model", "layer", "message"),
    [
        (Random(), None, "other logits each time"),
        (SwitchedOff(), "conv", "no gradient with respect to 'conv'"),
        (broken_weights(float("nan")), None, "logits that are not finite; check its weights"),
        (broken_weights(float("inf")), None, "logits that are not finite; check its weights"),
        (on_meta(), None, "'0.weight' of the model has no values; load its weights first"),
        (nn.Sequential(nn.LazyConv2d(6, 3), nn.ReLU()), None, "'0.weight' of the model has no values"),
        (OneLogit(), None, r"shape \(2,\), not \(2, classes\)"),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, CLASSES)), None, "no layer of the network gives"),
        (nn.Linear(7, 3), None, r"fails on 2 pictures of 3x16x16: RuntimeError"),
    ],
)
def test_models_that_cannot_be_explained_are_errors(model: nn.Module, layer: str | None, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(model, layer)


def test_compiled_models() -> None:
    """Of torch.compile the module behind is explained, nothing is compiled; TorchScript has none."""
    model, x = chain().eval(), pictures(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and torch.compile still imports it
        compiled = torch.compile(model)
        scripted = (torch.jit.trace(model, x), nn.Sequential(torch.jit.script(model)))
        network = make(compiled)
        for one in scripted:
            with pytest.raises(OptionError, match="compiled by TorchScript, which hides its layers; give the module"):
                make(one)
    assert network.layer == "4"
    with torch.no_grad():
        torch.testing.assert_close(network.logits(x), model(x))


def test_outputs_without_logits_name_the_option() -> None:
    example = next(e for e in EXAMPLES if e.name == "tuple")
    with pytest.raises(OptionError, match="tuple, in which nothing is named 'logits'; describe it with output="):
        make(model_of(example))


def test_examples_have_different_names() -> None:
    assert len({example.name for example in EXAMPLES}) == len(EXAMPLES)
    assert classifier_of(EXAMPLES[0]).mean == (0.4, 0.5, 0.6)
