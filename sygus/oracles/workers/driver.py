"""The driver's side: has workers started, hands units out, and puts the scores in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from sygus.errors import OptionError, SycamError
from sygus.oracles.cam import CamOracle
from sygus.oracles.executor import Executor, InProcess, Judge, Scores, Unit
from sygus.oracles.workers.sent import UnfitError, packed, packed_subjects
from sygus.oracles.workers.tasks import Task
from sygus.oracles.workers.transport import Channel, LostError, Message, NoRoomError, Transport
from sygus.saliency.networks.repeatable import arithmetic

_PATIENCE = 6
"""Beside two for each: so many workers may be lost one after the other before anything is scored."""


class Workers(Executor):
    """Scores units in workers of one thread each. While it is entered this process computes with one thread too.

    So a result does not depend on how many there are nor on where they are, and is that of a process of one thread.
    Who enters it, tells it by :meth:`serve` what will be scored; the workers start at once, and the pictures are shared
    with them once.

    A unit whose worker ends is tried again by another one, each of its candidates by itself; a candidate whose worker
    ends twice is given NaN. Answers are entered by the ticket of what was asked, so that none counts twice.

    Args:
        transport: where the workers are.
        device: where the networks compute.

    Raises:
        OptionError: they would share a device.
    """

    def __init__(self, transport: Transport, device: torch.device) -> None:
        self.words = transport.words
        if device.type != "cpu":
            message = f"{self.words.option}: they compute on the CPU, and the device is '{device.type}'"
            raise OptionError(message, f"add --device cpu, or leave {self.words.option} out")
        self.transport = transport
        self.lost = 0
        """Workers that ended while they scored."""
        self._device = device
        self._threads = torch.get_num_threads()
        self._oracles: dict[str, CamOracle] = {}
        self._needed: Any = None
        self._workers: list[_Worker] = []
        self._references: dict[tuple[str, str], Any] = {}
        self._tickets = 0
        self._in_vain = 0
        self._begun = False

    def __enter__(self) -> Self:
        self.transport.__enter__()
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:
            self.transport.__exit__(kind, error, trace)
            torch.set_num_threads(self._threads)

    def serve(self, oracles: Iterable[CamOracle]) -> None:
        """Score what these oracles are asked, in place of what was served before.

        Raises:
            OptionError: a network cannot be sent to other processes, or there is no room for what they need.
        """
        self.close()
        self._oracles = {oracle.fingerprint: oracle for oracle in oracles}
        with self._refused():
            self._needed = self._shared(packed_subjects(self._oracles))
        for oracle in self._oracles.values():
            oracle.executor = self
        self._fill()

    def close(self) -> None:
        """End the workers, and remove what was shared with them; what they served is scored here from now on."""
        for oracle in self._oracles.values():
            oracle.executor = InProcess()
        self._oracles = {}
        for worker in self._workers:
            worker.channel.close()
        for worker in self._workers:
            worker.end()
        self._workers = []
        self._needed = None
        self._references = {}
        self._begun = False
        self.transport.forget()

    @property
    def elsewhere(self) -> bool:
        """See :class:`Executor`."""
        return True

    @property
    def stated(self) -> Mapping[str, int]:
        """See :class:`Executor`."""
        return {"workers": self.transport.count}

    def rows(self, size: int) -> int:
        """One pass: the smallest unit, so that many workers have work."""
        return size

    def map(self, units: Sequence[Unit], judge: Judge) -> Iterable[Scores]:
        """See :class:`Executor`. What is of no subject that is served, or explains again by no term, is scored here."""
        found: list[Scores | None] = [None] * len(units)
        sent = [place for place, unit in enumerate(units) if self._takes(unit)]
        with self._whole():
            tasks = deque(Task(place, units[place]) for place in sent)
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
                worker.channel.kill()
            for worker in busy:
                self._drop(worker)
            raise

    def _work(self, tasks: deque[Task], found: list[Scores | None]) -> None:
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
            for channel in self.transport.wait([worker.channel for worker in self._workers]):
                worker = next(one for one in self._workers if one.channel is channel)
                try:
                    message = channel.hear()
                except LostError:
                    message = None
                if message is None:
                    self._lose(worker, tasks, found)
                else:
                    self._take(worker, message, found, errors)
        if errors:
            raise errors[min(errors)]

    def _hand_out(self, worker: _Worker, tasks: deque[Task]) -> None:
        task = tasks.popleft()
        with self._refused():
            sent = packed(task.unit)
        wanted = {(task.unit.subject, name) for metric in task.unit.metrics for name in metric.references}
        references = {key: self._reference(*key) for key in sorted(wanted - worker.references)}
        worker.references |= wanted
        self._tickets += 1
        worker.task, worker.ticket = task, self._tickets
        worker.channel.say(("unit", self._tickets, sent, references))

    def _take(
        self, worker: _Worker, message: Message, found: list[Scores | None], errors: dict[int, Exception]
    ) -> None:
        """Take in what a worker says."""
        what, *said = message
        if what == "ready":
            worker.ready = self._begun = True
            return
        if what == "unfit":
            raise self._refusal(*said)
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

    def _lose(self, worker: _Worker, tasks: deque[Task], found: list[Scores | None]) -> None:
        """A worker has ended: what it scored is tried again, or has failed.

        Those that wait may have gone with it, as all of a machine do. They get nothing more to do before they have said
        that they are there, for a candidate must not fail by workers that never began with it.
        """
        task, words = worker.task, self.words
        how = self._drop(worker)
        if not self._begun:
            raise SycamError(f"{words.option}: {words.one} ended before it was ready ({how})", words.unready)
        self.lost += 1
        self._in_vain += 1
        if self._in_vain > 2 * self.transport.count + _PATIENCE:
            hint = f"see whether the memory suffices, use fewer, or leave {words.option} out"
            raise SycamError(f"{words.option}: {self._in_vain} {words.many} ended one after the other ({how})", hint)
        if task is not None:
            tasks.extendleft(reversed(task.again(found)))
        for other in self._workers:
            if other.ready and other.task is None:
                other.ready = False
                other.channel.say(("there",))

    def _drop(self, worker: _Worker) -> str:
        """End a worker; how it ended, in words."""
        self._workers.remove(worker)
        return worker.end()

    def _fill(self) -> None:
        """Start as many workers as are lacking."""
        while len(self._workers) < self.transport.count:
            worker = _Worker(self.transport.start())
            worker.channel.say(("begin", self._needed, arithmetic(self._device)))
            self._workers.append(worker)

    def _reference(self, subject: str, name: str) -> Any:
        """Where the maps of a reference are shared, under its name."""
        if (subject, name) not in self._references:
            maps = self._oracles[subject].reference(name).saliency.cpu().contiguous()
            self._references[subject, name] = self._shared({name: maps})
        return self._references[subject, name]

    def _shared(self, tensors: Mapping[str, Tensor]) -> Any:
        """Where tensors are shared.

        Raises:
            OptionError: there is no room for them.
        """
        try:
            return self.transport.share(tensors)
        except NoRoomError as error:
            message = f"what the {self.words.many} need cannot be written for them ({error})"
            raise self._refusal(message, self.words.room) from None

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """What cannot be sent is an error of the option."""
        try:
            yield
        except UnfitError as error:
            raise self._refusal(error.message, error.remedy) from error

    def _refusal(self, message: str, remedy: str) -> OptionError:
        option = self.words.option
        return OptionError(f"{option}: {message}", f"{remedy}, or leave {option} out")


@dataclass(eq=False)
class _Worker:
    """A worker, as the driver sees it.

    Attributes:
        channel: the way to it.
        ready: whether it has all it needs, and is there.
        task: what it scores; None where it waits.
        ticket: of the last task.
        references: what it has been sent to compare with.
    """

    channel: Channel
    ready: bool = False
    task: Task | None = None
    ticket: int = 0
    references: set[tuple[str, str]] = field(default_factory=set)

    def end(self) -> str:
        """End it; how it ended, in words."""
        return self.channel.end(waits=self.ready and self.task is None)
