"""Where the program begins: what ends it is heeded before anything else is imported."""

from __future__ import annotations

import signal

from sygus.app.signals import ENDING, ended


def main() -> None:
    """Run the command line; see :mod:`sygus.app.cli`."""
    try:
        with ended():
            from sygus.app.cli import main as command_line

            command_line()
    finally:
        for number in ENDING:  # what comes while Python ends would only be a traceback
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
