"""Processes that score: the same numbers as here, whoever of them ends; and errors that say what to do."""

from __future__ import annotations

import errno
import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from hard_networks import Moody
from solvers.cam.subjects import Subjects, load_subjects
from spread_units import CPU, FEW, copy_of, hard, harmless, maps_of
from sygus.errors import OptionError, SycamError
from sygus.oracles.cam import CamOracle
from sygus.oracles.workers import Workers, processes, workers_of
from sygus.oracles.workers.processes import Processes
from sygus.saliency.images import Preprocessing
from sygus.saliency.metrics import Metric, find_metric, known_metrics, subject_of
from sygus.saliency.metrics.metric import given_metric
from sygus.saliency.networks import Classifier, make_network

pytestmark = pytest.mark.usefixtures("hard_metrics")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def subjects(one_thread: None) -> Subjects:  # noqa: ARG001 - fingerprints hold the number of threads
    return load_subjects(FEW, choosing=True)


@pytest.fixture(scope="module")
def spread(subjects: Subjects) -> Iterator[tuple[CamOracle, Workers]]:
    """An oracle that asks two processes."""
    with Workers(Processes(2), CPU) as workers:
        oracle = copy_of(subjects.search)
        workers.serve([oracle])
        yield oracle, workers


def ids(workers: Workers) -> list[int]:
    return [worker.channel.process.pid for worker in workers._workers]


@pytest.mark.parametrize("name", ["deletion(steps=7)", "win(against=gradcam++)", "mine", "brightness"])
def test_metrics_are_sent_by_name_or_by_function(name: str, hard_metrics: Any) -> None:
    if name == "brightness":
        metric = given_metric(hard_metrics.brightness, "max")
    elif name == "mine":
        metric = find_metric("deadly")
    else:
        metric = find_metric(name)
    copied = pickle.loads(pickle.dumps(metric))  # noqa: S301 - our own
    assert isinstance(copied, Metric)
    assert (copied.name, copied.direction, copied.chosen) == (metric.name, metric.direction, metric.chosen)
    assert name == "mine" or copied.code == metric.code  # that one reads the environment, so its code is never told


def test_every_metric_can_be_sent() -> None:
    for metric in known_metrics().values():
        assert pickle.loads(pickle.dumps(metric)).function is metric.function  # noqa: S301 - our own


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_a_number_of_processes_that_is_none(count: int) -> None:
    with pytest.raises(OptionError, match=rf"^--workers: {count} processes are not started; give .* from 1 to 1024$"):
        workers_of(count, None, CPU)


def test_processes_share_no_device() -> None:
    with pytest.raises(OptionError, match=r"^--workers: they compute on the CPU, and the device is 'cuda'; add --dev"):
        workers_of(2, None, torch.device("cuda"))


def explained_by(model: torch.nn.Module, name: str, subjects: Subjects) -> CamOracle:
    network = make_network(Classifier(model.eval(), Preprocessing.square(64)), name, CPU)
    return CamOracle(subject_of(network, subjects.search.subject.images))


def test_a_network_that_cannot_be_sent_is_told_before_anything_is_started(subjects: Subjects) -> None:
    class Local(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = torch.nn.Conv2d(3, 4, 3)
            self.head = torch.nn.Linear(4, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.convolution(x).relu().mean((-2, -1)))

    oracle = explained_by(Local(), "local", subjects)
    with Workers(Processes(1), CPU) as workers:
        with pytest.raises(OptionError, match=r"^--workers: 'local' cannot be sent to other .*Local.*; define "):
            workers.serve([oracle])
        assert workers._workers == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "average-drop",
        "deletion(steps=5)",
        "iou",
        "win",
        "road",
        "max-sensitivity(draws=2)",
        "adcc",
        "pxap",
        "class-agreement",
    ],
)
def test_scores_are_those_of_this_process(name: str, subjects: Subjects, spread: tuple[CamOracle, Workers]) -> None:
    metric, index = find_metric(name), torch.arange(39, -1, -1)[3:]
    here, oracle = copy_of(subjects.search), spread[0]
    found = oracle.score(maps_of(oracle), metric, index)
    np.testing.assert_array_equal(found, here.score(maps_of(here), metric, index))
    assert found.shape == (4, 37)


@pytest.mark.slow
def test_a_network_that_is_another_elsewhere_is_told(subjects: Subjects) -> None:
    oracle = explained_by(Moody(), "moody", subjects)
    with Workers(Processes(1), CPU) as workers:
        workers.serve([oracle])
        with pytest.raises(OptionError, match=r"^--workers: 'moody' gives other outputs in another process; let "):
            oracle.score(maps_of(oracle)[:1], find_metric("average-drop"), torch.arange(4))


