"""A network around somebody's model: what it leaves alone, what it refuses, and what its numbers depend on."""

import gc
import linecache
import re
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sygus.errors import OptionError, SycamError
from sygus.saliency.features import measure
from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier, Network, load_network, make_network
from sygus.saliency.networks.chunks import Chunk
from sygus.saliency.networks.classifier import pipeline
from toy_models import (
    CLASSES,
    CPU,
    SIDE,
    SPLITTABLE,
    Branching,
    Example,
    Residual,
    Transformer,
    chain,
    network_of,
    pictures,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they save on pictures of 16x16."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(model: nn.Module, layer: str | None = None, **options: Any) -> Network:
    return make_network(Classifier(model, Preprocessing.square(SIDE), **options), "toy", CPU, layer)


def use(network: Network, count: int = 3) -> None:
    """Everything that a network does."""
    x, targets = pictures(count), torch.arange(count) % CLASSES
    activation = network.activation(x)
    network.logits(x)
    network.tail_logits(activation, x)
    network.gradient(activation, targets, x)
    network.input_gradient(x, targets)
    network.probabilities(x, targets)
    measured = measure(network, x, targets)
    for name in ("gradient", "alpha", "score", "ablation", "opticam", "smooth-gradient"):
        if not network.needs_pictures or name != "opticam":
            assert bool(measured[name].isfinite().all())


# What is the user's stays as it was


def state_of(model: nn.Module) -> list[Any]:
    """Everything of a model that somebody else could change, as values that compare equal."""
    state: list[Any] = []
    for name, module in model.named_modules():
        hooks = [list(value) for key, value in vars(module).items() if key.endswith("_hooks")]
        state.append((name, id(module), type(module), module.training, hooks))
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        gradient = None if tensor.grad is None else (id(tensor.grad), tensor.grad.tolist())
        facts = (tensor.requires_grad, tensor.is_leaf, tensor.device, tensor.dtype, tensor.stride(), tensor._version)
        state.append((name, id(tensor), tensor.data_ptr(), facts, gradient, tensor.tolist()))
    return state


def in_a_mixed_state(model: nn.Module) -> nn.Module:
    """Half trained: some parameters frozen, some with gradients, some modules in evaluation mode, with hooks."""
    for rank, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(rank % 2 == 0)
        if rank % 4 == 0:
            parameter.grad = torch.full_like(parameter, float(rank))
    for rank, module in enumerate(model.modules()):
        module.train(rank % 3 != 0)
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_hook(lambda _, __, output: output * 1.5)
    first.register_forward_pre_hook(lambda _, given: (given[0] + 0.1,))
    return model


@pytest.mark.parametrize("layer", [None, "unknown"], ids=["split", "refused"])
@pytest.mark.parametrize("maker", [chain, lambda: chain(in_place=True), Residual, Branching, Transformer])
def test_a_model_in_training_is_left_exactly_as_it_was(maker: Callable[[], nn.Module], layer: str | None) -> None:
    model = in_a_mixed_state(maker())
    before, threads, fast_path = state_of(model), torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()
    if layer is None:
        use(make(model))
    else:
        with pytest.raises(OptionError, match="no layer 'unknown'"):
            make(model, layer)
    assert state_of(model) == before
    assert torch.is_grad_enabled()
    assert (torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()) == (threads, fast_path)


def test_hooks_of_the_user_are_part_of_what_is_explained() -> None:
    model = chain().eval()
    plain = make(model).logits(pictures(2))
    model[0].register_forward_hook(lambda _, __, output: output * 1.5)
    network = make(model)
    with torch.no_grad():
        expected = model(pictures(2))
    assert not torch.allclose(expected, plain)
    torch.testing.assert_close(network.logits(pictures(2)), expected)
    torch.testing.assert_close(network.tail_logits(network.activation(pictures(2))), expected)


def test_the_random_numbers_of_the_user_go_on_as_if_nothing_had_happened() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    network = make(chain())
    torch.manual_seed(7)
    network = make(network.classifier.model)  # type: ignore[union-attr]
    use(network)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad])
def test_gradients_of_frozen_networks_and_where_they_are_switched_off(mode: Callable[[], Any], frozen: bool) -> None:
    """The gradient starts at the activation, so neither can stop it; outside the numbers are the same."""
    torch.manual_seed(0)
    model = chain().requires_grad_(not frozen)
    network, x, targets = make(model), pictures(2), torch.tensor([0, 1])
    expected = network.gradient(network.activation(x), targets)[1]
    with mode():
        inside = make(model)
        _, found = inside.gradient(inside.activation(x), targets)
    assert bool((found != 0).any())
    assert torch.equal(found, expected)
    assert not found.requires_grad


