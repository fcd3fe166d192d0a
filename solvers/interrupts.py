"""Signals that end a run: they may wait until something is whole, and are known where Python loses exceptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that raise an exception in the main thread, where the program has them; as they come, the last two do not."""


class Signals:
    """Stands before Python's handlers of such signals in a block, and postpones them at its beginning and its end.

    What the block sets up is so whole before a handler raises, and undone whatever comes meanwhile::

        with Signals() as signals:
            set_up()
            try:
                signals.let()
                ...
            finally:
                signals.postponing = True
                undo()

    Assigning is one step, in which no handler is called. In other threads, which have no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.came: list[signal.Signals] = []
        self.postponing = True
        self._waiting: list[tuple[signal.Signals, FrameType | None]] = []
        self._handlers: dict[signal.Signals, Callable[[int, FrameType | None], object]] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if callable(handler := signal.getsignal(number)):
                    self._handlers[number] = handler
            try:
                for number in self._handlers:
                    signal.signal(number, self._hear)
            except BaseException:  # of the handler of one that is not yet postponed
                self._leave()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        self._tell()

    def let(self) -> None:
        """Call the handlers of what came, and from now on at once."""
        self.postponing = False
        self._tell()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.came.append(signal.Signals(number))
        self._waiting.append((signal.Signals(number), frame))
        if not self.postponing:
            self._tell()

    def _tell(self) -> None:
        while self._waiting:
            number, frame = self._waiting.pop(0)
            self._handlers[number](number, frame)

    def _leave(self) -> None:
        try:
            self._restore()
        except BaseException:  # of a handler that was back already
            self._restore()
            raise
        finally:
            self.postponing = False

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


@contextmanager
def heeded() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether an interrupt has come meanwhile.

    A KeyboardInterrupt raised in a finaliser or in the callback of a weak reference, of which the table of terms has
    many, is printed and forgotten. Long loops ask, and raise it again.
    """
    with Signals() as signals:
        signals.let()
        yield lambda: bool(signals.came)
