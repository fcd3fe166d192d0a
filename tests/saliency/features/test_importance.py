"""The importance that a network says its channels have, and LFI-CAM drawn of it, against the branch run by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

import sygus
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import applicable_methods, find_methods, methods
from sygus.saliency.features import Measurements
from sygus.saliency.images import Preprocessing
from sygus.saliency.metrics.robustness import randomized
from sygus.saliency.networks import Classifier, Network, make_network
from sygus.saliency.networks.embedded import IMPORTANCE, AttentiveHead, ShapesLFI, load
from toy_models import CLASSES, CPU, SIDE, chain, pictures

COUNT = 3


@pytest.fixture(scope="module")
def oracle() -> CamOracle:
    return load_subjects(Settings(network="shapes-lfi", search_images=COUNT, held_out_images=2, device="cpu")).search


# The embedded network


def test_the_map_is_the_closed_form_of_the_branch(oracle: CamOracle) -> None:
    """Picture by picture and channel by channel, of the network as it is shipped, in float64."""
    model, subject = load("shapes-lfi").double(), oracle.subject
    found = methods()["lficam"].saliency(oracle)
    for row in range(COUNT):
        maps = model.features(model.normalise(subject.images.pictures[row : row + 1].double()))
        head = model.head
        assert isinstance(head, AttentiveHead)
        (logits,) = head.importance(maps).tolist()
        largest = max(logits)
        powers = [torch.tensor(one - largest, dtype=torch.float64).exp() for one in logits]
        total = sum(power * channel for power, channel in zip(powers, maps[0], strict=True)) / sum(powers)
        up = interpolate(total.relu()[None, None], (64, 64), mode="bilinear", align_corners=False)[0, 0]
        expected = (up - up.min()) / (up.max() - up.min())
        torch.testing.assert_close(found[row].double(), expected, atol=1e-4, rtol=0)
        torch.testing.assert_close(
            oracle.measured["importance"][row, :, 0, 0].double().tolist(), logits, atol=1e-4, rtol=0
        )


def test_the_network_classifies_under_the_attention_of_its_map() -> None:
    """By hand, where the branch gives the same of every channel: F · (1 + n(mean F)), pooled, into the linear layer."""
    torch.manual_seed(0)
    head = ShapesLFI().eval().head
    assert isinstance(head, AttentiveHead)
    head.importance = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), Constant())
    maps = torch.rand(1, 64, 2, 2)
    mean = maps[0].mean(0)
    attention = (mean - mean.min()) / (mean.max() - mean.min())
    linear = next(module for module in head.classifier.modules() if isinstance(module, nn.Linear))
    expected = (maps[0] * (1 + attention)).mean((1, 2)) @ linear.weight.T + linear.bias
    torch.testing.assert_close(head(maps)[0], expected)
    torch.testing.assert_close(head(torch.ones(1, 64, 2, 2)), head.classifier(torch.ones(1, 64, 2, 2)))  # no attention


class Constant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.full_like(x, 3.0)


def test_the_map_does_not_depend_on_the_class(oracle: CamOracle) -> None:
    subject = oracle.subject
    other = Measurements(subject.network, subject.images.pictures, (subject.targets + 1) % 8)
    assert torch.equal(other["importance"], oracle.measured["importance"])


def test_a_batch_is_its_pictures(oracle: CamOracle) -> None:
    subject = oracle.subject
    alone = CamOracle(subject.showing(subject.images.pictures[1:2], torch.tensor([1])), lasting=False)
    together = methods()["lficam"].saliency(oracle)
    torch.testing.assert_close(methods()["lficam"].saliency(alone)[0], together[1], atol=1e-6, rtol=0)


def test_a_randomized_network_says_something_else(oracle: CamOracle) -> None:
    subject = oracle.subject
    table = Measurements(randomized(subject.network, 0), subject.images.pictures, subject.targets)
    before, after = oracle.measured["importance"], table["importance"]
    assert float((before - after).abs().max()) > 0.1 * float(before.abs().max())


def test_it_is_a_feature_of_grammars(tmp_path: Path) -> None:
    problem = """
    (set-logic CAM)
    (set-feature :oracles true)
    (set-option :network "shapes-lfi")
    (declare-oracle-fun iou ((-> Weight Weight)) Real iou)
    (synth-fun w ((importance Weight)) Weight
      ((W Weight)) ((W Weight (importance (softmax W) (relu W) (* W W)))))
    (optimize-synth ((! (iou w) :max)))
    """
    (tmp_path / "mine.sy").write_text(problem)
    result = sygus.solve(
        tmp_path / "mine.sy", budget="size=2", search_images=8, held_out_images=4, validation_images=8, device="cpu"
    )
    assert "importance" in str(result.answer)


def test_explainers_take_the_branch_of_a_bare_model(oracle: CamOracle, tmp_path: Path) -> None:
    (tmp_path / "answer.sy").write_text("(softmax importance)")
    model, pictures_ = load("shapes-lfi"), oracle.subject.images.pictures
    expected = methods()["lficam"].saliency(oracle)
    make = SynthesizedCAM.load(tmp_path / "answer.sy")
    for targets in ([0, 1, 2], [lambda logits: logits[0]] * COUNT):  # classes, and numbers that are none
        with make(model, [model.features], importance=IMPORTANCE) as cam:
            for _ in range(2):  # measured, and on the copy that is kept
                torch.testing.assert_close(torch.from_numpy(cam(pictures_, targets)), expected, atol=1e-4, rtol=0)
    with SynthesizedExtractor.load(tmp_path / "answer.sy")(model, "features", importance=IMPORTANCE) as extractor:
        (maps,) = extractor([0, 1, 2], model(pictures_.clone().requires_grad_()))
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    assert maps.shape == (COUNT, 8, 8)
    assert bool((low == 0).all() and (high == 1).all())
    with pytest.raises(OptionError, match="declares no branch"), make(model, [model.features]) as cam:
        cam(pictures_, [0, 1, 2])


# Networks of the user's own


def as_weights(given: Any) -> Tensor:
    return given.flatten(1)[:, :, None, None]


class Branched(nn.Module):
    """Maps (n, 4, 8, 8) whose importance a branch gives; it may see the picture too, and may be what it should not."""

    def __init__(
        self,
        branch: Callable[[Tensor], Any],
        *,
        used: Callable[[Any], Tensor] = as_weights,
        sees_picture: bool = False,
        runs: int = 1,
    ) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
        self.further = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU())
        self.branch = Branch(branch)
        self.head = nn.Linear(4, CLASSES)
        self.used, self.sees_picture, self.runs = used, sees_picture, runs

    def forward(self, x: Tensor) -> Tensor:
        maps = self.further(self.maps(x))
        seen = maps * nn.functional.avg_pool2d(x.mean(1, keepdim=True), 2) if self.sees_picture else maps
        weights = sum(self.used(self.branch(seen)) for _ in range(self.runs))
        return self.head((maps * (1 + weights)).mean((2, 3)))


class Untraceable(Branched):
    """Asks what its pictures are, so that no graph of it can be had."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if float(x.sum()) >= 0 else -x)


