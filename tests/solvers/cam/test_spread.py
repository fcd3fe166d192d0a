"""Searches whose scores are paid by other processes: equal for any number of them, killed, resumed and interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spread_runs import (
    BUDGET,
    OPTIONS,
    assert_same_run,
    environment,
    living,
    record,
    results,
    run_words,
    solved,
    told,
    under_way,
    until,
)
from sygus.app.cli import main


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 16])
def test_answer_scores_and_journal_are_those_of_one_process(count: int, plain_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = solved("gradcam", out, *BUDGET, "--workers", str(count))
    assert done.returncode == 0
    assert_same_run(out, plain_run, count)


def processes_of(parent: int) -> list[int]:
    """The living processes whose parent is this one, without the one that tracks what they share."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                words = (entry / "cmdline").read_bytes()
                if int(status[1]) == parent and status[0] != "Z" and b"spawn_main" in words:
                    found.append(int(entry.name))
    return found


@contextlib.contextmanager
def begun(out: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run in two processes that has scored something."""
    with under_way(out, "--workers", "2", TMPDIR=str(out.parent)) as (running, _):
        yield running, until(lambda: processes_of(running.pid))


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes under /proc")


@pytest.mark.slow
@needs_proc
def test_processes_end_with_a_driver_that_is_killed_and_the_run_is_resumed(plain_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with begun(out) as (running, numbers):
        assert numbers
        running.kill()
        running.communicate()
        until(lambda: not living(numbers))
    assert list(tmp_path.glob("sycam-sygus-*")) == []
    assert not (out / "solution.json").exists()
    done = solved("gradcam", out, *BUDGET, "--workers", "3", "--resume")
    assert done.returncode == 0
    assert told(out) == told(plain_run)
    assert (out / "answer.sy").read_text() == (plain_run / "answer.sy").read_text()


@pytest.mark.slow
@needs_proc
def test_an_interrupt_ends_the_processes_and_the_run_is_resumed(plain_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with begun(out) as (running, numbers):
        for number in (*numbers, running.pid):  # a terminal sends it to all
            os.kill(number, signal.SIGINT)
        _, complaints = running.communicate()
        assert running.returncode == 130
        assert "Traceback" not in complaints
        assert "resume: sycam-sygus" in complaints
        assert "--workers 2" in complaints
        assert living(numbers) == []
    assert list(tmp_path.glob("sycam-sygus-*")) == []
    done = solved("gradcam", out, *BUDGET, "--resume")
    assert done.returncode == 0
    assert told(out) == told(plain_run)


@pytest.mark.slow
@needs_proc
def test_a_process_that_is_killed_amid_a_run_changes_nothing(plain_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with begun(out) as (running, numbers):
        os.kill(numbers[0], signal.SIGKILL)
        running.communicate()
        assert running.returncode == 0
    assert told(out) == told(plain_run)
    assert (out / "answer.sy").read_text() == (plain_run / "answer.sy").read_text()


def brightest(out: Path) -> dict[str, float]:
    """The largest score of each term, by the key of its maps."""
    proposals, scores = told(out)
    values = {key: float(np.frombuffer(content, np.float32).max()) for key, _, content, _ in scores}
    return {row[1]: values[row[5]] for row in proposals if row[3] == "scored"}


@pytest.mark.slow
def test_a_candidate_that_ends_every_process_is_a_fate_of_the_journal_and_the_report(tmp_path: Path) -> None:
    options = ("--metric", "hard_metrics:deadly", "--budget", "size=3", "--race", "off", "--validation-images", "0")
    here, out = tmp_path / "here", tmp_path / "run"
    assert solved("gradcam", here, *options, SYCAM_TEST_HARD="2").returncode == 0
    *_, other, worst = sorted(brightest(here).values())
    assert other < worst
    done = solved("gradcam", out, *options, "--workers", "2", SYCAM_TEST_HARD=str((other + worst) / 2))
    assert done.returncode == 0, done.stderr
    (hard,) = (term for term, value in brightest(here).items() if value == worst)
    fates = {row[1]: row[3] for row in told(out)[0]}
    expected = {row[1]: row[3] for row in told(here)[0]}
    assert expected[hard] == "scored"
    assert fates == expected | {hard: "failed"}
    assert brightest(out) == {term: value for term, value in brightest(here).items() if term != hard}
    (note,) = (note for note in record(out)["notes"] if "could not be scored" in note)
    assert note.startswith("warning: 1 expression could not be scored and counts as failed")
    assert note.endswith(f": {hard}")
    assert "1 expression could not be scored" in done.stderr


@pytest.mark.parametrize("given", ["0", "-3", "two", "1.5"])
def test_numbers_of_processes_that_are_none(given: str) -> None:
    found = CliRunner().invoke(main, ["gradcam", "--workers", given])
    assert found.exit_code == 2
    assert "--workers" in found.stderr
    assert "Traceback" not in found.stderr


def test_too_many_processes(tmp_path: Path) -> None:
    words = ["gradcam", "--workers", "100000", "--device", "cpu", "--out", str(tmp_path / "run")]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 2
    expected = "error: --workers: 100000 processes are not started; give a whole number from 1 to 1024\n"
    assert found.stderr == expected
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_tables_and_comparisons_are_those_of_one_process(tmp_path: Path) -> None:
    pictures = ("--search-images", "12", "--held-out-images", "10", "--device", "cpu")
    metrics = "average-drop,average-gain,insertion(steps=8),iou,win,max-sensitivity(draws=2),pxap"
    table = ("evaluate", "--methods", "gradcam,fakecam", "--metrics", metrics, *pictures, "--format", "json")
    trials = ("compare", "gradcam", "--strategies", "random,enumerate", "--seeds", "1", *pictures, "--exhaustive", "3")
    tables, found = [], []
    for name, options in (("here", ()), ("spread", ("--workers", "2"))):
        done = run_words(*table, *options)
        assert done.returncode == 0, done.stderr
        tables.append(done.stdout)
        folder = tmp_path / name
        done = run_words(*trials, "--budget", "size=5,terms=40", "--out", str(folder), *options)
        assert done.returncode == 0, done.stderr
        found.append(results(folder))
    assert tables[0] == tables[1]
    assert found[0] == found[1]


SCRIPT = """
import sys

import torch
from torch import nn

import sygus


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.body(x).mean((-2, -1)))


