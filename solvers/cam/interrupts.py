"""Signals that end a run, and arrive where Python loses exceptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that interrupt where the program has them raise a KeyboardInterrupt; as they come, they end a process."""


@contextmanager
def heeded() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether an interrupt has come meanwhile.

    A KeyboardInterrupt raised in a finaliser or in the callback of a weak reference, of which the table of terms has
    many, is printed and forgotten. Long loops ask, and raise it again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came = False
    before = {signal.SIGINT: signal.getsignal(signal.SIGINT)}
    before |= {number: handler for number in _ENDING if callable(handler := signal.getsignal(number))}

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
