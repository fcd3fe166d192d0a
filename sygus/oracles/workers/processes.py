"""Processes of this machine as workers: spawned, asked over pipes; what they share is mapped from files."""

from __future__ import annotations

import multiprocessing
import pickle  # between processes of one program
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from safetensors import SafetensorError
from safetensors.numpy import save_file
from torch import Tensor

from sygus.oracles.workers.process import serve
from sygus.oracles.workers.transport import LOST_MEMORY, Channel, LostError, Message, NoRoomError, Transport, Words
from sygus.writing import refusal


class Processes(Transport):
    """So many processes.

    Args:
        count: how many.
    """

    words = Words(
        option="--workers",
        one="a process",
        many="processes",
        unready="in a program of your own, begin below: if __name__ == '__main__'; or are there too many?",
        room="let TMPDIR name a folder that has room for the pictures",
    )

    def __init__(self, count: int) -> None:
        self._count = count
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files = 0

    @property
    def count(self) -> int:
        """See :class:`Transport`."""
        return self._count

    def __enter__(self) -> Self:
        """See :class:`Transport`."""
        return self

    def __exit__(self, *_: object) -> None:
        """See :class:`Transport`."""
        self.forget()

    def share(self, tensors: Mapping[str, Tensor]) -> str:
        """A file of them, in a folder of the owner's alone."""
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="sycam-sygus-")
            path = Path(self._folder.name) / f"shared-{self._files}.safetensors"
            self._files += 1
            save_file({name: tensor.numpy() for name, tensor in tensors.items()}, path)
        except (OSError, SafetensorError) as error:
            raise NoRoomError(refusal(error, "")[0] if isinstance(error, OSError) else str(error)) from None
        return str(path)

    def forget(self) -> None:
        """See :class:`Transport`."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def start(self) -> Process:
        """See :class:`Transport`."""
        assert self._folder is not None
        context = multiprocessing.get_context("spawn")
        mine, its = context.Pipe()
        process = context.Process(target=serve, args=(its, self._folder.name), daemon=True)
        with unheard():
            process.start()
        its.close()
        return Process(process, mine)

    def wait(self, channels: Sequence[Channel]) -> Sequence[Channel]:
        """See :class:`Transport`."""
        mine = {one.connection: one for one in channels if isinstance(one, Process)}
        return [mine[connection] for connection in wait(list(mine)) if isinstance(connection, Connection)]


class Process(Channel):
    """The way to a process.

    Args:
        process: it.
        connection: the pipe to it.
    """

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self.process = process
        self.connection = connection

    def say(self, message: Message) -> None:
        """See :class:`Channel`."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))

    def hear(self) -> Message:
        """See :class:`Channel`."""
        try:
            message: Message = pickle.loads(self.connection.recv_bytes())  # noqa: S301 - the program's own
        except (EOFError, OSError):
            raise LostError from None
        return message

    def close(self) -> None:
        """See :class:`Channel`."""
        self.connection.close()

    def kill(self) -> None:
        """See :class:`Channel`."""
        self.process.kill()

    def end(self, *, waits: bool) -> str:
        """See :class:`Channel`."""
        self.connection.close()
        self.process.join(_LAST_BREATH if waits else _SHORT)
        self.process.kill()
        self.process.join()
        status = self.process.exitcode
        self.process.close()
        if status == LOST_MEMORY:
            return "out of memory"
        return f"exit status {status}" if status is None or status >= 0 else f"signal {-status}"


_LAST_BREATH, _SHORT = 5.0, 0.2
"""Seconds that a process has to end by itself, so that what it holds is let go: one that waits, and one at work."""


@contextmanager
def unheard() -> Iterator[None]:
    """What is started meanwhile never hears of the signals that the terminal sends to a whole group of processes."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
