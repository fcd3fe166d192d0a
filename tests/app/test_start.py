"""Where the program begins: it says how torch's threads wait for one another, unless the user does; and when garbage is
collected.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys

import pytest

from sygus.app.start import FIRST, WAITING, seldom_collected

SHOWN = """
import atexit, json, os, sys
from sygus.app.start import main
atexit.register(lambda: print(json.dumps(dict(os.environ))))
sys.argv = ["sycam-sygus", "--version"]
main()
"""


def begun(**variables: str) -> dict[str, str]:
    """The environment of the program once it has begun."""
    threads = ("OMP", "GOMP", "KMP", "OPENBLAS")
    unsaid = {name: value for name, value in os.environ.items() if name.split("_")[0] not in threads}
    words = [sys.executable, "-c", SHOWN]
    result = subprocess.run(words, env=unsaid | variables, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_threads_sleep_while_they_wait() -> None:
    found = begun()
    assert found["OMP_WAIT_POLICY"] == "passive"
    assert int(found["GOMP_SPINCOUNT"]) <= 1000
    assert int(found["OPENBLAS_THREAD_TIMEOUT"]) <= 20
    assert "OMP_NUM_THREADS" not in found  # how many there are decides the last bits of scores


@pytest.mark.parametrize("said", [*WAITING, "KMP_BLOCKTIME", "KMP_LIBRARY"])
def test_what_the_user_says_stays(said: str) -> None:
    found = begun(**{said: "active"})
    assert {name: found.get(name) for name in (*WAITING, said)} == dict.fromkeys(WAITING) | {said: "active"}


def test_a_library_leaves_the_environment_alone() -> None:
    check = f"import os, sygus, sygus.app.api; print(sorted(os.environ.keys() & {set(WAITING)}))"
    unsaid = {name: value for name, value in os.environ.items() if name not in WAITING}
    result = subprocess.run([sys.executable, "-c", check], env=unsaid, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


class Link:
    """Holds itself, so that it is garbage which counting references does not find."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_is_first_collected_after_many_objects_and_then_as_ever() -> None:
    usual, callbacks = gc.get_threshold(), list(gc.callbacks)
    gc.collect()
    before = gc.get_stats()[0]["collections"]
    try:
        with seldom_collected():
            assert gc.get_threshold()[0] == FIRST
            kept = [Link() for _ in range(FIRST // 4)]  # each with its dictionary
            assert gc.get_stats()[0]["collections"] == before
            kept += [Link() for _ in range(2 * FIRST)]
            assert gc.get_threshold() == usual
            assert gc.get_stats()[0]["collections"] > before + 1
            assert gc.get_freeze_count() > 0
            assert len(kept) == 2 * FIRST + FIRST // 4
        assert gc.callbacks == callbacks
    finally:
        gc.unfreeze()


def test_what_ends_early_leaves_collection_as_it_was() -> None:
    usual, callbacks = gc.get_threshold(), list(gc.callbacks)
    try:
        with pytest.raises(SystemExit), seldom_collected():
            raise SystemExit(3)
        assert (gc.get_threshold(), gc.callbacks) == (usual, callbacks)
    finally:
        gc.unfreeze()
