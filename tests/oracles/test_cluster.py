"""Actors of a Ray cluster that score: the same numbers as here, whoever ends; and errors that say what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from solvers.cam.subjects import Subjects, load_subjects
from spread_runs import descendants, living, until
from spread_units import CPU, FEW, copy_of, hard, harmless, maps_of
from sygus.errors import OptionError, SycamError
from sygus.oracles.cam import CamOracle
from sygus.oracles.workers import Workers, cluster, driver, workers_of
from sygus.saliency.metrics import find_metric

pytestmark = pytest.mark.usefixtures("hard_metrics")
needs_ray = pytest.mark.usefixtures("one_cluster")


@pytest.fixture(scope="module")
def subjects() -> Iterator[Subjects]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # fingerprints hold it
    yield load_subjects(FEW, choosing=True)
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def others(one_cluster: None) -> set[int]:  # noqa: ARG001 - which asks for Ray comes first
    """The processes that this one has started before, for other tests."""
    return set(descendants(os.getpid()))


@pytest.fixture(scope="module")
def actors(
    subjects: Subjects,
    others: set[int],  # noqa: ARG001 - are asked for before
) -> Iterator[tuple[CamOracle, Workers]]:
    """An oracle that asks two actors of a cluster of this process's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", "0" * 64)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        workers = workers_of(2, "local", CPU)
        assert workers is not None
        with workers:
            oracle = copy_of(subjects.search)
            workers.serve([oracle])
            yield oracle, workers


def test_without_ray_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    workers = workers_of(None, "auto", CPU)
    assert workers is not None
    with (
        pytest.raises(OptionError, match=r"^--ray needs Ray, .*; pip install \"sycam-sygus\[distributed\]\"$"),
        workers,
    ):
        pass
    assert "ray" not in sys.modules or sys.modules["ray"] is None


def test_actors_share_no_device() -> None:
    with pytest.raises(OptionError, match=r"^--ray: they compute on the CPU, and the device is 'cuda'; add --device"):
        workers_of(2, "auto", torch.device("cuda"))


@pytest.mark.parametrize(
    "address", ["", "head", "head:", ":6379", "head:port", "ray://head:10001", "head:70000", "a/b:1"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(OptionError, match=r"^--ray: '.*' is no address of a cluster; write --ray HOST:PORT .*local"):
        cluster.check_reachable(address)


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(
            OptionError, match=rf"^--ray: the cluster '{address}' cannot be reached \(.*refused\); write"
        ):
            cluster.check_reachable(address)


@pytest.mark.slow
@needs_ray
def test_a_port_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECTED", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OptionError, match=r"cannot be reached \(it lets nobody in within 3 seconds\); write"):
            cluster.check_reachable(address)


def test_a_token_that_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "no: Traceback (most recent call last):\n  File x, line 1\nAuthenticationError: the token is another\n"

    def refused(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, 1, said, "")

    monkeypatch.setattr(subprocess, "run", refused)
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        expected = (
            rf"^--ray: the cluster '{address}' cannot be reached \(AuthenticationError: .* another\); .* RAY_AUTH_MODE"
        )
        with pytest.raises(OptionError, match=expected):
            cluster.check_reachable(address)


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("name", ["average-drop", "iou", "win", "max-sensitivity(draws=2)", "adcc"])
def test_scores_are_those_of_this_process(name: str, subjects: Subjects, actors: tuple[CamOracle, Workers]) -> None:
    metric, index = find_metric(name), torch.arange(39, -1, -1)[3:]
    here, oracle = copy_of(subjects.search), actors[0]
    found = oracle.score(maps_of(oracle), metric, index)
    np.testing.assert_array_equal(found, here.score(maps_of(here), metric, index))
    assert found.shape == (4, 37)


@pytest.mark.slow
@needs_ray
def test_actors_that_are_killed_while_they_wait_change_nothing(
    subjects: Subjects, actors: tuple[CamOracle, Workers]
) -> None:
    oracle, workers = actors
    metric, index, here = find_metric("average-drop"), torch.arange(40), copy_of(subjects.search)
    expected = here.score(maps_of(here), metric, index)
    np.testing.assert_array_equal(oracle.score(maps_of(oracle), metric, index), expected)
    before = [worker.channel for worker in workers._workers]
    for channel in before:
        channel.kill()
    np.testing.assert_array_equal(oracle.score(maps_of(oracle), metric, index), expected)
    assert oracle.failed == {}
    assert not set(before) & {worker.channel for worker in workers._workers}


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("name", ["deadly", "hungry"])
def test_a_candidate_that_ends_its_actor_every_time_has_failed_alone(
    name: str, subjects: Subjects, actors: tuple[CamOracle, Workers], hard_metrics: Any
) -> None:
    oracle, workers = actors
    expected, (heat, place), before = harmless(subjects, hard_metrics)[:, :16], hard(oracle), workers.lost
    found = oracle.attempt(heat, find_metric(name), torch.arange(16))
    assert np.isnan(found[place]).any()
    np.testing.assert_array_equal(np.delete(found, place, 0), np.delete(expected, place, 0))
    assert set(oracle.failed) == {heat[place].key}
    assert workers.lost > before
    with pytest.raises(SycamError, match="cannot be scored: it ended the process that scored it, twice"):
        oracle.score(heat, find_metric(name), torch.arange(16))
    oracle.failed.clear()


@pytest.mark.slow
@needs_ray
def test_what_fails_there_fails_here(subjects: Subjects, actors: tuple[CamOracle, Workers]) -> None:
    heat, _ = hard(actors[0])
    messages = []
    for one in (copy_of(subjects.search), actors[0]):
        with pytest.raises(SycamError) as error:
            one.score(heat, find_metric("failing"), torch.arange(16))
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "too bright" in messages[0]


@pytest.mark.slow
@needs_ray
def test_actors_that_all_end_end_the_search(
    capfd: pytest.CaptureFixture[str], actors: tuple[CamOracle, Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "_PATIENCE", 0)
    oracle, _ = actors
    heat, place = hard(oracle)
    with pytest.raises(SycamError, match=r"^--ray: \d+ actors ended one after the other \(out of memory\); see "):
        oracle.attempt([heat[place]] * 12, find_metric("hungry"), torch.arange(16))
    oracle.failed.clear()
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@needs_ray
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes under /proc")
def test_nothing_is_left_of_the_cluster(actors: tuple[CamOracle, Workers], others: set[int]) -> None:
    oracle, workers = actors
    oracle.score(maps_of(oracle), find_metric("coverage"), torch.arange(16))
    folder = Path(workers.transport._folder.name)
    started = [number for number in descendants(os.getpid()) if number not in others]
    assert folder.stat().st_mode & 0o077 == 0
    assert len(started) > 3
    workers.__exit__(None, None, None)
    assert not folder.exists()
    until(lambda: not living(started))
