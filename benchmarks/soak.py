"""The main job in a loop: how its memory grows from job to job.

Run ``python benchmarks/soak.py`` for half an hour, or ``python benchmarks/soak.py --minutes 10 --budget size=5``. Each
job is ``sygus.solve("gradcam_plus")`` with the default settings, in one process. After each three things are read: the
resident memory, which must stay below :data:`MOST`; how much of it the C library has given out, since what was freed
and is kept for the next job is no leak; and the number of Python's objects. The slopes are those of least squares
lines through the jobs after the first :data:`WARMING`, which fill what is bounded, with their 95 % intervals.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

import sygus
from harness import report
from solvers.cam.settings import Settings

MOST = 2e9
"""Bytes that the process may hold."""

WARMING = 3
"""Jobs that are not counted for the slope."""


def resident() -> int:
    """Bytes of memory that this process holds."""
    return _of_status("VmRSS:")


def peak() -> int:
    """The most that it ever held."""
    return _of_status("VmHWM:")


def _of_status(name: str) -> int:
    words = Path("/proc/self/status").read_text(encoding="utf-8").split()
    return int(words[words.index(name) + 1]) * 1024


_COUNTED = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Allocated(ctypes.Structure):
    """What glibc's ``mallinfo2`` says."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _COUNTED)


def given_out() -> int:
    """Bytes that the C library has given out and not got back."""
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Allocated
    found = ask()
    return int(found.uordblks + found.hblkhd)


def slope(values: Sequence[float]) -> dict[str, float]:
    """The slope of the least squares line through values at 0, 1, 2, …, with its 95 % interval, in kB."""
    count = len(values)
    places = np.arange(count) - (count - 1) / 2
    spread = float(places @ places)
    found = float(places @ np.array(values)) / spread
    rest = np.array(values) - np.mean(values) - found * places
    error = float(np.sqrt(rest @ rest / (count - 2) / spread)) * float(t.ppf(0.975, count - 2))
    return {"kB a job": found / 1e3, "from": (found - error) / 1e3, "to": (found + error) / 1e3}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--file", default="gradcam_plus")
    parser.add_argument("--budget", default=Settings().budget)
    options = parser.parse_args()
    began, seconds = time.monotonic(), list[float]()
    read: dict[str, list[int]] = {"resident": [], "given out": [], "objects": []}
    while time.monotonic() - began < 60 * options.minutes or len(seconds) < WARMING + 3:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            sygus.solve(options.file, budget=options.budget, out=f"{folder}/run")
        gc.collect()
        for name, value in zip(read, (resident(), given_out(), len(gc.get_objects())), strict=True):
            read[name].append(value)
        seconds.append(time.monotonic() - start)
        print(len(seconds), *(values[-1] for values in read.values()), f"{seconds[-1]:.1f} s", flush=True)
    rows: list[dict[str, Any]] = [
        {"what": name, "first": values[0], "last": values[-1], "largest": max(values), **slope(values[WARMING:])}
        for name, values in read.items()
    ]
    facts = {"job": options.file, "budget": options.budget, "jobs": len(seconds)}
    facts |= {"minutes": (time.monotonic() - began) / 60, "peak": peak(), "bound": MOST, "kept": peak() < MOST}
    report("soak", "memory of the main job in a loop, bytes", rows, **facts, each=read)


if __name__ == "__main__":
    main()