def dark(maps, pictures):
    return maps.mean((-2, -1)) * pictures.mean((-3, -2, -1))


def main(count):
    pictures = torch.rand(24, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    options = {"network": Net().eval(), "images": pictures, "metric": dark, "direction": "max"}
    options |= {"budget": "size=4,terms=9"}
    found = sygus.solve("gradcam", workers=count, out=f"run-{count}", baselines="gradcam", device="cpu", **options)
    print([one.objectives for one in found.record.candidates], torch.get_num_threads())
"""


@pytest.mark.slow
def test_networks_and_metrics_of_a_program_of_ones_own(tmp_path: Path) -> None:
    guarded, bare = tmp_path / "guarded.py", tmp_path / "bare.py"
    guarded.write_text(SCRIPT + "\n\nif __name__ == '__main__':\n    for count in (None, 2):\n        main(count)\n")
    bare.write_text(SCRIPT + "\n\nmain(1)\n")
    done, refused = (
        subprocess.run(
            [sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=False
        )
        for file in (guarded, bare)
    )
    assert done.returncode == 0, done.stderr
    here, spread = done.stdout.splitlines()
    assert here == spread
    assert here.endswith("] 1")
    assert refused.returncode == 1
    last = refused.stderr.strip().splitlines()[-1]
    assert "--workers: a process ended before it was ready (exit status 1); in a program of your own, begin" in last


def test_what_is_worked_through_part_by_part_is_one_processs(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main,
        [
            "channel_weights",
            *OPTIONS,
            "--held-out-images",
            "600",
            "--workers",
            "2",
            "--at-once",
            "1",
            "--out",
            str(tmp_path / "run"),
        ],
    )
    assert result.exit_code == 2
    assert "--workers: " in result.output
    assert "part by part, by one process" in result.output
