"""Several layers of one network: their names, and their feature maps in one pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.features import Measurements
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.networks import Classifier, Network, load_network, make_network, split_at
from sygus.saliency.options import read_layers
from toy_models import CPU


def pictures(count: int, size: int) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["shapes-vgg", "shapes-resnet"])
def test_maps_of_one_pass_are_those_of_separate_passes(name: str) -> None:
    network = load_network(name, CPU)
    modules = {"a": "features.2", "b": "features.4", "again": network.layer}
    layers = split_at(network, modules)
    x = pictures(37, 64)
    targets = torch.zeros(37, dtype=torch.long)
    together = Measurements(network, x, targets, layers=layers)
    passes = count_passes(network)
    found = {layer: together.layer(layer)["activation"] for layer in ("", *modules)}
    assert passes == [32, 32]  # chunks, once for all layers
    for layer, split in {"": network, **layers}.items():
        assert torch.equal(found[layer], split.activation(x))
        alone = Measurements(split, x, targets)
        assert torch.equal(together.layer(layer)["gradient"], alone["gradient"])


def count_passes(network: Network) -> list[int]:
    """The pictures of each pass that reaches the first convolution from now on."""
    seen: list[int] = []
    assert network.whole is not None
    first = next(module for module in network.whole.exact.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    return seen


class Branches(nn.Module):
    """Two layers beside each other, one of which runs twice, and control flow that no graph shows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.left, self.right = (nn.Conv2d(k, 4, 3, padding=1) for k in (3, 4, 4))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        left = self.left(self.left(x)) if float(x.detach().sum()) != 0 else x
        logits: Tensor = self.head((left + self.right(x).relu_()).mean((-2, -1)))
        return logits


def test_layers_beside_each_other_are_reached_by_the_networks_own_code() -> None:
    classifier = Classifier(Branches().eval(), Preprocessing.square(8), layer="right")
    network = make_network(classifier, "branches", CPU)
    layers = split_at(network, {"left": "left", "stem": "stem"})
    assert {network.split, layers["left"].split} == {"hook"}
    x = pictures(3, 8)
    table = Measurements(network, x, torch.tensor([0, 1, 2]), layers=layers)
    passes = count_passes(network)
    maps = [table.layer(name)["activation"] for name in ("left", "", "stem")]
    assert len(passes) == 1
    for found, split in zip(maps, (layers["left"], network, layers["stem"]), strict=True):
        assert torch.equal(found, split.activation(x))


def test_a_network_with_another_tail_measures_its_layers_apart() -> None:
    network = load_network("shapes-vgg", CPU)
    layers = split_at(network, {"early": "features.4"})
    changed = replace(network, tail=nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 8)))
    assert not changed.shares_passes(layers["early"])
    x = pictures(2, 64)
    table = Measurements(changed, x, torch.tensor([0, 1]), layers=layers)
    assert torch.equal(table["activation"], network.activation(x))
    assert torch.equal(table.layer("early")["activation"], layers["early"].activation(x))


def test_names_of_layers_are_read() -> None:
    assert read_layers("") == {}
    assert read_layers(" early=features.4  l-2=blocks.11.norm1:14x14+1 ") == {
        "early": "features.4",
        "l-2": "blocks.11.norm1:14x14+1",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("early", "'early' is no name=MODULE"),
        ("2nd=features.4", "'2nd=features.4' is no name=MODULE"),
        ("a.b=features.4", "is no name=MODULE"),
        ("a=", "is no name=MODULE"),
        ("a=x a=y", "'a' is given twice"),
    ],
)
def test_what_names_no_layer_is_refused(text: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        read_layers(text)


def test_a_module_that_cannot_be_explained_is_named_with_its_layer() -> None:
    network = load_network("shapes-vgg", CPU)
    with pytest.raises(OptionError, match=r"--layers: early=featurs\.4: the network has no layer 'featurs\.4'"):
        split_at(network, {"early": "featurs.4"})
    with pytest.raises(OptionError, match=r"--layers: late=head\.2"):
        split_at(network, {"late": "head.2"})
    table = Measurements(network, pictures(1, 64), torch.tensor([0]), layers=split_at(network, {"early": "features.4"}))
    with pytest.raises(OptionError, match="there is no layer 'erly'") as caught:
        table.layer("erly")
    assert "did you mean 'early'" in caught.value.hint
