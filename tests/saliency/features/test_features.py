"""Features are measured when asked for, once."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.language.terms import leaf
from sygus.oracles.methods import expression_method
from sygus.oracles.parameters import feature_variables
from sygus.saliency.features import FEATURES, Feature, Measurements, draw
from sygus.saliency.features.draws import normal
from sygus.saliency.features.feature import register
from sygus.saliency.features.linear import linear_head
from sygus.saliency.metrics import Subject


@pytest.fixture(scope="module")
def subject() -> Subject:
    settings = Settings(network="shapes-resnet", search_images=2, held_out_images=2, device="cpu")
    return load_subjects(settings).search.subject


def test_only_what_is_asked_for_is_measured(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    original = Measurements._measure
    monkeypatch.setattr(Measurements, "_measure", lambda self, name: asked.append(name) or original(self, name))
    measured = Measurements(subject.network, subject.images.pictures, subject.targets)
    measured["alpha"], measured["logit"], measured["alpha"]
    assert asked == ["activation", "gradient"]


def test_the_closed_form_of_ablation_is_what_the_tail_gives(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    from sygus.saliency.features import ablation

    measured = Measurements(subject.network, subject.images.pictures, subject.targets)
    closed = measured["ablation"].flatten(1)
    monkeypatch.setattr(ablation, "linear_head", lambda *_: None)
    by_tail = ablation.ablation(subject.network, measured["activation"], subject.targets, subject.pictures)
    torch.testing.assert_close(closed, by_tail, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "tail",
    [
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 8), nn.ReLU()),
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 8)),
        nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 8)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 8)),
    ],
)
def test_other_tails_are_not_taken_for_pooling_and_a_linear_layer(subject: Subject, tail: nn.Module) -> None:
    from dataclasses import replace

    activation = subject.network.activation(subject.images.pictures)
    assert linear_head(subject.network, activation) is not None
    assert linear_head(replace(subject.network, tail=tail), activation) is None


def test_domains_hold_on_the_network_and_on_probes(subject: Subject) -> None:
    measured = Measurements(subject.network, subject.images.pictures, subject.targets)
    drawn = draw((4, 3, 2, 2), torch.Generator().manual_seed(0), nonnegative=True)
    for name, feature in FEATURES.items():
        if name in ("opticam", "attention", "attention-gradient", "importance"):  # slow; of other networks
            continue
        for values in (measured[name], drawn.get(name, torch.tensor(0.5))):
            assert feature.domain != "unit" or bool(((values > 0) & (values < 1)).all())
            assert feature.domain != "nonnegative" or bool((values >= 0).all())
    assert "smooth-gradient" in measured


@pytest.fixture
def registered() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    before = dict(FEATURES)
    yield
    FEATURES.clear()
    FEATURES.update(before)


ABOUT = {"rank": "weight", "latex": "x_k", "doc": "Something."}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"measure": lambda _: {}},
        {"draw": normal},
        {"derive": torch.relu},
        {"needs": ("score",)},
        {"measure": lambda _: {}, "draw": normal, "needs": ("score",), "derive": torch.relu},
    ],
)
def test_a_feature_is_measured_or_derived(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the feature 'mine' is neither measured nor derived"):
        Feature(name="mine", **ABOUT, **given)


@pytest.mark.usefixtures("registered")
def test_a_name_is_taken_once_and_further_features_leave_the_probes_of_the_others() -> None:
    before = draw((2, 3, 2, 2), torch.Generator().manual_seed(0), nonnegative=True)
    register(Feature(name="a", measure=lambda _: {}, draw=normal, **ABOUT))
    after = draw((2, 3, 2, 2), torch.Generator().manual_seed(0), nonnegative=True)
    assert list(after) == [*before, "a"]
    assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(ValueError, match="there are two features 'a'"):
        register(Feature(name="a", measure=lambda _: {}, draw=normal, **ABOUT))


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("measured", "message"),
    [
        ({}, "mine are measured together, but  are given"),
        ({"mine": torch.ones(2, 4), "other": torch.ones(2)}, "mine are measured together, but mine, other are given"),
        ({"mine": torch.ones(2, 4, 3, 3)}, r"the feature 'mine' is measured as \(2, 4, 3, 3\), no weight"),
    ],
)
def test_what_is_measured_is_what_was_said(subject: Subject, measured: dict[str, torch.Tensor], message: str) -> None:
    register(Feature(name="mine", measure=lambda _: measured, draw=normal, **ABOUT))
    with pytest.raises(ValueError, match=message):
        Measurements(subject.network, subject.images.pictures, subject.targets)["mine"]


@pytest.mark.usefixtures("registered")
def test_what_is_derived_from_what_is_slow_is_slow() -> None:
    register(Feature(name="mine", needs=("score",), derive=torch.relu, **ABOUT))
    assert not expression_method("m", "M", leaf(feature_variables()["mine"])).quick
    assert expression_method("m", "M", leaf(feature_variables()["smooth-alpha"])).quick
