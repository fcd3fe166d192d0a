"""A process that scores units until the one that started it closes the connection, or is gone."""

from __future__ import annotations

import multiprocessing
import os
import pickle  # between processes of one program
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from sygus.errors import OptionError, SycamError
from sygus.oracles.cam import CamOracle
from sygus.oracles.workers.sent import read, read_reference, unpacked
from sygus.saliency.devices import is_out_of_memory
from sygus.saliency.networks.memory import keep_freed_memory

LOST_MEMORY = 77
"""The exit status of a process that ends since the memory did not suffice."""


def serve(connection: Connection, folder: str) -> None:
    """Answer what comes over the connection.

    It is sent ``("unit", ticket, unit)`` and ``("reference", subject, name, path)``, and sends ``("ready",)``, or
    ``("unfit", message, hint)`` and ends; then of each unit ``("scores", ticket, scores)``,
    ``("error", ticket, is_option, message, hint)`` or ``("broken", ticket, traceback)``. It ends without a word where
    the memory does not suffice, for a process that has been short of it makes passes of another size.

    Args:
        connection: to the process that started this one.
        folder: what :func:`sygus.oracles.workers.sent.write` wrote.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    torch.set_num_threads(1)
    keep_freed_memory()
    sys.path.append(str(Path.cwd()))  # where the user's own modules are
    try:
        oracles = read(Path(folder))
    except SycamError as error:
        _send(connection, ("unfit", error.message, error.hint))
        return
    _send(connection, ("ready",))
    while True:
        try:
            message = pickle.loads(connection.recv_bytes())  # noqa: S301 - the program's own
        except (EOFError, OSError):
            return
        if message[0] == "reference":
            _, subject, name, path = message
            oracles[subject].refer_to(name, read_reference(Path(path)))
        else:
            _send(connection, _answer(oracles, *message[1:]))


def _answer(oracles: dict[str, CamOracle], ticket: int, sent: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        unit = unpacked(sent)
        chunk = oracles[unit.subject].subject.network.chunk
        size = chunk.size
        try:
            scores = oracles[unit.subject].judged(unit)
        finally:
            if chunk.size != size:
                os._exit(LOST_MEMORY)
    except Exception as error:
        if any(map(_is_shortage, _chain(error))):
            os._exit(LOST_MEMORY)
        if isinstance(error, SycamError):
            return "error", ticket, isinstance(error, OptionError), error.message, error.hint
        return "broken", ticket, traceback.format_exc()
    return "scores", ticket, scores


def _is_shortage(error: BaseException) -> bool:
    """Whether the memory did not suffice."""
    return isinstance(error, MemoryError) or is_out_of_memory(error) or _ALLOCATION in str(error)


_ALLOCATION = "DefaultCPUAllocator: can't allocate memory"
"""What torch says where the system gives it none."""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error with those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _send(connection: Connection, message: tuple[Any, ...]) -> None:
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def _end_with_parent(folder: str) -> None:
    """End at once, amid a unit too, when the process that started this one is gone, and remove its folder."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)
