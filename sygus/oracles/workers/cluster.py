"""Actors of a Ray cluster as workers; what they share is in the cluster's object store, once on each machine."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any, Self

from torch import Tensor

from sygus.errors import OptionError, SycamError
from sygus.foreign import failure
from sygus.oracles.workers.actor import actor_class
from sygus.oracles.workers.processes import unheard
from sygus.oracles.workers.transport import LOST_MEMORY, Channel, LostError, Message, NoRoomError, Transport, Words

_LONGEST = 16
"""Characters of the temporary folder's path, beside which those of Ray's sockets, which may not be long, have room."""

SAME = ("sycam-sygus", "torch", "numpy", "safetensors")
"""Packages whose versions are those of the driver on every machine; Ray itself sees to its own and Python's."""

FORMS = "write --ray HOST:PORT of its head, --ray auto for that of this machine, or --ray local to start one"
"""What the option takes."""

REACHED, CONNECTED, BEGUN = 10.0, 60.0, 600.0
"""Seconds within which the head's port answers, Ray lets a process in, and the first actor has begun."""

_NO_REPORTS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""What keeps Ray from telling others that it is used."""

_SILENT = {"RAY_DEDUP_LOGS": "1", "RAY_DEDUP_LOGS_SKIP_REGEX": "^"}
"""What keeps Ray from printing, among a command's answer, that workers ended; it is read as Ray is imported."""

_QUIET = {"RAY_BACKEND_LOG_LEVEL": "fatal"}
"""What keeps it from writing the like to standard error; it is read, and that is said, as a cluster is connected to."""


class Cluster(Transport):
    """So many actors of a cluster, each of one processor; connected to while it is entered.

    A program that is connected already stays so.

    Args:
        address: ``auto``, ``local`` or HOST:PORT.
        count: how many actors; None for as many as the cluster has processors.
        most: how many at most.
    """

    words = Words(
        option="--ray",
        one="an actor",
        many="actors",
        unready="see the logs of the cluster, in /tmp/ray/session_latest/logs of its machines",
        room="give the object stores more memory (ray start --object-store-memory)",
    )

    def __init__(self, address: str, count: int | None, most: int) -> None:
        self.address = address
        self._wanted = count
        self._count = count or 0
        self._most = most
        self._ray: Any = None
        self._class: Any = None
        self._own = False
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def count(self) -> int:
        """See :class:`Transport`."""
        return self._count

    def __enter__(self) -> Self:
        """See :class:`Transport`."""
        os.environ.update(_NO_REPORTS)
        self._ray = _imported()
        if self._ray.is_initialized():
            self._check_connected()
        else:
            self._connect()
        processors = int(self._ray.cluster_resources().get("CPU", 0))
        self._count = self._wanted or min(processors, self._most)
        if processors == 0:
            self.__exit__()
            raise OptionError("--ray: the cluster has no processors", "start a machine of it with --num-cpus")
        self._class = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(actor_class())
        return self

    def __exit__(self, *_: object) -> None:
        """See :class:`Transport`."""
        if self._own:
            self._own = False
            with _handlers_kept():
                self._ray.shutdown()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _check_connected(self) -> None:
        """Check that the cluster that this program uses already is the one that is asked for.

        Raises:
            OptionError: it is another one.
        """
        there = self._ray.get_runtime_context().gcs_address
        if self.address not in ("auto", there):
            raise OptionError(
                f"--ray: this program is connected to the cluster at {there}", "give ray='auto' to use it"
            )

    def _connect(self) -> None:
        """Connect to the cluster, or start one.

        Raises:
            OptionError: there is none, or it does not let this process in.
        """
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self.address == "local":
            options |= {"include_dashboard": False, "num_cpus": self._wanted} | self._placed()
        else:
            check_reachable(self.address)
        self._own = True
        try:
            with _handlers_kept(), unheard(), _environment(_QUIET), _muted():
                self._ray.init(address=self.address, **options)
        except SystemExit:  # Ray's handler makes it of a SIGTERM
            self.__exit__()
            signal.raise_signal(signal.SIGTERM)
            raise
        except Exception as error:
            self.__exit__()
            raise _unreachable(self.address, failure(error)) from error

    def _placed(self) -> dict[str, str]:
        """Where a cluster of this program's own keeps what it writes, so that nothing of it is left."""
        place = "/tmp" if len(tempfile.gettempdir()) > _LONGEST else None  # noqa: S108 - the folder is its owner's alone
        self._folder = tempfile.TemporaryDirectory(prefix="sycam-sygus-", dir=place, ignore_cleanup_errors=True)
        return {"_temp_dir": os.path.join(self._folder.name, "ray")}  # which Ray lets everybody read

    def share(self, tensors: Mapping[str, Tensor]) -> Any:
        """A reference to them, as arrays that all actors of a machine read from the same memory."""
        try:
            return self._ray.put({name: tensor.numpy() for name, tensor in tensors.items()})
        except self._ray.exceptions.RayError as error:
            raise NoRoomError(failure(error)) from None

    def forget(self) -> None:
        """The store does, once the driver holds no reference."""

    def start(self) -> Actor:
        """See :class:`Transport`."""
        return Actor(self._ray, self._class.remote())

    def wait(self, channels: Sequence[Channel]) -> Sequence[Channel]:
        """See :class:`Transport`."""
        asked = {one.answer: one for one in channels if isinstance(one, Actor) and one.answer is not None}
        begun = any(one.begun for one in asked.values())
        heard, _ = self._ray.wait(list(asked), num_returns=1, timeout=None if begun else BEGUN)
        if not heard:
            message = f"--ray: no actor has begun within {BEGUN:.0f} seconds"
            raise SycamError(message, "see whether processors of the cluster are free: ray status")
        heard, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=0)
        return [asked[one] for one in heard]


