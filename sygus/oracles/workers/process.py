"""A process that scores units until the one that started it closes the connection, or is gone."""

from __future__ import annotations

import multiprocessing
import os
import pickle  # between processes of one program
import shutil
import signal
import sys
import threading
from multiprocessing.connection import Connection, wait
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from sygus.oracles.workers.scorer import Scorer


def serve(connection: Connection, folder: str) -> None:
    """Answer what comes over the connection.

    Args:
        connection: to the process that started this one.
        folder: with the files of what is shared; this process removes it where the other one cannot.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    sys.path.append(str(Path.cwd()))  # where the user's own modules are
    scorer = Scorer(_mapped)
    while True:
        try:
            message = pickle.loads(connection.recv_bytes())  # noqa: S301 - the program's own
        except (EOFError, OSError):
            return
        connection.send_bytes(pickle.dumps(scorer.take(message), protocol=pickle.HIGHEST_PROTOCOL))


def _mapped(path: str) -> dict[str, Tensor]:
    """The tensors of a file, mapped from it."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping


def _end_with_parent(folder: str) -> None:
    """End at once, amid a unit too, when the process that started this one is gone, and remove its folder."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)