# Nothing stays behind


@pytest.mark.parametrize("maker", [chain, Branching], ids=["fx", "hook"])
@pytest.mark.slow
def test_200_networks_with_all_measurements_leave_nothing_behind(maker: Callable[[], nn.Module]) -> None:
    """Modules, tensors, and the sources of traced graphs, for which torch keeps an entry each."""
    model, x, targets = maker(), pictures(2), torch.tensor([0, 1])

    def once() -> list[weakref.ref[Any]]:
        network = make(model)
        measured = measure(network, x, targets)
        kept = [measured["gradient"], measured["alpha"], measured["ablation"]]
        assert network.whole is not None
        return [weakref.ref(one) for one in (network, network.whole.exact, network.whole.fast, measured, *kept)]

    def counts() -> tuple[int, int, int]:
        gc.collect()
        objects = gc.get_objects()
        modules = sum(issubclass(type(one), nn.Module) for one in objects)
        return len(objects), modules, len(linecache.cache)

    for _ in range(5):
        once()
    objects, modules, sources = counts()
    left: list[weakref.ref[Any]] = []
    for _ in range(200):
        left += once()
    now = counts()
    assert [reference() for reference in left if reference() is not None] == []
    assert now[1] == modules
    assert now[2] <= sources
    assert now[0] - objects < 2000  # of 200 networks with tens of modules each; the list of references is 1 of them


# What the numbers depend on


def numbers_of(network: Network, x: Tensor, targets: Tensor) -> list[Tensor]:
    """Everything a network computes of pictures, a row for each."""
    activation = network.activation(x)
    gradients = (*network.gradient(activation, targets, x), *network.input_gradient(x, targets))
    return [activation, network.logits(x), network.tail_logits(activation, x), *gradients]


@pytest.mark.parametrize("example", SPLITTABLE, ids=lambda e: e.name)
def test_the_other_pictures_of_a_pass_change_no_bit(example: Example) -> None:
    """Three in a chunk of four and the last filled up, against the same places with others beside them."""
    network = network_of(example)
    network.chunk.size = 4
    x, targets = pictures(7), torch.arange(7) % CLASSES
    among = numbers_of(network, x, targets)
    others = pictures(7, seed=1)
    for row in (0, 2, 3, 5):
        mixed, chosen = others.clone(), (targets + 1) % CLASSES
        mixed[row], chosen[row] = x[row], targets[row]
        for found, expected in zip(numbers_of(network, mixed, chosen), among, strict=True):
            assert torch.equal(found[row], expected[row])
    for found, expected in zip(numbers_of(network, x[4:], targets[4:]), among, strict=True):
        assert torch.equal(found, expected[4:])
    assert torch.equal(network.logits(x[:1])[0], among[1][0])


@pytest.mark.parametrize("name", ["shapes-vgg", "shapes-resnet"])
def test_a_picture_alone_and_among_others_has_the_same_bits(name: str) -> None:
    network = load_network(name, CPU)
    x = torch.rand(3, 3, *network.size, generator=torch.Generator().manual_seed(0))
    x = torch.cat([x, x.flip(-1)])[[0, 4, 2, 1, 5]]
    targets = torch.tensor([1, 7, 0, 3, 3])
    among = numbers_of(network, x, targets)
    for row in range(len(x)):
        alone = numbers_of(network, x[row : row + 1], targets[row : row + 1])
        for found, expected in zip(alone, among, strict=True):
            assert torch.equal(found[0], expected[row])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 13])
