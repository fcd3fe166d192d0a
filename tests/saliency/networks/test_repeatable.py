"""What a process that computes on a GPU is set to; the settings can be made, and are tested, without one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from sygus.saliency import networks
from sygus.saliency.networks.repeatable import compute_repeatably

REPEATABLE = {
    "products": False,
    "convolutions": False,
    "benchmark": False,
    "deterministic": True,
    "algorithms": True,
    "warnings only": True,
    "filled": False,
}


def state() -> dict[str, bool]:
    return {
        "products": torch.backends.cuda.matmul.allow_tf32,
        "convolutions": torch.backends.cudnn.allow_tf32,
        "benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.backends.cudnn.deterministic,
        "algorithms": torch.are_deterministic_algorithms_enabled(),
        "warnings only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "filled": torch.utils.deterministic.fill_uninitialized_memory,
    }


def put(values: dict[str, bool]) -> None:
    torch.backends.cuda.matmul.allow_tf32 = values["products"]
    torch.backends.cudnn.allow_tf32 = values["convolutions"]
    torch.backends.cudnn.benchmark = values["benchmark"]
    torch.backends.cudnn.deterministic = values["deterministic"]
    torch.use_deterministic_algorithms(values["algorithms"], warn_only=values["warnings only"])
    torch.utils.deterministic.fill_uninitialized_memory = values["filled"]


@pytest.fixture(autouse=True)
def _opposite(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every setting starts as the opposite, and is put back as it was."""
    before = state()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    put({name: not value for name, value in REPEATABLE.items()})
    yield
    put(before)


def test_cuda_is_set_to_full_precision_and_deterministic_algorithms() -> None:
    compute_repeatably(torch.device("cuda", 1))
    assert state() == REPEATABLE
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_what_the_user_set_for_cublas_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    compute_repeatably(torch.device("cuda"))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_other_devices_change_nothing(device: str) -> None:
    before = state()
    compute_repeatably(torch.device(device))
    assert state() == before
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_it_is_done_where_a_run_loads_its_network(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setattr(networks, "compute_repeatably", chosen.append)
    networks.load_network("shapes-vgg", torch.device("cpu"))
    assert chosen == [torch.device("cpu")]
