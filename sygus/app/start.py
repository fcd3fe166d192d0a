"""Where the program begins: what ends it is heeded before anything else is imported."""

from __future__ import annotations

import os
import signal

from sygus.app.signals import ENDING, ended

WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}
"""How torch's threads wait for one another: a moment, then they sleep. By default they spin far longer, and where other
work takes a core, they spin while the one that they wait for has none to run on. It changes no result."""

_SAID_BY = (*WAITING, "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables by which a user says how threads wait."""


def main() -> None:
    """Run the command line; see :mod:`sygus.app.cli`.

    The process is the program's own, so it says how threads wait, unless the environment does; OpenMP reads that once,
    as torch is imported.
    """
    if not any(name in os.environ for name in _SAID_BY):
        os.environ.update(WAITING)
    try:
        with ended():
            from sygus.app.cli import main as command_line

            command_line()
    finally:
        for number in ENDING:  # what comes while Python ends would only be a traceback
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
