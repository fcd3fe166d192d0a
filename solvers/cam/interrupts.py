"""Interrupts that arrive where Python loses exceptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


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
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGINT, before)
