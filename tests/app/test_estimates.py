"""What takes minutes says so before it begins, with the quicker way."""

from __future__ import annotations

import pytest
import torch

from sygus.app.estimates import costs_of, seconds_of_a_pass, warn_of_long_work
from sygus.app.terminal import duration
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import find_methods, quicker
from sygus.saliency.images import load_images
from sygus.saliency.metrics import subject_of
from sygus.saliency.networks import load_network

PICTURES = 3


@pytest.fixture(scope="module")
def oracle() -> CamOracle:
    network = load_network("shapes-vgg", torch.device("cpu"))
    images = load_images("shapes", search=PICTURES, held_out=2, seed=0, preprocessing=network.preprocessing).search
    return CamOracle(subject_of(network.for_few(PICTURES), images))


def said(names: str, oracle: CamOracle, seconds: float) -> list[str]:
    lines: list[str] = []
    warn_of_long_work(find_methods(names), [oracle], lines.append, "what is done", lambda _: seconds)
    return lines


def test_minutes_are_said_with_the_quicker_way(oracle: CamOracle) -> None:
    (scorecam,) = find_methods("scorecam")
    (cost,) = costs_of([scorecam], [oracle])
    assert cost == PICTURES * (64 + 2)  # each channel, black, and the feature maps
    summary, opticam = said("gradcam,opticam", oracle, 0.4)
    assert summary == "the maps of 3 pictures will take at most about 6 min; Ctrl-C keeps what is done"
    assert opticam == (
        "Opti-CAM: at most about 6 min, 301 passes a picture; "
        "quicker: opticam(steps=20), another and rougher map, about 73 s"
    )


def test_no_quicker_way_is_named_where_it_saves_nothing(oracle: CamOracle) -> None:
    _, line = said("scorecam,gradcam", oracle, 1.0)  # 64 channels are all that this network has
    assert line == "Score-CAM: at most about 3 min, 66 passes a picture"


def test_what_takes_less_than_a_minute_says_nothing(oracle: CamOracle) -> None:
    assert said("opticam", oracle, 0.05) == []
    assert said("gradcam", oracle, 1e9) == []  # too few passes to time the network for
    assert 0 < seconds_of_a_pass(oracle.subject) < 1


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("scorecam", "scorecam(channels=64)"),
        ("scorecam(score=prob)", "scorecam(channels=64,score=prob)"),
        ("sscam(n=2)", "sscam(channels=64,n=2)"),
        ("extremal", "extremal(steps=200)"),
        ("gradcam", None),
    ],
)
def test_the_quicker_way_keeps_the_options_that_are_set(name: str, found: str | None) -> None:
    (method,) = find_methods(name)
    fewer = quicker(method)
    assert (None if fewer is None else fewer.name) == found


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (98.0, "98 s"), (100.0, "2 min"), (660.0, "11 min"), (9000.0, "2.5 h")]
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
