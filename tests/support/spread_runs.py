"""Runs of the command line in processes of their own, and what their folders hold, for tests of searches spread out."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPTIONS = (
    *("--search-images", "24", "--held-out-images", "4", "--validation-images", "16", "--device", "cpu"),
    *("--baselines", "gradcam"),
)
BUDGET = ("--budget", "size=6,terms=80")
ROOT = Path(__file__).parents[2]
PROGRAM = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'sycam-sygus'; from sygus.app.start import main; main()",
]


def command(file: str, out: Path, *options: str) -> list[str]:
    return [*PROGRAM, file, *OPTIONS, "--out", str(out), *options]


def environment(**further: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **further}


def solved(file: str, out: Path, *options: str, **further: str) -> subprocess.CompletedProcess[str]:
    words = command(file, out, *options)
    return subprocess.run(words, capture_output=True, text=True, env=environment(**further), check=False)


def run_words(*words: str, **further: str) -> subprocess.CompletedProcess[str]:
    whole = [*PROGRAM, *words]
    return subprocess.run(whole, capture_output=True, text=True, env=environment(**further), check=False)


def told(out: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The proposals and the scores of a journal."""
    with contextlib.closing(sqlite3.connect(out / "journal.sqlite")) as connection:
        proposals = connection.execute("SELECT * FROM proposals ORDER BY id").fetchall()
        return proposals, connection.execute("SELECT * FROM scores ORDER BY key, metric").fetchall()


def record(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "solution.json").read_text())
    return found


def assert_same_run(out: Path, plain: Path, count: int) -> None:
    """A run by so many workers has the answer, the journal and the record of a run in one process."""
    assert (out / "answer.sy").read_text() == (plain / "answer.sy").read_text()
    assert told(out) == told(plain)
    mine, theirs = record(out), record(plain)
    assert mine["machine"].pop("workers") == count
    for one in (mine, theirs):
        one["accounting"].pop("seconds")
        one.pop("created", None)
    assert mine == theirs


def until(found: Any, seconds: float = 120.0) -> Any:
    """What a function gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def living(numbers: list[int]) -> list[int]:
    """Those of these processes that have not ended."""
    found = []
    for number in numbers:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(number)
    return found


def descendants(parent: int) -> list[int]:
    """The processes that this one started, and those that they did."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [parent]
    for one in found:
        found += [number for number, above in parents.items() if above == one]
    return found[1:]


@contextlib.contextmanager
def under_way(out: Path, *options: str, **further: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run that has scored something, and the processes that it started."""
    words = command("gradcam", out, *BUDGET, *options)
    pipe = subprocess.PIPE
    running = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=environment(**further))
    try:
        until(lambda: running.poll() is not None or ((out / "journal.sqlite").exists() and told(out)[0]))
        yield running, descendants(running.pid)
    finally:
        running.kill()
        running.communicate()


def without_seconds(value: Any) -> Any:
    """A record without what a clock says."""
    if isinstance(value, dict):
        return {key: without_seconds(one) for key, one in value.items() if not is_time(key)}
    return [without_seconds(one) for one in value] if isinstance(value, list) else value


def is_time(key: str) -> bool:
    return "second" in key or key in ("time", "machine", "costs")


def results(folder: Path) -> dict[str, Any]:
    """The trials and tables of a comparison, without what a clock says."""
    files = [path for part in ("trials", "exhaustive") for path in sorted((folder / part).glob("*.json"))]
    assert files
    return {path.name: without_seconds(json.loads(path.read_text())["result"]) for path in files}
