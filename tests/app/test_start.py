"""Where the program begins: it says how torch's threads wait for one another, unless the user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sygus.app.start import WAITING

SHOWN = """
import atexit, json, os, sys
from sygus.app.start import main
atexit.register(lambda: print(json.dumps(dict(os.environ))))
sys.argv = ["sycam-sygus", "--version"]
main()
"""


def begun(**variables: str) -> dict[str, str]:
    """The environment of the program once it has begun."""
    unsaid = {name: value for name, value in os.environ.items() if name.split("_")[0] not in ("OMP", "GOMP", "KMP")}
    words = [sys.executable, "-c", SHOWN]
    result = subprocess.run(words, env=unsaid | variables, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_threads_sleep_while_they_wait() -> None:
    found = begun()
    assert found["OMP_WAIT_POLICY"] == "passive"
    assert int(found["GOMP_SPINCOUNT"]) <= 1000
    assert "OMP_NUM_THREADS" not in found  # how many there are decides the last bits of scores


@pytest.mark.parametrize("said", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY"])
def test_what_the_user_says_stays(said: str) -> None:
    found = begun(**{said: "active"})
    assert {name: found.get(name) for name in (*WAITING, said)} == dict.fromkeys(WAITING) | {said: "active"}


def test_a_library_leaves_the_environment_alone() -> None:
    check = "import os, sygus, sygus.app.api; print(sorted(os.environ.keys() & {'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'}))"
    unsaid = {name: value for name, value in os.environ.items() if name not in WAITING}
    result = subprocess.run([sys.executable, "-c", check], env=unsaid, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
