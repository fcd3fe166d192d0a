"""Searches one after the other in one process: what the C library has given out does not grow."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

LOOP = """
import gc, sys, tempfile
sys.path.insert(0, sys.argv[1])
import sygus
from soak import given_out
few = {"search_images": 16, "held_out_images": 16, "baselines": "gradcam,fakecam", "device": "cpu"}
for _ in range(6):
    with tempfile.TemporaryDirectory() as folder:
        sygus.solve("gradcam_plus", budget="size=4,terms=40", out=f"{folder}/run", **few)
    gc.collect()
    print(given_out(), len(gc.get_objects()))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc tells what it has given out"
)
def test_searches_in_a_loop_take_no_more_memory() -> None:
    command = [sys.executable, "-c", LOOP, str(BENCHMARKS)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    given_out, objects = zip(*(map(int, line.split()) for line in printed.splitlines()), strict=True)
    assert given_out[-1] - given_out[2] < 100_000
    assert objects[-1] - objects[2] < 50