@pytest.mark.slow
def test_a_process_that_is_killed_changes_nothing(subjects: Subjects, spread: tuple[CamOracle, Workers]) -> None:
    oracle, workers = spread
    metric, index, here = find_metric("average-drop"), torch.arange(40), copy_of(subjects.search)
    expected = here.score(maps_of(here), metric, index)
    lost = ids(workers)[0]
    os.kill(lost, signal.SIGKILL)
    np.testing.assert_array_equal(oracle.score(maps_of(oracle), metric, index), expected)
    assert oracle.failed == {}
    assert lost not in ids(workers)
    assert len(ids(workers)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deadly", "hungry"])
def test_a_candidate_that_ends_its_process_every_time_has_failed_alone(
    name: str, subjects: Subjects, spread: tuple[CamOracle, Workers], hard_metrics: Any
) -> None:
    oracle, workers = spread
    expected, (heat, place), before = harmless(subjects, hard_metrics), hard(oracle), workers.lost
    found = oracle.attempt(heat, find_metric(name), torch.arange(40))
    assert np.isnan(found[place]).any()
    np.testing.assert_array_equal(np.delete(found, place, 0), np.delete(expected, place, 0))
    assert set(oracle.failed) == {heat[place].key}
    assert workers.lost > before
    with pytest.raises(SycamError, match="cannot be scored: it ended the process that scored it, twice"):
        oracle.score(heat, find_metric(name), torch.arange(40))
    oracle.failed.clear()


@pytest.mark.slow
@pytest.mark.parametrize("strikes", [1, 2])
def test_a_candidate_that_ends_its_process_once_is_scored(
    strikes: int, subjects: Subjects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hard_metrics: Any
) -> None:
    monkeypatch.setenv(hard_metrics.ONCE, f"{tmp_path}:{strikes}")
    oracle = copy_of(subjects.search)
    heat, place = hard(oracle)
    index = torch.arange(16)
    with Workers(Processes(1), CPU) as workers:
        workers.serve([oracle])
        found = oracle.attempt(heat, find_metric("deadly"), index)
        assert workers.lost == strikes
    expected = harmless(subjects, hard_metrics)[:, :16]
    np.testing.assert_array_equal(np.delete(found, place, 0), np.delete(expected, place, 0))
    if strikes == 1:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_what_fails_there_fails_here(subjects: Subjects, spread: tuple[CamOracle, Workers], hard_metrics: Any) -> None:
    oracle, _ = spread
    heat, _ = hard(oracle)
    here = copy_of(subjects.search)
    messages = []
    for one in (here, oracle):
        with pytest.raises(SycamError) as error:
            one.score(heat, find_metric("failing"), torch.arange(40))
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "too bright" in messages[0]
    found = oracle.score(heat[:1], find_metric("failing"), torch.arange(40))
    np.testing.assert_array_equal(found, harmless(subjects, hard_metrics)[:1])


@pytest.mark.slow
def test_processes_that_all_end_end_the_search(subjects: Subjects) -> None:
    oracle = copy_of(subjects.search)
    heat, place = hard(oracle)
    with Workers(Processes(1), CPU) as workers:
        workers.serve([oracle])
        many = [heat[place]] * 12
        with pytest.raises(SycamError, match=r"^--workers: 9 processes ended one after the other \(signal 9\); see "):
            oracle.attempt(many, find_metric("deadly"), torch.arange(40))


@pytest.mark.slow
def test_nothing_is_left_of_them(subjects: Subjects) -> None:
    oracle = copy_of(subjects.search)
    threads = torch.get_num_threads()
    with Workers(Processes(2), CPU) as workers:
        workers.serve([oracle])
        assert workers.transport._folder is not None
        folder, numbers = Path(workers.transport._folder.name), ids(workers)
        assert folder.stat().st_mode & 0o077 == 0
        oracle.score(maps_of(oracle), find_metric("coverage"), torch.arange(40))
    assert not folder.exists()
    assert torch.get_num_threads() == threads
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), SafetensorError("IoError")])
def test_no_room_for_what_is_sent(subjects: Subjects, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(processes, "save_file", full)
    with (
        Workers(Processes(1), CPU) as workers,
        pytest.raises(OptionError, match=r"^--workers: .* cannot be written for them \("),
    ):
        workers.serve([copy_of(subjects.search)])
