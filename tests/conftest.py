"""Shared by all tests: none of them reads or fills the user's cache; one small run serves all that show results."""

import importlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: each core has a process of its own
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background; what the tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings

settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")  # the same examples each time, however long a busy machine takes for them


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYCAM_SYGUS_CACHE", "")


@pytest.fixture
def pythons_own_interrupt() -> Iterator[None]:
    """Interrupts raise, also in a process that was started to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of few pictures; to be read, not written."""
    from sygus.app.cli import main

    folder = tmp_path_factory.mktemp("finished") / "run"
    few = ("--budget", "size=5", "--search-images", "24", "--held-out-images", "16", "--device", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYCAM_SYGUS_CACHE", "")
        result = CliRunner().invoke(main, ["channel_weights", *few, "--out", str(folder), "--quiet"])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in one process of one thread, beside which those of several are held; to be read."""
    from spread_runs import BUDGET, solved

    out = tmp_path_factory.mktemp("plain") / "run"
    assert solved("gradcam", out, *BUDGET).returncode == 0
    return out


@pytest.fixture(scope="module")
def hard_metrics() -> Iterator[Any]:
    """The module of metrics that end a process; other tests, which ask all metrics there are, must not meet them."""
    from sygus.saliency.metrics.metric import METRICS

    before = set(METRICS)
    yield importlib.import_module("hard_metrics")
    del sys.modules["hard_metrics"]
    for name in set(METRICS) - before:
        del METRICS[name]


@pytest.fixture(scope="module")
def one_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray, where a cluster can be started here; the tests of one file at a time, since each takes all cores."""
    if find_spec("ray") is None:  # the program says how it is imported
        pytest.skip("the extra distributed is not installed")
    fcntl = pytest.importorskip("fcntl", reason="files cannot be locked here")
    from ray_nodes import why_none

    with (tmp_path_factory.getbasetemp().parent / "cluster.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if reason := why_none():
            pytest.skip(f"Ray starts no cluster here: {reason}")
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window, where one is installed."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()
