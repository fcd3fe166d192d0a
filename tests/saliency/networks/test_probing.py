"""What a trial of a network shows: results that depend on batch mates are refused, probabilities are remarked on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.features import measure
from sygus.saliency.images import NO_CLASS, ImageSet, Preprocessing
from sygus.saliency.metrics import Evaluation, Subject, known_metrics, subject_of
from sygus.saliency.networks import Classifier, Network, make_network

SIDE = 16


def model(*between: nn.Module, end: nn.Module | None = None) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = (nn.Conv2d(3, 6, 3), *between, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
        return nn.Sequential(*layers, *([] if end is None else [end])).eval()


def made(module: nn.Module, output: Any = None) -> Network:
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


@pytest.mark.parametrize("output", ["probabilities", lambda p: p.clamp_min(1e-12).log()])
def test_probabilities_are_remarked_on_with_what_mends_it(output: Any) -> None:
    found = made(model(end=nn.Softmax(1)))
    assert "Classifier(…, output='probabilities')" in remarks(found)[0]
    mended = made(model(end=nn.Softmax(1)), output=output)
    assert remarks(mended) == []
    pictures, targets = torch.rand(3, 3, SIDE, SIDE), torch.tensor([0, 1, 2])
    plain = made(model())
    torch.testing.assert_close(mended.probabilities(pictures, targets), plain.probabilities(pictures, targets))


def test_numbers_of_a_sigmoid_are_remarked_on_with_what_mends_it() -> None:
    found = made(model(end=nn.Sigmoid()))
    assert "Classifier(…, output='sigmoid')" in remarks(found)[0]
    mended = made(model(end=nn.Sigmoid()), output="sigmoid")
    assert remarks(mended) == []
    assert any(note.startswith("multi-label") for note in mended.notes)
    pictures, targets = torch.rand(3, 3, SIDE, SIDE), torch.tensor([0, 1, 2])
    gradients = [one.input_gradient(pictures, targets)[1] for one in (mended, made(model()))]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-3)
    expected = model(end=nn.Sigmoid())(pictures).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(mended.probabilities(pictures, targets), expected)


def test_saturated_outputs_stay_finite() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 1e4 * x

    pictures, targets = torch.rand(2, 3, SIDE, SIDE), torch.tensor([0, 1])
    for end, output in ((nn.Softmax(1), "probabilities"), (nn.Sigmoid(), "sigmoid")):
        network = made(model(end=nn.Sequential(Scaled(), end)), output=output)
        assert network.logits(pictures).isfinite().all()
        assert network.input_gradient(pictures, targets)[1].isfinite().all()


@pytest.mark.parametrize(
    ("end", "output", "fragment"),
    [
        (None, "probabilities", "output is 'probabilities', but the model gives numbers from"),
        (None, "sigmoid", "output is 'sigmoid', but the model gives numbers from"),
        (nn.Sigmoid(), "probabilities", "what the model gives for a picture does not sum to 1"),
    ],
)
def test_what_a_model_is_said_to_give_is_checked(end: nn.Module | None, output: Any, fragment: str) -> None:
    with pytest.raises(OptionError, match=fragment):
        made(model(end=end), output=output)


def test_an_output_of_another_name_is_an_error() -> None:
    with pytest.raises(OptionError, match="output of the classifier is 'softmax'") as caught:
        Classifier(model(), output="softmax")  # type: ignore[arg-type]
    assert "'logits', 'probabilities', 'sigmoid', or a function" in caught.value.hint


def of_subject(network: Network, target: str = "predicted") -> Subject:
    pictures = torch.rand(6, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    images = ImageSet("noise", pictures, torch.full((6,), NO_CLASS), None, ((),) * 6, tuple("abcdef"))
    return subject_of(network, images, target)


def test_of_several_labels_the_probability_is_the_sigmoid_in_every_metric_and_feature() -> None:
    module = model()
    network = make_network(
        Classifier(module, Preprocessing.square(SIDE), multi_label=True), "mine", torch.device("cpu")
    )
    exclusive = made(module)
    assert network.fingerprint != exclusive.fingerprint
    subject = of_subject(network, "logit 2")
    pictures = subject.pictures
    with torch.no_grad():
        clean = module(pictures)[:, 2].sigmoid()
    torch.testing.assert_close(subject.probability, clean)
    maps = torch.rand(6, SIDE, SIDE, generator=torch.Generator().manual_seed(4))
    found = known_metrics()["average-drop"].score(Evaluation(subject, torch.arange(6), maps))
    with torch.no_grad():
        masked = module(pictures * maps[:, None])[:, 2].sigmoid()
    expected = 100 * (clean - masked).clamp(min=0) / clean
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)
    table = measure(network, pictures, subject.targets)
    activation = table["activation"].clone().requires_grad_()
    torch.nn.functional.logsigmoid(network.tail(activation)[:, 2]).sum().backward()
    torch.testing.assert_close(table["log-probability-gradient"], activation.grad)
    ours, other = (measure(one, pictures, subject.targets)["score-probability"] for one in (network, exclusive))
    assert (ours - other).abs().max() > 1e-5
    assert ours.abs().max() <= 1


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("sigmoid", [False, True])
def test_one_logit_is_two_classes(flat: bool, sigmoid: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1))
    module = nn.Sequential(body, *([nn.Sigmoid()] if sigmoid else []), *([nn.Flatten(0)] if flat else [])).eval()
    classes = () if sigmoid else ("healthy", "ill")
    classifier = Classifier(
        module, Preprocessing.square(SIDE), classes=classes, output="sigmoid" if sigmoid else "logits"
    )
    network = make_network(classifier, "mine", torch.device("cpu"))
    assert network.classes == (classes or ("class 0", "class 1"))
    assert not network.multi_label
    pictures = torch.rand(4, 3, SIDE, SIDE)
    with torch.no_grad():
        of_one = body(pictures)[:, 0].sigmoid()
    for target, expected in ((0, 1 - of_one), (1, of_one)):
        torch.testing.assert_close(network.probabilities(pictures, torch.full((4,), target)), expected)
    gradients = [network.input_gradient(pictures, torch.full((4,), target))[1] for target in (0, 1)]
    torch.testing.assert_close(gradients[0], -gradients[1])
    assert gradients[0].abs().max() > 0


def test_one_number_without_classes_says_what_it_may_be() -> None:
    with pytest.raises(OptionError, match="numbers of shape") as caught:
        made(nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1)).eval())
    assert "classes=('no', 'yes') make two classes of its one logit" in caught.value.hint


def test_what_is_not_said_is_remarked_on_for_labels_and_one_number_too() -> None:
    twice = make_network(
        Classifier(model(end=nn.Sigmoid()), Preprocessing.square(SIDE), multi_label=True), "mine", torch.device("cpu")
    )
    assert "Classifier(…, output='sigmoid')" in remarks(twice)[0]
    one = nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1), nn.Sigmoid()).eval()
    classifier = Classifier(one, Preprocessing.square(SIDE), classes=("no", "yes"))
    assert "as of a sigmoid" in remarks(make_network(classifier, "mine", torch.device("cpu")))[0]


@pytest.mark.parametrize("grid", [(2, 8, 0), [2, 8, 0]])
def test_a_grid_may_be_a_list(grid: Any) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.norm, self.head = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(self.patches(x).flatten(2).transpose(1, 2)).mean(1))

    classifier = Classifier(Tokens().eval(), Preprocessing.square(SIDE), layer="norm", grid=grid)
    network = make_network(classifier, "mine", torch.device("cpu"))
    assert network.activation(torch.rand(1, 3, SIDE, SIDE)).shape == (1, 8, 2, 8)
