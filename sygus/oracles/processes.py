"""Executables that nobody trusts: they are given a time, what they print has a limit, and nothing of them is left."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess  # started by name with a list of arguments, never through a shell
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import field
from enum import Enum
from io import FileIO
from pathlib import Path

from sygus.bounds import memory_outside
from sygus.oracles import guard
from sygus.records import record

_GUARD = Path(guard.__file__)

MOST_COMPLAINTS = 2000
"""Bytes of what is printed on stderr, the last ones, that are kept."""

_CHUNK = 1 << 16


class Ending(Enum):
    """How asking an executable ended."""

    ANSWERED = "it ended, and what it printed is complete"
    LATE = "its time was over"
    TALKATIVE = "it printed more than is read"
    NOT_STARTED = "it cannot be started"
    UNGUARDED = "it ended the process that watches over it"


@record
class Outcome:
    """What an executable did.

    Attributes:
        ending: how it ended.
        printed: on stdout.
        complaints: the end of what it printed on stderr.
        status: with which it ended; negative where a signal ended it; None where it did not end by itself.
        reason: of the system, where it cannot be started.
        left: processes of it that cannot be ended.
        watched: whether what it started in sessions of its own was ended too.
    """

    ending: Ending = Ending.LATE
    printed: bytes = b""
    complaints: bytes = b""
    status: int | None = None
    reason: str = ""
    left: tuple[int, ...] = ()
    watched: bool = field(default_factory=guard.adopts_orphans)


def run(command: Sequence[str], *, seconds: float, most: int) -> Outcome:
    """Start an executable without a shell and read what it prints; it and all that it started is ended afterwards.

    It is in time where it has ended, and has closed its output, before the time is over.

    Args:
        command: the path of the executable, and its arguments.
        seconds: what it may take.
        most: bytes of output that are read.

    Raises:
        OSError: the arguments are too long for the system.
    """
    asked = _Asked(time.monotonic() + seconds, most)
    with asked.started(command):
        asked.listen()
    return asked.outcome


class _Asked:
    """One executable that runs behind its guard."""

    def __init__(self, deadline: float, most: int) -> None:
        self.deadline = deadline
        self.most = most
        self.outcome = Outcome()
        self._printed = bytearray()
        self._complaints = bytearray()
        self._lines = bytearray()
        self._process: int | None = None
        self._status, self._stdout, self._stderr = _Pipe(), _Pipe(), _Pipe()

    @contextlib.contextmanager
    def started(self, command: Sequence[str]) -> Iterator[None]:
        """The executable runs meanwhile; whatever happens, nothing of it does afterwards."""
        control = _Pipe()
        given = (control.read, self._status.write, self._stdout.write, self._stderr.write)
        try:
            fds = [stream.fileno() for stream in given]
            words = [sys.executable, "-I", "-S", str(_GUARD), *map(str, (*fds[:2], memory_outside())), *command]
            watching = subprocess.Popen(  # noqa: S603 - the user allowed it, and there is no shell
                words,
                stdin=subprocess.DEVNULL,
                stdout=self._stdout.write,
                stderr=self._stderr.write,
                pass_fds=fds[:2],
                start_new_session=True,
            )
            try:
                for stream in given:
                    stream.close()
                yield
            finally:
                control.write.close()  # now everything is ended
                self._end(watching)
                self.outcome.printed, self.outcome.complaints = bytes(self._printed), bytes(self._complaints)
        finally:
            for pipe in (control, self._status, self._stdout, self._stderr):
                pipe.close()

    def listen(self) -> None:
        """Read until the executable has ended and closed its output, or until the time is over."""
        with selectors.DefaultSelector() as selector:
            for pipe in (self._status, self._stdout, self._stderr):
                selector.register(pipe.read, selectors.EVENT_READ, pipe)
            closed: set[_Pipe] = set()
            while not (self._stdout in closed and self.outcome.status is not None):
                left = self.deadline - time.monotonic()
                if left <= 0 or self.outcome.reason:
                    return
                for key, _ in selector.select(left):
                    if not self._take(key.data):
                        closed.add(key.data)
                        selector.unregister(key.fileobj)
                if len(self._printed) > self.most:
                    self.outcome.ending = Ending.TALKATIVE
                    return
                if self._status in closed and self.outcome.status is None:
                    self.outcome.ending = Ending.UNGUARDED
                    return
            if not self.outcome.reason:  # what could not be started may have been heard to end in the same breath
                self.outcome.ending = Ending.ANSWERED

    def _take(self, pipe: _Pipe) -> bool:
        """Read what there is in a pipe; whether more may come."""
        data = pipe.read.read(_CHUNK)
        if data is None:
            return True
        if pipe is self._stdout:
            self._printed += data
        elif pipe is self._stderr:
            self._complaints = (self._complaints + data)[-MOST_COMPLAINTS:]
        else:
            self._lines += data
            *lines, self._lines = self._lines.split(b"\n")
            for line in lines:
                self._hear(line.decode())
        return bool(data)

    def _hear(self, line: str) -> None:
        """Take in what the guard says."""
        word, *numbers = line.split()
        if word == "started":
            self._process = int(numbers[0])
        elif word == "failed":
            self.outcome.ending, self.outcome.reason = Ending.NOT_STARTED, os.strerror(int(numbers[0]))
        elif word == "ended" and self.outcome.status is None:
            self.outcome.status = int(numbers[0])
        elif word == "left":
            self.outcome.left = tuple(map(int, numbers))

    def _end(self, watching: subprocess.Popen[bytes]) -> None:
        """Wait for the guard to have ended everything; where it is gone, end the process group at least."""
        by_itself = self.outcome.status
        deadline = time.monotonic() + guard.PATIENCE + 1.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._status.read, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                if selector.select(left) and not self._take(self._status):
                    break
        self.outcome.status = by_itself
        with contextlib.suppress(subprocess.TimeoutExpired):
            watching.wait(max(0.0, deadline - time.monotonic()))
        if watching.returncode != 0:
            watching.kill()
            watching.wait()
            self.outcome.watched = False
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process, signal.SIGKILL)
        self._take(self._stderr)


class _Pipe:
    """A pipe; reading does not wait."""

    def __init__(self) -> None:
        read, write = os.pipe()
        os.set_blocking(read, False)
        self.read, self.write = FileIO(read, "rb"), FileIO(write, "wb")

    def close(self) -> None:
        """Close both ends, where they are not."""
        self.read.close()
        self.write.close()
