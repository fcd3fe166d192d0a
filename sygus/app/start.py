"""Where the program begins: what ends it is heeded before anything else is imported."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sygus.app.signals import ENDING, ended

WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000", "OPENBLAS_THREAD_TIMEOUT": "20"}
"""How threads of torch and NumPy wait for one another: a moment, of NumPy's 2^20 cycles of the clock, then they sleep.
By default they spin far longer, NumPy's from its import on, and where other work takes a core, they spin while the one
that they wait for has none to run on. It changes no result."""

_SAID_BY = (*WAITING, "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables by which a user says how threads wait."""


FIRST = 100_000
"""Objects that are made before garbage is looked for the first time. The modules of a command are about as many and
hold none, and Python would look through them two hundred times while they are imported."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect no garbage while the program begins, and none as it ends, when all memory is given back.

    The first collection takes what is there out of the later ones, which come as often as they usually do.
    """
    usual = gc.get_threshold()

    def begun(phase: str, _: dict[str, Any]) -> None:
        if phase == "stop":
            gc.callbacks.remove(begun)
            gc.set_threshold(*usual)
            gc.freeze()

    gc.set_threshold(FIRST, *usual[1:])
    gc.callbacks.append(begun)
    try:
        yield
    finally:
        if begun in gc.callbacks:
            begun("stop", {})
        gc.freeze()


def main() -> None:
    """Run the command line; see :mod:`sygus.app.cli`.

    The process is the program's own, so it says how threads wait, unless the environment does, and when garbage is
    collected; OpenMP and OpenBLAS read the former once, as torch and NumPy are imported.
    """
    if not any(name in os.environ for name in _SAID_BY):
        os.environ.update(WAITING)
    try:
        with seldom_collected(), ended():
            from sygus.app.cli import main as command_line

            command_line()
    finally:
        for number in ENDING:  # what comes while Python ends would only be a traceback
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
