"""Scores are the same to the last bit whether features are measured, measured and kept, or read from disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import applicable_methods, find_methods
from sygus.saliency.features import FEATURES, Measurements
from sygus.saliency.features.cache import Cache
from sygus.saliency.features.measured import canonical
from sygus.saliency.metrics import Subject, find_metric

CHEAP = {
    "sscam": "sscam(n=1)",
    "iscam": "iscam(n=2)",
    "extremal": "extremal(steps=4)",
    "smoothgrad": "smoothgrad(n=2)",
    "intgrad": "intgrad(steps=3)",
}
"""Options that make a method cheap."""

_TRANSFORMERS = {"attention", "attention-gradient"}
ABSENT = {
    "shapes-vgg": {"classifier", "importance", *_TRANSFORMERS},
    "shapes-resnet": {"importance", *_TRANSFORMERS},
    "shapes-lfi": {"classifier", *_TRANSFORMERS},
}
"""The features that a network does not have."""


@pytest.fixture(scope="module", params=list(ABSENT))
def subject(request: pytest.FixtureRequest) -> Subject:
    settings = Settings(network=request.param, search_images=5, held_out_images=2, device="cpu")
    return load_subjects(settings).search.subject


def results(subject: Subject, cache: Cache | None) -> Mapping[str, Tensor]:
    """Every feature, and the maps and scores of every method, on features of their own."""
    oracle = CamOracle(subject)
    oracle.__dict__["measured"] = Measurements(subject.network, subject.images.pictures, subject.targets, cache=cache)
    there = [name for name in FEATURES if name not in ABSENT[subject.network.name]]
    found = {f"feature {name}": oracle.measured[name] for name in there}
    metric = find_metric("average-drop")
    for method in applicable_methods("all", oracle, lambda _: None):
        if method.name in CHEAP:
            (method,) = find_methods(CHEAP[method.name])
        found[f"scores of {method.name}"] = torch.from_numpy(method.score(oracle, metric))
    return found


@pytest.mark.slow
def test_whether_the_cache_is_absent_cold_or_warm_changes_no_bit(subject: Subject, tmp_path: Path) -> None:
    without = results(subject, None)
    cold = results(subject, Cache(tmp_path))
    entries = len(list(tmp_path.iterdir()))
    warm = results(subject, Cache(tmp_path))
    assert entries == len(list(tmp_path.iterdir())) > len(CHEAP)
    assert {f"scores of {name}" for name in ("gradcam", "smoothgradcam++", CHEAP["sscam"])} <= set(without)
    for other in (cold, warm):
        assert [name for name, value in without.items() if not torch.equal(value, other[name])] == []


@pytest.mark.parametrize(
    "made",
    [
        torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.rand(2, 1, 4, 5).to(memory_format=torch.channels_last),
        torch.rand(2, 3, 1, 1).expand(2, 3, 4, 5),
        torch.rand(3, 2, 5, 4).permute(1, 0, 3, 2),
        torch.rand(2, 6, 4, 5)[:, ::2],
        torch.rand(3, 3, 4, 5)[1:],
        torch.rand(2, 3, 4, 5, dtype=torch.float64),
        torch.rand(2, 3, 4, 5).bfloat16(),
        torch.rand(2, 3, 4, 5).requires_grad_(),
    ],
)
def test_one_layout_whatever_was_given(made: Tensor) -> None:
    found = canonical(made)
    assert found.dtype == torch.float32
    assert found.stride() == torch.empty(made.shape).stride()
    assert (found.storage_offset(), found.requires_grad) == (0, False)
    assert torch.equal(found, made.detach().float())
