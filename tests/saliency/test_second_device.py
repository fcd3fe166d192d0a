"""On a device of its own, simulated, everything stays there and gives the numbers of the CPU, to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sygus.saliency.metrics import METRICS

pytestmark = pytest.mark.slow

SUPPORT = Path(__file__).parents[1] / "support"
SCRIPT = SUPPORT / "on_second_device.py"


@pytest.fixture(scope="module", params=["shapes-resnet", "shapes-lfi"])
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process finds that computes on both; a device is made known to a process for good."""
    paths, folder = [str(SUPPORT), *sys.path], tmp_path_factory.mktemp("runs")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, SCRIPT, request.param],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_maps_stay_there_and_are_the_same(compared: dict[str, Any]) -> None:
    maps = compared["maps"]
    assert len(maps) > 20, compared["skipped"]
    assert maps == {name: ["second", 0.0] for name in maps}


def test_scores_are_the_same(compared: dict[str, Any]) -> None:
    assert compared["metrics"] == dict.fromkeys(METRICS, 0.0)


def test_a_search_finds_the_same(compared: dict[str, Any]) -> None:
    here, there = compared["searches"]
    assert here == there
    assert len(here["candidates"]) > 10
