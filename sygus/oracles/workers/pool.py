"""The driver's side: starts processes, hands units out, and puts the scores in order."""

from __future__ import annotations

import multiprocessing
import pickle  # between processes of one program
import signal
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from sygus.errors import OptionError, SycamError
from sygus.oracles.cam import CamOracle
from sygus.oracles.executor import Executor, InProcess, Judge, Scores, Unit
from sygus.oracles.workers.process import LOST_MEMORY, serve
from sygus.oracles.workers.sent import packed, write, write_reference
from sygus.writing import refusal

MOST = 1024
"""Processes that are started."""

TRIES = 2
"""So often a candidate is scored in vain, each time by another process, before it counts as failed."""

_PATIENCE = 6
"""Beside two for each: so many processes may be lost one after the other before anything is scored."""


class Workers(Executor):
    """Scores units in processes of one thread each. While it is entered this process computes with one thread too.

    So a result does not depend on how many there are, and is that of a process of one thread. Who enters it, tells it
    by :meth:`serve` what will be scored; the processes start at once, and the pictures are written for them once.

    A unit whose process ends is tried again by another process, each of its candidates by itself; a candidate whose
    process ends twice is given NaN.

    Args:
        count: how many processes.
        device: where the networks compute.

    Raises:
        OptionError: too many processes, or they would share a device.
    """

    def __init__(self, count: int, device: torch.device) -> None:
        if not 1 <= count <= MOST:
            raise OptionError(f"--workers: {count} processes are not started", f"give a whole number from 1 to {MOST}")
        if device.type != "cpu":
            message = f"--workers: they compute on the CPU, and the device is '{device.type}'"
            raise OptionError(message, "add --device cpu, or leave --workers out")
        self.count = count
        self.lost = 0
        """Processes that ended while they scored."""
        self._threads = torch.get_num_threads()
        self._oracles: dict[str, CamOracle] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._workers: list[_Worker] = []
        self._references: dict[tuple[str, str], str] = {}
        self._tickets = 0
        self._in_vain = 0
        self._begun = False

    def __enter__(self) -> Self:
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        torch.set_num_threads(self._threads)

    def serve(self, oracles: Iterable[CamOracle]) -> None:
        """Score what these oracles are asked, in place of what was served before.

        Raises:
            OptionError: a network cannot be sent to other processes, or there is no room for what they need.
        """
        self.close()
        self._oracles = {oracle.fingerprint: oracle for oracle in oracles}
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="sycam-sygus-")
            write(self._oracles, Path(self._folder.name))
        except (OSError, SafetensorError) as error:
            reason = refusal(error, "")[0] if isinstance(error, OSError) else str(error)
            message = f"--workers: what the processes need cannot be written for them ({reason})"
            remedy = "let TMPDIR name a folder that has room for the pictures, or leave --workers out"
            raise OptionError(message, remedy) from None
        for oracle in self._oracles.values():
            oracle.executor = self
        self._fill()

    def close(self) -> None:
        """End the processes, and remove what was written for them; what they served is scored here from now on."""
        for oracle in self._oracles.values():
            oracle.executor = InProcess()
        self._oracles = {}
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.end()
        self._workers = []
        self._references = {}
        self._begun = False
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def elsewhere(self) -> bool:
        """See :class:`Executor`."""
        return True

    @property
    def stated(self) -> Mapping[str, int]:
        """See :class:`Executor`."""
        return {"workers": self.count}

    def rows(self, size: int) -> int:
        """One pass: the smallest unit, so that many processes have work."""
        return size

    def map(self, units: Sequence[Unit], judge: Judge) -> Iterable[Scores]:
        """See :class:`Executor`. What is of no subject that is served, or explains again by no term, is scored here."""
        found: list[Scores | None] = [None] * len(units)
        sent = [place for place, unit in enumerate(units) if self._takes(unit)]
        with self._whole():
            tasks = deque(_Task(place, units[place]) for place in sent)
            self._work(tasks, found)
        for place, unit in enumerate(units):
            yield judge(unit) if found[place] is None else found[place]  # type: ignore[misc]

    def _takes(self, unit: Unit) -> bool:
        explains = any("explain" in metric.needs for metric in unit.metrics)
        return unit.subject in self._oracles and not (explains and unit.term is None)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """After an interrupt or an error, whoever is at work has heard half a message, or answers what nobody asks."""
        try:
            yield
        except BaseException:
            busy = [one for one in self._workers if one.task is not None]
            for worker in busy:
                worker.process.kill()
            for worker in busy:
                self._drop(worker)
            raise

    def _work(self, tasks: deque[_Task], found: list[Scores | None]) -> None:
        """Have all tasks done; of several errors that of the first unit is raised."""
        errors: dict[int, Exception] = {}
        while tasks or any(worker.task is not None for worker in self._workers):
            first = min(errors, default=len(found))
            tasks = deque(task for task in tasks if task.place < first)
            self._fill()
            for worker in self._workers:
                if worker.ready and worker.task is None and tasks:
                    self._hand_out(worker, tasks)
            if not any(worker.task is not None and worker.task.place < first for worker in self._workers) and not tasks:
                break
            for connection in wait([worker.connection for worker in self._workers]):
                worker = next(one for one in self._workers if one.connection is connection)
                try:
                    message = worker.hear()
                except (EOFError, OSError):
                    self._lose(worker, tasks, found)
                    continue
                self._take(worker, message, found, errors)
        if errors:
            raise errors[min(errors)]

    def _hand_out(self, worker: _Worker, tasks: deque[_Task]) -> None:
        task = tasks.popleft()
        self._tickets += 1
        worker.task, worker.ticket = task, self._tickets
        sent = packed(task.unit)
        # One that is gone is heard to be gone.
        with suppress(BrokenPipeError, ConnectionResetError):
            for name in dict.fromkeys(name for metric in task.unit.metrics for name in metric.references):
                if (task.unit.subject, name) not in worker.references:
                    worker.references.add((task.unit.subject, name))
                    worker.say(("reference", task.unit.subject, name, self._reference(task.unit.subject, name)))
            worker.say(("unit", self._tickets, sent))

    def _take(
        self, worker: _Worker, message: tuple[Any, ...], found: list[Scores | None], errors: dict[int, Exception]
    ) -> None:
        """Take in what a process says."""
        what, *said = message
        if what == "ready":
            worker.ready = self._begun = True
            return
        if what == "unfit":
            raise OptionError(*said)
        task, ticket = worker.task, said[0]
        assert task is not None
        assert ticket == worker.ticket
        worker.task = None
        if what == "scores":
            self._in_vain = 0
            task.note(found, said[1])
        elif what == "error":
            _, is_option, text, hint = said
            errors[task.place] = (OptionError if is_option else SycamError)(text, hint)
        else:
            errors[task.place] = RuntimeError(f"scoring fails in another process:\n{said[1]}")

    def _lose(self, worker: _Worker, tasks: deque[_Task], found: list[Scores | None]) -> None:
        """A process has ended: what it scored is tried again, or has failed."""
        task = worker.task
        how = self._drop(worker)
        if not self._begun:
            hint = "in a program of your own, begin below: if __name__ == '__main__'; or are there too many?"
            raise SycamError(f"--workers: a process ended before it was ready ({how})", hint)
        self.lost += 1
        self._in_vain += 1
        if self._in_vain > 2 * self.count + _PATIENCE:
            hint = "see whether the memory suffices, use fewer, or leave --workers out"
            raise SycamError(f"--workers: {self._in_vain} processes ended one after the other ({how})", hint)
        if task is not None:
            tasks.extendleft(reversed(task.again(found)))

    def _drop(self, worker: _Worker) -> str:
        """End a process; how it ended, in words."""
        self._workers.remove(worker)
        return worker.end()

    def _fill(self) -> None:
        """Start as many processes as are lacking."""
        assert self._folder is not None
        while len(self._workers) < self.count:
            self._workers.append(_Worker.started(self._folder.name))

    def _reference(self, subject: str, name: str) -> str:
        """The file with the maps of a reference."""
        if (subject, name) not in self._references:
            assert self._folder is not None
            path = Path(self._folder.name) / f"reference-{len(self._references)}.safetensors"
            write_reference(self._oracles[subject].reference(name).saliency, path)
            self._references[subject, name] = str(path)
        return self._references[subject, name]