class Actor(Channel):
    """The way to an actor.

    Args:
        ray: the module.
        actor: its handle.
    """

    def __init__(self, ray: Any, actor: Any) -> None:
        self.ray = ray
        self.actor = actor
        self.answer: Any = None
        """What stands for the answer to the last message; None where that was heard."""
        self.begun = False
        self._how = "ended"

    def say(self, message: Message) -> None:
        """See :class:`Channel`."""
        if message[0] == "begin":
            self.answer = self.actor.begin.remote({name: version(name) for name in SAME}, message)
        else:
            self.answer = self.actor.take.remote(message)

    def hear(self) -> Message:
        """See :class:`Channel`."""
        answer, self.answer = self.answer, None
        try:
            message: Message = self.ray.get(answer)
        except self.ray.exceptions.RayError as error:
            self._how = _how(error)
            raise LostError from error
        self.begun = True
        return message

    def close(self) -> None:
        """See :class:`Channel`."""
        self.kill()

    def kill(self) -> None:
        """See :class:`Channel`."""
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(self.actor, no_restart=True)

    def end(self, *, waits: bool) -> str:  # noqa: ARG002 - an actor holds nothing that it must let go
        """See :class:`Channel`."""
        self.kill()
        return self._how


def _imported() -> Any:
    try:
        with _environment(_SILENT):
            return importlib.import_module("ray")
    except ImportError:
        hint = 'pip install "sycam-sygus[distributed]"'
        raise OptionError("--ray needs Ray, which is not installed", hint) from None


def check_reachable(address: str) -> None:
    """Check that Ray lets a process in, in time; by another process, for Ray itself tries for minutes.

    Raises:
        OptionError: it does not.
    """
    host, _, port = address.rpartition(":")
    if address != "auto":
        if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16) or "/" in host:
            raise OptionError(f"--ray: '{address}' is no address of a cluster", FORMS)
        try:
            socket.create_connection((host, int(port)), REACHED).close()
        except OSError as error:
            raise _unreachable(address, error.strerror or str(error)) from None
    words = [sys.executable, "-c", _TRY, address]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=CONNECTED, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise _unreachable(address, f"it lets nobody in within {CONNECTED:.0f} seconds") from None
    if done.returncode:
        raise _unreachable(address, _reason(done.stdout) or f"exit status {done.returncode}")


_TRY = """
import logging, sys

import ray

try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
except Exception as error:
    print(error.__cause__ or error)
    sys.exit(1)
"""
"""A program that connects to a cluster, or prints why it does not."""


def _reason(said: str) -> str:
    """What Ray says of an error, in a line; of a traceback the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = lines[-1] if "Traceback" in said else " ".join(lines)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_SHOWN = 200
"""Characters of it."""


def _unreachable(address: str, reason: str) -> OptionError:
    hint = "if it asks for a token, set RAY_AUTH_MODE=token" if "oken" in reason else FORMS
    what = "a cluster cannot be started" if address == "local" else f"the cluster '{address}' cannot be reached"
    return OptionError(f"--ray: {what} ({reason})", hint)


def _how(error: Exception) -> str:
    """How an actor ended, in words."""
    text = str(error)
    if f"exit code {LOST_MEMORY}" in text or "OOM" in text or "out of memory" in text:
        return "out of memory"
    if "node has died" in text:
        return "its machine is gone"
    cause = getattr(error, "cause", None)
    return failure(cause if isinstance(cause, Exception) else error)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment have these values meanwhile."""
    before = {name: os.environ[name] for name in variables if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _muted() -> Iterator[None]:
    """What is written to standard error meanwhile, by libraries below Python too, goes nowhere."""
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; who hears signals here goes on to hear them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