class Branch(nn.Module):
    def __init__(self, gives: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.gives = gives

    def forward(self, maps: Tensor) -> Any:
        return self.gives(maps)


def means(maps: Tensor) -> Tensor:
    return 2 * maps.mean((2, 3)) - 1


def described(model: nn.Module, layer: str | None = "further", importance: str | None = "branch") -> Classifier:
    return Classifier(model.eval(), Preprocessing.square(SIDE), layer=layer, importance=importance)


def network_of(model: nn.Module, layer: str | None = None) -> Network:
    return make_network(described(model), "mine", CPU, layer)


def importance_of(network: Network) -> Tensor:
    return Measurements(network, pictures(COUNT), torch.zeros(COUNT, dtype=torch.int64))["importance"].flatten(1)


@pytest.mark.parametrize("gives", [means, lambda maps: means(maps)[:, :, None, None]], ids=["(B, K)", "(B, K, 1, 1)"])
@pytest.mark.parametrize("sees_picture", [False, True])
def test_any_network_may_declare_a_branch(gives: Callable[[Tensor], Tensor], sees_picture: bool) -> None:
    torch.manual_seed(0)
    model = Branched(gives, sees_picture=sees_picture)
    network = network_of(model)
    assert network.needs_pictures == sees_picture
    x = pictures(COUNT)
    maps = model.further(model.maps(x))
    seen = maps * nn.functional.avg_pool2d(x.mean(1, keepdim=True), 2) if sees_picture else maps
    torch.testing.assert_close(importance_of(network), means(seen).detach(), atol=1e-6, rtol=1e-5)
    assert not any(module._forward_hooks for module in network.tail.modules())  # type: ignore[union-attr]


def test_a_network_that_is_split_by_hooks_has_it_too() -> None:
    torch.manual_seed(0)
    model = Untraceable(means)
    network = network_of(model)
    assert network.split == "hook"
    expected = means(model.further(model.maps(pictures(COUNT)))).detach()
    torch.testing.assert_close(importance_of(network), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "layer", "message", "hint"),
    [
        (Branched(means), "maps", "weighs the channels of 'further', not of 'maps'", "--layer further"),
        (Branched(lambda maps: maps[:, :1].mean((2, 3))), None, r"shape \(\d+, 1\) for maps \(\d+, 4, 8, 8\)", "once"),
        (
            Branched(lambda maps: (means(maps), 1), used=lambda given: as_weights(given[0])),
            None,
            "gives tuple, not a tensor",
            "once",
        ),
        (Branched(means, runs=2), None, "runs 2 times in a pass", "once"),
    ],
    ids=["another layer", "another shape", "no tensor", "twice"],
)
def test_branches_that_are_none(model: nn.Module, layer: str | None, message: str, hint: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        importance_of(network_of(model, layer))
    assert "'branch' of 'mine'" in caught.value.message
    assert hint in caught.value.hint


def test_a_branch_that_does_not_run_after_the_layer() -> None:
    model = Branched(means)
    network = make_network(described(model, importance="maps.0"), "mine", CPU)
    with pytest.raises(OptionError, match=r"the branch 'maps\.0' of 'mine' does not run after 'further'"):
        importance_of(network)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"importance": "brunch"}, "no module 'brunch', its importance=; did you mean 'branch'"),
        ({"importance": 3}, "importance of the classifier is 3; give the name of a module"),
        ({"layer": None}, "its layer is not named; name with layer="),
    ],
)
def test_declarations_that_are_wrong(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        make_network(described(Branched(means), **given), "mine", CPU)
    assert message in str(caught.value)


def test_the_declaration_is_part_of_what_a_network_is() -> None:
    torch.manual_seed(0)
    model = Branched(means)
    plain = make_network(described(model, importance=None), "mine", CPU)
    assert plain.fingerprint != network_of(model).fingerprint


@pytest.mark.parametrize("network", ["shapes-vgg", "a module"])
def test_a_network_without_a_branch_is_told_how_to_declare_one(network: str) -> None:
    settings = Settings(network="shapes-vgg", search_images=2, held_out_images=2, device="cpu")
    oracle = load_subjects(settings).search
    if network != "shapes-vgg":
        other = make_network(Classifier(chain().eval(), Preprocessing.square(SIDE)), network, CPU)
        with pytest.raises(OptionError, match=f"'{network}' declares no branch that gives the importance of channels"):
            importance_of(other)
        return
    with pytest.raises(OptionError, match="--methods: 'lficam': 'shapes-vgg' declares no branch") as caught:
        applicable_methods("lficam", oracle, lambda _: None)
    assert "take shapes-lfi" in caught.value.hint
    assert "importance=" in caught.value.hint
    notes: list[str] = []
    assert "lficam" not in {method.name for method in applicable_methods("all", oracle, notes.append)}
    assert any(note.startswith("LFI-CAM is left out") for note in notes)
    assert "lficam" not in {method.name for method in find_methods("quick")}