def test_every_pass_has_the_chunks_number_of_pictures(count: int) -> None:
    seen: list[int] = []

    def trunk(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x * 2

    def tail(activation: Tensor) -> Tensor:
        return activation.mean((2, 3))

    network = replace(make(chain()), trunk=trunk, tail=tail, chunk=Chunk(4))
    x = pictures(count)
    assert torch.equal(network.activation(x), x * 2)
    torch.testing.assert_close(network.logits(x), 2 * x.mean((2, 3)))
    passes = -(-count // 4)
    assert seen == [4] * 2 * passes
    _, gradient = network.gradient(network.activation(x), torch.zeros(count, dtype=torch.long))
    assert gradient.shape == (count, 3, SIDE, SIDE)
    torch.testing.assert_close(gradient[:, 0], torch.full((count, SIDE, SIDE), 1 / SIDE**2))
    assert not gradient[:, 1:].any()


def test_no_pictures_at_all_are_an_error() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        make(chain()).logits(pictures(1)[:0])


OUT_OF_MEMORY = (
    torch.cuda.OutOfMemoryError("of the test"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
)


def running_out_above(limit: int, error: Exception = OUT_OF_MEMORY[0]) -> tuple[Network, list[int]]:
    """A network whose trunk has memory for so many pictures, and the sizes of the passes it was asked for."""
    sizes: list[int] = []

    def trunk(x: Tensor) -> Tensor:
        sizes.append(len(x))
        if len(x) > limit:
            raise error
        return x + 1

    network = replace(make(chain()), trunk=trunk, tail=lambda a: a.mean((2, 3)), chunk=Chunk(16, "by the test"))
    return network, sizes


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_the_chunk_is_halved_when_the_memory_does_not_suffice(error: Exception) -> None:
    network, sizes = running_out_above(5, error)
    x = pictures(6)
    assert torch.equal(network.activation(x), x + 1)
    assert sizes == [16, 8, 4, 4]
    assert network.chunk.size == 4
    assert network.chunk.reason == (
        "by the test, halved to 8 when the memory did not suffice, halved to 4 when the memory did not suffice"
    )
    sizes.clear()
    network.logits(x)
    assert sizes == [4, 4]  # it stays


def test_another_error_halves_nothing() -> None:
    network, sizes = running_out_above(5, RuntimeError("an illegal memory access"))
    with pytest.raises(SycamError, match="fails on a pass of 16 pictures: RuntimeError: an illegal memory access"):
        network.activation(pictures(6))
    assert (sizes, network.chunk.size) == ([16], 16)


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_memory_that_ends_while_a_network_is_made_is_no_fault_of_the_model(error: Exception) -> None:
    class Greedy(nn.Module):
        def __init__(self, passes: int) -> None:
            super().__init__()
            self.body, self.passes = chain(), passes

        def forward(self, x: Tensor) -> Tensor:
            self.passes -= 1
            if self.passes < 0:
                raise error
            return self.body(x)

    failed = 0
    for passes in range(30):
        try:
            make(Greedy(passes))
        except RuntimeError as found:
            assert found is error  # noqa: PT017 - whether it is raised depends on the number
            failed += 1
    assert failed >= 3  # the first pass, finding the layer, splitting


def test_memory_that_does_not_suffice_for_one_picture_is_an_error() -> None:
    network, sizes = running_out_above(0)
    with pytest.raises(SycamError, match="single picture; use --device cpu"):
        network.activation(pictures(2))
    assert sizes == [16, 8, 4, 2, 1]


def test_gradients_are_taken_in_smaller_chunks_too() -> None:
    def tail(activation: Tensor) -> Tensor:
        if len(activation) > 2:
            raise torch.cuda.OutOfMemoryError("of the test")
        return (activation**2).sum((2, 3))

    network = replace(make(chain()), trunk=lambda x: x, tail=tail, chunk=Chunk(8))
    x = pictures(5)
    logit, gradient = network.gradient(x, torch.full((5,), 1))
    torch.testing.assert_close(logit, (x[:, 1] ** 2).sum((1, 2)))
    torch.testing.assert_close(gradient[:, 1], 2 * x[:, 1])
    assert network.chunk.size == 2


def test_networks_of_half_precision_give_float32() -> None:
    """Weights and metrics are float32; what the network computes with is its own affair."""
    torch.manual_seed(0)
    model = chain().eval()
    exact, half = make(model, "3"), make(model.to(torch.bfloat16), "3")
    x, targets = pictures(3), torch.tensor([0, 1, 2])
    measured = measure(half, x, targets)
    assert model[0].weight.dtype == torch.bfloat16
    for name in ("activation", "gradient", "alpha", "score", "ablation", "probability", "logit"):
        assert measured[name].dtype == torch.float32
        assert bool(measured[name].isfinite().all())
    scale = float(exact.logits(x).abs().max())
    torch.testing.assert_close(half.logits(x), exact.logits(x), rtol=0, atol=0.03 * scale)


# Fingerprints, layers, classes


def changed(index: int) -> nn.Module:
    """The same chain with one bit of one tensor of a layer changed."""
    torch.manual_seed(0)
    model = chain()
    tensor = (model[0].weight, model[0].bias, model[1].running_mean, model[1].running_var, model[7].bias)[index].data
    tensor.view(-1)[0] = torch.nextafter(tensor.view(-1)[0], torch.tensor(100.0))
    return model


def test_the_fingerprint_is_of_every_bit_of_the_weights_the_layer_and_the_preprocessing() -> None:
    torch.manual_seed(0)
    model = chain()
    same = make(model).fingerprint
    assert same == make(model, "4").fingerprint == make(model, mean=(0, 0, 0)).fingerprint
    assert re.fullmatch("[0-9a-f]{16}", same)
    others = [make(changed(index)).fingerprint for index in range(5)]
    others += [make(model, "0").fingerprint, make(model, "3").fingerprint]
    others += [make(model, mean=(0.1, 0, 0)).fingerprint, make(model, deviation=(1, 1, 2)).fingerprint]
    for preprocessing in (Preprocessing.square(SIDE, 18), Preprocessing.square(SIDE, None, "bicubic")):
        others.append(make_network(Classifier(model, preprocessing), "toy", CPU).fingerprint)
    others.append(make(model.to(torch.bfloat16)).fingerprint)
    assert len({same, *others}) == 1 + len(others)


def test_the_fingerprint_is_of_what_the_output_means() -> None:
    """Two functions that pick different logits from one model are two networks."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = chain()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = self.body(x)
            return y, -y

    torch.manual_seed(0)
    model = Two()
    one, other = make(model, output=lambda out: out[0]), make(model, output=lambda out: out[1])
    assert not torch.equal(one.logits(pictures(1)), other.logits(pictures(1)))
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize("layer", ["first", "second", "stem", "relu"])
def test_a_network_is_split_again_at_another_layer(layer: str) -> None:
    torch.manual_seed(0)
    model = Residual().eval()
    classes = tuple("abcde")
    network = make(model, classes=classes, mean=(0.5, 0.5, 0.5), deviation=(0.2, 0.3, 0.4))
    other = network.at(layer)
    assert (other is network) == (layer == network.layer)
    assert (other.layer, other.name, other.classes, other.deviation) == (layer, "toy", classes, (0.2, 0.3, 0.4))
    x = pictures(3)
    torch.testing.assert_close(other.logits(x), network.logits(x))
    assert (other.fingerprint == network.fingerprint) == (layer == network.layer)
    back = other.at(network.layer)
    assert back.fingerprint == network.fingerprint
    assert torch.equal(back.activation(x), network.activation(x))


def test_a_network_split_by_hand_has_one_layer() -> None:
    network = replace(make(chain()), classifier=None)
    assert network.at("4") is network
    with pytest.raises(OptionError, match="split by hand and has no layer but '4'"):
        network.at("3")


def test_classes_are_named_or_numbered_and_their_number_is_checked() -> None:
    assert make(chain()).classes == ("class 0", "class 1", "class 2", "class 3", "class 4")
    assert make(chain(), classes=["a", "b", "c", "d", "e"]).classes == tuple("abcde")
    with pytest.raises(OptionError, match="4 classes are named, the model gives 5 logits"):
        make(chain(), classes=tuple("abcd"))


META = torch.device("meta")
"""A device that knows shapes only, and refuses sums with tensors of others as CUDA does."""


class Holding(nn.Module):
    """Logits of colours, with a tensor that is a buffer or a plain attribute."""

    def __init__(self, tensor: Tensor, *, registered: bool) -> None:
        super().__init__()
        if registered:
            self.register_buffer("offset", tensor)
        else:
            self.offset = tensor

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.offset).mean((2, 3))


def test_what_is_put_before_a_model_without_tensors_moves_too() -> None:
    classifier = Classifier(nn.Flatten(), Preprocessing.square(SIDE), mean=(0.5, 0.5, 0.5))
    built, _ = pipeline(classifier, classifier.model, META)
    assert [tensor.device for tensor in built.buffers()] == [META, META]


def test_a_tensor_that_does_not_move_with_the_model_is_explained() -> None:
    shift = torch.ones(3, 1, 1)
    held = Classifier(Holding(shift, registered=True), Preprocessing.square(SIDE))
    assert pipeline(held, held.model, META)[0](torch.empty(4, 3, SIDE, SIDE, device=META)).shape == (4, 3)
    loose = Classifier(Holding(shift, registered=False), Preprocessing.square(SIDE))
    with pytest.raises(OptionError, match=r"device.*register every tensor that the model holds"):
        pipeline(loose, loose.model, META)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!", "register"),
        ("Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same", "register"),
        ("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", "check the size"),
    ],
)
def test_the_hint_is_of_what_failed(message: str, hint: str) -> None:
    class Failing(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            raise RuntimeError(message)

    with pytest.raises(OptionError) as caught:
        make(Failing())
    assert message in caught.value.message
    assert caught.value.hint.startswith(hint)
