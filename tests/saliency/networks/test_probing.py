"""What a trial of a network shows: results that depend on batch mates are refused, probabilities are remarked on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier, Network, make_network

SIDE = 16


def model(*between: nn.Module, end: nn.Module | None = None) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = (nn.Conv2d(3, 6, 3), *between, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
        return nn.Sequential(*layers, *([] if end is None else [end])).eval()


def made(module: nn.Module, output: Callable[[Tensor], Tensor] | None = None) -> Network:
    classifier = Classifier(module, Preprocessing.square(SIDE), output=output)
    return make_network(classifier, "mine", torch.device("cpu"))


def remarks(network: Network) -> list[str]:
    return [note for note in network.notes if note.startswith("what it gives")]


class Centred(nn.Module):
    """Takes the mean over the batch away."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


@pytest.mark.parametrize("between", [nn.BatchNorm2d(6, track_running_stats=False), Centred()])
def test_results_that_depend_on_batch_mates_are_refused(between: nn.Module) -> None:
    with pytest.raises(OptionError, match="what 'mine' gives for a picture depends on the others") as caught:
        made(model(between))
    assert "statistics from the batch" in caught.value.hint


@pytest.mark.parametrize("between", [nn.BatchNorm2d(6), nn.GroupNorm(2, 6), nn.InstanceNorm2d(6)])
def test_other_normalisations_are_taken_without_a_remark(between: nn.Module) -> None:
    assert remarks(made(model(between))) == []


def test_probabilities_are_remarked_on_with_what_mends_it() -> None:
    found = made(model(end=nn.Softmax(1)))
    assert "probabilities already" in remarks(found)[0]
    mended = made(model(end=nn.Softmax(1)), output=lambda p: p.clamp_min(1e-12).log())
    assert remarks(mended) == []
    pictures, targets = torch.rand(3, 3, SIDE, SIDE), torch.tensor([0, 1, 2])
    plain = made(model())
    torch.testing.assert_close(mended.probabilities(pictures, targets), plain.probabilities(pictures, targets))


def test_numbers_of_a_sigmoid_are_remarked_on_with_what_mends_it() -> None:
    found = made(model(end=nn.Sigmoid()))
    assert "as of a sigmoid" in remarks(found)[0]
    mended = made(model(end=nn.Sigmoid()), output=torch.logit)
    assert remarks(mended) == []
    pictures, targets = torch.rand(3, 3, SIDE, SIDE), torch.tensor([0, 1, 2])
    gradients = [one.input_gradient(pictures, targets)[1] for one in (mended, made(model()))]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-3)
