"""Searches that start a Ray cluster of their own: equal to those of one process, and nothing outlives them."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from pathlib import Path

import pytest

from ray_nodes import TOKEN
from spread_runs import (
    BUDGET,
    assert_same_run,
    living,
    solved,
    told,
    under_way,
    until,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_cluster"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes under /proc"),
]


@pytest.mark.parametrize("count", [1, 16])
def test_answer_scores_and_journal_are_those_of_one_process(count: int, plain_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = solved("gradcam", out, *BUDGET, "--ray", "local", "--workers", str(count), **TOKEN)
    assert done.returncode == 0, done.stderr
    assert_same_run(out, plain_run, count)
    assert done.stdout == (out / "answer.sy").read_text()
    assert not any(word in done.stderr.lower() for word in ("raylet", "core_worker", "token"))


def test_actors_of_a_cluster_of_its_own_end_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    options = ("--ray", "local", "--workers", "1")
    with (
        tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as short,
        under_way(tmp_path / "run", *options, TMPDIR=short, **TOKEN) as (running, numbers),
    ):
        actors = [number for number in numbers if b"ray::Scoring" in Path(f"/proc/{number}/cmdline").read_bytes()]
        assert actors
        running.kill()
        running.communicate()
        until(lambda: not living(actors))


def test_an_interrupt_ends_the_cluster_and_the_run_is_resumed(plain_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with under_way(out, "--ray", "local", "--workers", "2", **TOKEN) as (running, numbers):
        for number in (*numbers, running.pid):  # a terminal sends it to all
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGINT)
        _, complaints = running.communicate()
        assert running.returncode == 130, complaints
        assert "Traceback" not in complaints
        assert "resume: sycam-sygus" in complaints
        assert "--workers 2 --ray local" in complaints
        until(lambda: not living(numbers))
    done = solved("gradcam", out, *BUDGET, "--resume")
    assert done.returncode == 0
    assert told(out) == told(plain_run)
