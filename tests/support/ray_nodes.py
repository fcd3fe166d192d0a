"""A Ray cluster whose nodes are on this machine, in a process of its own, which ends them when its input ends.

It is given the processors of each node, prints the address of the head, and obeys lines: ``add VARIABLE=VALUE`` starts
a node of one processor in such an environment, ``lose`` kills the youngest one. It answers each by a line.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MEMORY = 80_000_000
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64, "RAY_USAGE_STATS_ENABLED": "0"}


class Nodes:
    """The cluster, as a test knows it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.address = self._heard()

    def _heard(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("nodes: "):
                return line.split()[1]
        raise AssertionError("the cluster has ended")

    def ask(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self._heard()


@contextlib.contextmanager
def nodes(environment: dict[str, str], *processors: int) -> Iterator[Nodes]:
    """A cluster of so many nodes, of so many processors each."""
    words = [sys.executable, __file__, *map(str, processors)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env={**environment, **TOKEN})
    try:
        yield Nodes(process)
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=60)
        process.kill()
        process.communicate()


@functools.cache
def why_none() -> str:
    """Why no cluster can be started on this machine, as where it may open no sockets; "" where one can."""
    words = [sys.executable, "-c", _TRY]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **TOKEN}, cwd="/")
    try:
        _, said = process.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "it takes longer than three minutes"
    return "" if process.returncode == 0 else (said.strip().splitlines() or [f"exit status {process.returncode}"])[-1]


_TRY = f"""
import ray

ray.init("local", num_cpus=1, object_store_memory={MEMORY}, include_dashboard=False, log_to_driver=False)

@ray.remote
def one():
    return 1

assert ray.get(one.remote()) == 1
ray.shutdown()
"""


def main() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for count in map(int, sys.argv[1:]):
        cluster.add_node(num_cpus=count, object_store_memory=MEMORY, include_dashboard=False)
    say(cluster.address)
    for line in sys.stdin:
        what, *given = line.split()
        if what == "add":
            variables = dict(one.split("=", 1) for one in given)
            cluster.add_node(num_cpus=1, object_store_memory=MEMORY, env_vars=variables)
        else:
            cluster.remove_node(list(cluster.worker_nodes)[-1], allow_graceful=False)
        say("done")
    cluster.shutdown()


def say(what: str) -> None:
    sys.stdout.write(f"nodes: {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    os.chdir("/")
    main()
