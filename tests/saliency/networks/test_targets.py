"""What is explained: another class, a number, a region, a function; gradients by autograd on the bare model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from number_networks import Number, Pixels, body, logits_of_pixels, network_of, number_network, segmentation
from sygus.errors import OptionError
from sygus.saliency.features import FEATURES, Measurements
from sygus.saliency.features.feature import sources_of
from sygus.saliency.networks import Network, class_number, read_target
from sygus.saliency.networks.target import PREDICTED
from toy_models import CLASSES, chain, pictures

ZERO = torch.zeros(4, dtype=torch.long)


def made_for(model: Callable[[], nn.Module], target: Any, **options: Any) -> Network:
    torch.manual_seed(1)
    return network_of(model(), target, **options)


def measured_by_hand(
    model: nn.Module, x: Tensor, layer: nn.Module, value: Callable[[Any], Tensor]
) -> tuple[Tensor, Tensor]:
    """The number of each picture and its gradient with respect to the output of a layer."""
    kept = []
    handle = layer.register_forward_hook(lambda _, __, output: kept.append(output))
    numbers = value(model(x))
    handle.remove()
    (gradient,) = torch.autograd.grad(numbers.sum(), kept)
    return numbers.detach(), gradient


def region_by_hand(logits: Tensor, index: int) -> Tensor:
    """The mean logit over the pixels of a class, pixel by pixel."""
    found = []
    for picture in logits:
        plain = picture.detach()
        mine = [
            picture[index, row, column]
            for row in range(picture.shape[1])
            for column in range(picture.shape[2])
            if max(range(len(picture)), key=lambda one: float(plain[one, row, column])) == index
        ]
        found.append(sum(mine) / len(mine) if mine else 0 * picture.sum())
    return torch.stack(found)


@pytest.mark.parametrize("flat", [False, True])
def test_a_number_is_explained_by_its_own_gradient(flat: bool) -> None:
    x, network = pictures(4), number_network(flat=flat)
    torch.manual_seed(1)
    model = Number(flat=flat)
    numbers, gradient = measured_by_hand(model, x, model.body, lambda out: out.reshape(-1))
    assert (network.layer, network.classes) == ("body", ("regression",))
    torch.testing.assert_close(network.logits(x), numbers[:, None])
    found, slope = network.gradient(network.activation(x), ZERO)
    torch.testing.assert_close(found, numbers)
    torch.testing.assert_close(slope, gradient)


@pytest.mark.parametrize("index", range(3))
def test_a_region_is_explained_by_its_mean_logit(index: int) -> None:
    x, network = pictures(4), segmentation(f"region {index}")
    torch.manual_seed(1)
    model = Pixels()
    numbers, gradient = measured_by_hand(model, x, model.body, lambda out: region_by_hand(out["out"], index))
    assert network.layer == "body"  # and not the maps of the classes
    found, slope = network.gradient(network.activation(x), ZERO)
    torch.testing.assert_close(found, numbers)
    torch.testing.assert_close(slope, gradient)


def test_the_regions_of_the_toy_differ() -> None:
    """So that the test above can tell classes and pictures apart."""
    found = torch.cat([segmentation(f"region {index}").logits(pictures(4)) for index in range(3)], 1)
    assert (found != 0).any(0).sum() >= 2
    assert len(found.unique(dim=0)) > 1


def test_no_pixel_is_0_without_a_gradient() -> None:
    class Never(Pixels):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            out = super().forward(x)["out"]
            return {"out": torch.cat([out, out.amin(1, keepdim=True) - 1], 1)}

    network = made_for(Never, "region 3", output=logits_of_pixels)
    number, gradient = network.gradient(network.activation(pictures(4)), ZERO)
    assert not number.any()
    assert not gradient.any()


def test_of_one_class_the_pixels_above_0_are_the_region() -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.classify = body(), nn.Conv2d(6, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.classify(self.body(x)) - 0.05

    network = made_for(One, "region 0")
    torch.manual_seed(1)
    logits = One()(pictures(4))
    expected = [float(one[one > 0].mean()) if (one > 0).any() else 0.0 for one in logits]
    assert network.logits(pictures(4))[:, 0].tolist() == pytest.approx(expected, rel=1e-5)


def test_a_function_is_explained_by_its_own_gradient() -> None:
    def margin(logits: Tensor) -> Tensor:
        return logits[:, 1] - logits[:, 0].square()

    x, network = pictures(4), made_for(chain, margin)
    torch.manual_seed(1)
    model = chain().eval()
    numbers, gradient = measured_by_hand(model, x, model[4], margin)
    found, slope = network.gradient(network.activation(x), ZERO)
    torch.testing.assert_close(found, numbers, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(slope, gradient, atol=1e-6, rtol=1e-4)


def test_a_function_takes_what_the_model_returns() -> None:
    network = made_for(Pixels, lambda returned: returned["out"].amax((1, 2, 3)))
    torch.manual_seed(1)
    expected = Pixels()(pictures(3))["out"].flatten(1).max(1).values
    torch.testing.assert_close(network.logits(pictures(3))[:, 0], expected)


def test_the_layer_and_the_target_go_together() -> None:
    network = number_network()
    other = network.at("body.0")
    assert (other.layer, other.target) == ("body.0", network.target)
    torch.testing.assert_close(other.logits(pictures(2)), network.logits(pictures(2)))


def test_the_fingerprint_holds_the_target() -> None:
    def first(logits: Tensor) -> Tensor:
        return logits[:, 0]

    def other(logits: Tensor) -> Tensor:
        return logits[:, 0] * 1.0

    targets: list[Any] = ["predicted", first, other, lambda logits: logits[:, 1]]
    prints = [made_for(chain, target).fingerprint for target in targets]
    assert len(set(prints)) == len(prints)  # two of them give the same numbers
    assert prints == [made_for(chain, target).fingerprint for target in targets]
    assert made_for(chain, "logit 2").fingerprint == prints[0]  # the class stands among the targets of the pictures
    regions = [segmentation(f"region {index}").fingerprint for index in range(3)]
    assert len(set(regions)) == 3


def test_untold_code_is_shared_with_no_other_run() -> None:
    class Held:
        def __init__(self) -> None:
            self.numbers = (one for one in [0])

        def __call__(self, logits: Tensor) -> Tensor:
            return logits[:, 0]

    network = made_for(chain, Held())
    assert network.unknown
    assert made_for(chain, Held()).fingerprint != network.fingerprint


@pytest.mark.parametrize(
    "text", ["predicted", "label", "regression", "logit 3", "region sky blue", "pack.age:function"]
)
def test_texts_are_read_and_written(text: str) -> None:
    assert read_target(text).text == text
    assert read_target(read_target(text)) is not None
    assert read_target(f"  {text} ").text == text


@pytest.mark.parametrize("text", ["", "both", "logit", "region ", "regresion", "label 3", "a b:c"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--target: unknown value") as caught:
        read_target(text)
    assert "choose one of predicted, label, logit C, regression, region C, package.module:function" in str(caught.value)


def test_classes_by_name_and_number() -> None:
    classes = ("tench, Tinca tinca", "crane", "great white", "crane", "7")
    assert [class_number(text, classes, "toy") for text in ("Tinca tinca", "great_white", "3", "7")] == [0, 2, 3, 4]
    with pytest.raises(OptionError, match="'crane' may be any of the classes 1, 3 of 'toy'"):
        class_number("crane", classes, "toy")
    for wrong in ("great wite", "5", "-1", "٣", "9" * 99):
        with pytest.raises(OptionError, match=f"'toy' has no class '{wrong[:60]}'") as caught:
            class_number(wrong, classes, "toy")
        assert "number below 5" in caught.value.hint
    with pytest.raises(OptionError, match="did you mean 'great white'"):
        class_number("great wite", classes, "toy")


REFUSED: dict[str, tuple[Callable[[], nn.Module], Any, str]] = {
    "classes for a number": (chain, "regression", rf"gives numbers of shape \(2, {CLASSES}\), not \(2, 1\) or \(2,\)"),
    "classes for pixels": (chain, "region 1", rf"gives numbers of shape \(2, {CLASSES}\), not \(2, classes, h, w\)"),
    "a number for classes": (Number, "predicted", r"shape \(2, 1\).*--target regression explains the number itself"),
    "a wrong shape": (chain, lambda o: o[:, :2], r"'.*<lambda>' gives numbers of shape \(2, 2\) for 2 pictures, not"),
    "one number for all": (chain, lambda o: o.sum(), r"gives numbers of shape \(\) for 2 pictures, not \(2,\)"),
    "no tensor": (chain, lambda o: float(o[0, 0]), "gives float, not a tensor"),
    "not finite": (chain, lambda o: o[:, 0] * math.nan, "a number that is not finite"),
    "raises": (chain, lambda o: o[:, 0] * (1 / 0), r"fails on the tensor \(2, 5\).*ZeroDivisionErr"),
    "no gradient": (chain, lambda o: o.detach()[:, 0], "without a gradient; compute it by torch's operations"),
    "of the batch": (chain, lambda o: o[:, 0] / o.abs().max(), "another number where it is beside others"),
    "no module": (chain, "nowhere_at_all:function", "--target: there is no module 'nowhere_at_all'"),
    "no function": (chain, "math:nothing", "--target: the module 'math' has no 'nothing'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_explained_is_said_in_one_message(case: str) -> None:
    model, target, message = REFUSED[case]
    with pytest.raises(OptionError, match=message) as caught:
        made_for(model, target)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_a_class_that_a_segmentation_does_not_have() -> None:
    with pytest.raises(OptionError, match="--target: 'toy' has no class 'skye'; did you mean 'sky'"):
        segmentation("region skye")


def test_a_function_that_fails_later_is_named_too() -> None:
    calls: list[int] = []

    def sometimes(logits: Tensor) -> Tensor:
        calls.append(1)
        return logits[:, 0] * (math.nan if float(logits.detach().abs().sum()) > limit else 1)

    limit = math.inf
    network = made_for(chain, sometimes)
    limit = 0.0
    with pytest.raises(OptionError, match="sometimes' gives a number that is not finite"):
        network.logits(pictures(2))


@pytest.mark.parametrize("name", FEATURES)
def test_features_of_a_class_say_so_where_there_is_none(name: str) -> None:
    """Every feature is measured on a number, with the right shape, or says that it needs a class."""
    network = number_network()
    measured = Measurements(network, pictures(4), ZERO)
    if FEATURES[name].of_class:
        for first in (False, True):  # what is measured together may be known already
            if first:
                measured["score"]
            with pytest.raises(OptionError, match=f"'{name}' needs the probability of a class, which 'toy' does not"):
                measured[name]
    elif not FEATURES[name].conditional:
        assert measured[name].isfinite().all()
        assert len(measured[name]) == 4


def test_what_is_derived_from_a_class_is_of_a_class() -> None:
    for feature in FEATURES.values():
        assert feature.of_class or not any(one.of_class for one in sources_of([feature.name]))


def test_without_a_target_nothing_changes() -> None:
    network = made_for(chain, "predicted")
    assert network.target == PREDICTED
    assert network.no_class == ""
    assert len(network.classes) == CLASSES
