"""Runs that are stopped: nothing scored is lost, and the answer is that of a run that was not."""

import json
import os
import random
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = 20
OPTIONS = ("--budget", "size=6", "--search-images", "32", "--held-out-images", "8", "--device", "cpu", "--quiet")


def command(out: Path, *options: str) -> list[str]:
    run = "from sygus.app.cli import main; main()"
    return [sys.executable, "-c", run, "channel_weights", "--out", str(out), *OPTIONS, *options]


def scored(out: Path) -> dict[tuple[str, str], bytes]:
    """The scores in a journal, readable while the run goes."""
    path = out / "journal.sqlite"
    if not path.exists():
        return {}
    connection = sqlite3.connect(path)
    try:
        return {
            (key, metric): values
            for key, metric, values in connection.execute("SELECT key, metric, values_ FROM scores")
        }
    except sqlite3.OperationalError:
        return {}
    finally:
        connection.close()


def start(out: Path) -> "subprocess.Popen[str]":
    resume = ("--resume",) if (out / "journal.sqlite").exists() else ()
    return subprocess.Popen(command(out, *resume), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_scores(process: "subprocess.Popen[str]", out: Path, more_than: int) -> None:
    while process.poll() is None and len(scored(out)) <= more_than:
        time.sleep(0.02)


@pytest.mark.slow
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    whole = subprocess.run(command(tmp_path / "whole"), capture_output=True, text=True, check=True).stdout
    moments = random.Random(0)  # noqa: S311 - moments, not secrets
    out = tmp_path / "killed"
    before: dict[tuple[str, str], bytes] = {}
    kills = 0
    while kills < KILLS:
        process = start(out)
        if kills % 2:  # at any moment: importing, measuring features, replaying, scoring
            time.sleep(moments.uniform(0, 3))
        else:  # while new scores come in
            wait_for_scores(process, out, len(before))
            time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            break  # the run was done before the kill; killing it again would only replay it
        kills += 1
        after = scored(out)
        assert before.items() <= after.items(), "a score was lost or changed"
        before = after
    assert kills >= 10, "the runs ended too early to be killed"
    final = subprocess.run(command(out, "--resume"), capture_output=True, text=True, check=True)
    assert final.stdout == whole
    assert scored(out) == scored(tmp_path / "whole")


@pytest.mark.slow
def test_an_interrupt_prints_the_best_so_far_and_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "a run"
    long = [argument for argument in command(out) if argument != "--quiet"]
    arguments = ["size=9" if argument == "size=6" else argument for argument in long]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for_scores(process, out, 60)
    os.kill(process.pid, signal.SIGINT)
    answer, messages = process.communicate(timeout=120)
    assert process.returncode == 130, messages
    assert re.fullmatch(r"; cut: interrupted after \d+ s, .*\n\(\(\S+ \d+\) \(define-fun w .*\)\)\n", answer)
    pasted = re.search(r"^resume: sycam-sygus (.*)$", messages, re.MULTILINE)
    assert pasted is not None, messages
    words = shlex.split(pasted[1])
    assert (words[0], words[-1]) == ("channel_weights", "--resume")
    given = arguments[4:]
    assert set(zip(words[1:-1:2], words[2:-1:2], strict=True)) == set(zip(given[::2], given[1::2], strict=True))
    assert "Traceback" not in messages
    assert json.loads((out / "solution.json").read_text())["ending"].startswith("interrupted; auto: ")
