"""Networks kept of a model: equal to those made anew, and made anew whenever the model is another."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from sygus.saliency.features import Measurements
from sygus.saliency.networks import network as making
from sygus.saliency.networks.kept import KeptNetworks
from sygus.saliency.networks.state import State

SIDE = 16
CPU = torch.device("cpu")


class Scaled(nn.Module):
    """Maps by numbers that are no tensors: of its own, in a list, and of a function."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = 1.5
        self.factors = [1.0, {"last": 2.0}]
        self.function: Callable[[Tensor], Tensor] = torch.relu
        self.plain = torch.full((1, 6, 1, 1), 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """x, scaled."""
        found: Tensor = self.function(x) * self.factor * self.factors[0] * self.factors[1]["last"] + self.plain
        return found


def model_of(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), Scaled())
        return nn.Sequential(
            first, nn.Conv2d(6, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)
        )


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand((3, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1))


def logits(kept: KeptNetworks, pictures: Tensor) -> Tensor:
    kept.refresh((3, SIDE, SIDE), CPU)
    return kept.at("2", {}, len(pictures))[0].logits(pictures)


def swap_filters(model: nn.Sequential) -> None:
    """The same numbers in other places, written past torch's counter of versions."""
    weight = model[1].weight.data
    weight.copy_(weight.flip(0).clone())


def step(model: nn.Sequential) -> None:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    model.train()(torch.rand(4, 3, SIDE, SIDE))[:, 0].sum().backward()
    optimiser.step()


def patch(model: nn.Sequential) -> None:
    model[0][2].forward = lambda x: x.square()


CHANGES: dict[str, Callable[[nn.Sequential], object]] = {
    "a step of training": step,
    "statistics of a pass in training mode": lambda model: model.train()(torch.rand(4, 3, SIDE, SIDE)),
    "weights loaded": lambda model: model.load_state_dict(model_of(1).state_dict()),
    "weights written past their version": lambda model: model[1].weight.data.mul_(1.25),
    "one weight": lambda model: model[5].weight.data[0, 0].add_(0.5),
    "filters swapped": swap_filters,
    "a tensor that is no buffer": lambda model: model[0][2].plain.add_(1),
    "a number": lambda model: setattr(model[0][2], "factor", 3.0),
    "a number in a list": lambda model: model[0][2].factors.__setitem__(0, 3.0),
    "a number in a mapping in a list": lambda model: model[0][2].factors[1].update(last=5.0),
    "a function": lambda model: setattr(model[0][2], "function", torch.tanh),
    "a module": lambda model: model.__setitem__(2, nn.Tanh()),
    "a hook": lambda model: model[1].register_forward_hook(lambda *given: given[2] * 2),
    "a forward of its own": patch,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_in_a_model_is_seen(change: str, pictures: Tensor) -> None:
    model = model_of()
    kept = KeptNetworks(model)
    before = logits(kept, pictures)
    CHANGES[change](model)
    after = logits(kept, pictures)
    assert torch.equal(after, logits(KeptNetworks(model), pictures))
    assert not torch.equal(after, before)


def test_what_is_the_same_is_made_once(pictures: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    split = making.split
    monkeypatch.setattr(making, "split", lambda *given: made.append(given[1].name) or split(*given))
    model = model_of()
    kept = KeptNetworks(model)
    first = logits(kept, pictures)
    handle = model[1].register_forward_hook(patch)
    handle.remove()
    model.train()
    model.requires_grad_(False)
    assert torch.equal(logits(kept, pictures), first)
    assert made == ["2"]
    network, named = kept.at("0", {"late": "2", "early": "1"}, 2)
    assert (network.layer, named["late"].layer, named["early"].layer) == ("0", "2", "1")
    assert made == ["2", "0", "1"]
    assert network.shares_passes(named["late"])
    kept.refresh((3, SIDE, SIDE + 1), CPU)
    assert not kept.has("2")


def test_passes_are_no_larger_than_what_is_asked_for(pictures: Tensor) -> None:
    kept = KeptNetworks(model_of())
    kept.refresh((3, SIDE, SIDE), CPU)
    sizes = [kept.at("2", {"early": "0"}, count)[0].chunk.size for count in (1, 3, 20, 1)]
    assert sizes == [1, 4, 32, 1]
    network, named = kept.at("2", {"early": "0"}, 3)
    table = Measurements(network, pictures, torch.tensor([0, 1, 2]), layers=named)
    assert table.layer("early")["activation"].shape == (3, 6, SIDE, SIDE)


LAYOUTS: dict[str, Tensor] = {
    "float64": torch.arange(7, dtype=torch.float64),
    "bfloat16": torch.arange(2049).bfloat16(),
    "int8": torch.arange(13, dtype=torch.int8),
    "bool": torch.tensor([True, False, True]),
    "complex": torch.complex(torch.arange(5.0), torch.ones(5)),
    "strided": torch.arange(64.0).view(8, 8)[::2, 1::3],
    "channels last": torch.rand(4, 3, 5, 5).contiguous(memory_format=torch.channels_last),
    "from the middle": torch.arange(40.0)[3:],
    "one number": torch.tensor(3.0),
    "nothing": torch.empty(0, 3),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_bits_of_every_kind_of_tensor_are_read(layout: str) -> None:
    module = nn.Module()
    module.register_buffer("held", LAYOUTS[layout].clone())
    before = State(module)
    assert before.holds(module)
    if module.held.numel():
        last = module.held.data[(-1,) * module.held.dim()]
        last.copy_(~last if last.dtype == torch.bool else -last - 1)
        assert not before.holds(module)


INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64}
WRITES: dict[str, Callable[[Tensor], object]] = {
    "one sign": lambda weight: weight.view(-1)[129].neg_(),
    "all signs": lambda weight: weight.neg_(),
    "a turn": lambda weight: weight.copy_(weight.roll(2)),
    "a swap": lambda weight: weight.copy_(weight.flip(0)),
    "the last bit": lambda weight: weight.view(INTEGERS[weight.dtype])[3, 3].add_(1),
    "not a number": lambda weight: weight[0, 0].fill_(torch.nan),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_write_cancels_out(write: str, dtype: torch.dtype) -> None:
    module = nn.Linear(256, 64).to(dtype)
    before = State(module)
    WRITES[write](module.weight.data)
    assert not before.holds(module)
    assert State(module).holds(module)


class Hidden(nn.Module):
    """What computes hangs in containers and objects that torch does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = [nn.Linear(4, 3)]
        self.named = {"scale": nn.Parameter(torch.ones(3)), "other": {"deep": [[[[[torch.ones(3)]]]]]}}
        self.settings = SimpleNamespace(factor=2.0, inner=SimpleNamespace(shift=1.0))
        self.itself = self


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.heads[0].weight.data.neg_(),
        lambda model: model.named["scale"].data.add_(1),
        lambda model: model.named["other"]["deep"][0][0][0][0][0].add_(1),
        lambda model: setattr(model.settings, "factor", 3.0),
        lambda model: setattr(model.settings.inner, "shift", 3.0),
        lambda model: model.heads.append(nn.Linear(4, 3)),
    ],
)
def test_what_hangs_in_containers_and_objects_is_seen(change: Callable[[nn.Module], object]) -> None:
    model = Hidden()
    before = State(model)
    assert before.holds(model)
    change(model)
    assert not before.holds(model)


def test_a_tensor_that_cannot_be_read_is_never_known_to_be_the_same() -> None:
    module = nn.Module()
    module.register_buffer("held", torch.eye(3).to_sparse())
    assert not State(module).holds(module)
