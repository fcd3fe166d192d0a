"""Searches whose scores are paid by a Ray cluster: equal to those of one process, whatever is lost meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_nodes import TOKEN, Nodes, nodes
from spread_runs import (
    BUDGET,
    assert_same_run,
    environment,
    results,
    run_words,
    solved,
    told,
    under_way,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_cluster"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes under /proc"),
]


@pytest.fixture(scope="module")
def two() -> Iterator[Nodes]:
    """A cluster of two nodes, of one processor each."""
    with nodes(environment(), 1, 1) as found:
        yield found


def test_there_is_an_actor_for_each_processor_of_a_cluster(plain_run: Path, tmp_path: Path, two: Nodes) -> None:
    out = tmp_path / "run"
    done = solved("gradcam", out, *BUDGET, "--ray", two.address, **TOKEN)
    assert done.returncode == 0, done.stderr
    assert_same_run(out, plain_run, 2)


def test_the_driver_is_killed_and_the_run_is_resumed(plain_run: Path, tmp_path: Path, two: Nodes) -> None:
    out = tmp_path / "run"
    with under_way(out, "--ray", two.address, **TOKEN) as (running, _):
        running.kill()
        running.communicate()
    assert not (out / "solution.json").exists()
    done = solved("gradcam", out, *BUDGET, "--ray", two.address, "--workers", "2", "--resume", **TOKEN)
    assert done.returncode == 0, done.stderr
    assert told(out) == told(plain_run)
    assert (out / "answer.sy").read_text() == (plain_run / "answer.sy").read_text()


def test_tables_and_comparisons_are_those_of_one_process(tmp_path: Path, two: Nodes) -> None:
    pictures = ("--search-images", "12", "--held-out-images", "10", "--device", "cpu")
    table = ("evaluate", "--methods", "gradcam,fakecam", "--metrics", "average-drop,win,pxap", *pictures)
    trials = ("compare", "gradcam", "--strategies", "random", "--seeds", "1", *pictures)
    tables, found = [], []
    for name, options in (("here", ()), ("spread", ("--ray", two.address))):
        done = run_words(*table, "--format", "json", *options, **TOKEN)
        assert done.returncode == 0, done.stderr
        tables.append(done.stdout)
        folder = tmp_path / name
        done = run_words(*trials, "--budget", "size=5,terms=20", "--out", str(folder), *options, **TOKEN)
        assert done.returncode == 0, done.stderr
        found.append(results(folder))
    assert tables[0] == tables[1]
    assert found[0] == found[1]


def test_a_node_that_is_lost_amid_a_run_changes_nothing(plain_run: Path, tmp_path: Path, two: Nodes) -> None:
    out = tmp_path / "run"
    two.ask("add")
    with under_way(out, "--ray", two.address, **TOKEN) as (running, _):
        two.ask("lose")
        _, complaints = running.communicate()
        assert running.returncode == 0, complaints
        assert "core_worker" not in complaints
    assert_same_run(out, plain_run, 3)


def test_other_versions_on_a_node_are_told(tmp_path: Path, two: Nodes) -> None:
    other = tmp_path / "other" / "sycam_sygus-0.0.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: sycam-sygus\nVersion: 0.0.9\n")
    path = os.pathsep.join([str(other.parent), environment()["PYTHONPATH"]])
    two.ask(f"add PYTHONPATH={path}")
    done = solved("gradcam", tmp_path / "run", *BUDGET, "--ray", two.address, **TOKEN)
    assert done.returncode == 2
    (told_of,) = (line for line in done.stderr.splitlines() if line.startswith("error: --ray: on "))
    assert " there is sycam-sygus 0.0.9 (here " in told_of
    assert "install the same versions on all machines, or leave --ray out" in told_of
    assert "Traceback" not in done.stderr