@dataclass(frozen=True, eq=False)
class _Task:
    """A unit to be scored, or one candidate of it.

    Attributes:
        place: of the unit among those that are mapped.
        unit: what is sent.
        mine: (n,) the rows whose scores are wanted; None for all.
        tries: how often it was scored in vain.
    """

    place: int
    unit: Unit
    mine: NDArray[np.bool_] | None = None
    tries: int = 0

    def note(self, found: list[Scores | None], scores: Scores) -> None:
        """Enter the scores."""
        before = found[self.place]
        found[self.place] = scores if self.mine is None or before is None else np.where(self.mine, scores, before)

    def again(self, found: list[Scores | None]) -> list[_Task]:
        """What is to be tried once more; what is not, has NaN."""
        tries = self.tries + 1
        if self.mine is not None:
            return [_Task(self.place, self.unit, self.mine, tries)] if tries < TRIES else []
        unit = self.unit
        found[self.place] = np.full((len(unit.metrics), len(unit.owners)), np.nan, np.float32)
        return [_Task(self.place, unit.only(one), unit.owners == one, tries) for one in unit.candidates]


@dataclass(eq=False)
class _Worker:
    """A process, as the driver sees it.

    Attributes:
        process, connection: it, and the way to it.
        ready: whether it has all it needs.
        task: what it scores; None where it waits.
        ticket: of the last task.
        references: what it has been sent to compare with.
    """

    process: BaseProcess
    connection: Connection
    ready: bool = False
    task: _Task | None = None
    ticket: int = 0
    references: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def started(cls, folder: str) -> _Worker:
        """A new process."""
        context = multiprocessing.get_context("spawn")
        mine, its = context.Pipe()
        process = context.Process(target=serve, args=(its, folder), daemon=True)
        with _unheard():
            process.start()
        its.close()
        return cls(process, mine)

    def say(self, message: tuple[Any, ...]) -> None:
        """Send a message."""
        self.connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))

    def hear(self) -> tuple[Any, ...]:
        """Receive one."""
        message: tuple[Any, ...] = pickle.loads(self.connection.recv_bytes())  # noqa: S301 - the program's own
        return message

    def end(self) -> str:
        """End it; how it ended, in words."""
        self.connection.close()
        self.process.join(_LAST_BREATH if self.task is None and self.ready else _SHORT)
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
def _unheard() -> Iterator[None]:
    """What is started meanwhile never hears of the signals that the terminal sends to a whole group of processes."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
