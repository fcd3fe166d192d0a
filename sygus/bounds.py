"""The bounds of a command: the seconds and the memory that it may take, whatever a file makes it compute.

Most of what takes long looks at the clock itself. What does not, because it was never thought to take long, is ended
here: the alarm of the system raises the error that a look at the clock would have raised; and where a library does not
return, the command ends without it. Memory is bounded by the
system's limit on the data of a process, which makes Python raise MemoryError and Z3 give up, where otherwise the
system would end the process, or another one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

MEMORY_SHARE = 0.8
"""Of the memory that is free when a command begins, what it may take."""

CUSHION = 1 << 24
"""Bytes that are left where small objects have taken all the others; of little memory an eighth."""

TICK = 0.05
"""Seconds of the processor between two looks at the memory; in so little time the cushion is not filled."""

PAUSE = 1.0
"""Seconds of the processor in which what handles a lack of memory is left alone."""

LARGEST_LIMIT = 1 << 60
"""Bytes of a limit that the system can hold; no machine comes near."""

FOREVER = 1e8
"""Seconds, three years, that stand for every longer time; the system's clocks take no infinity."""

LEAST_MEMORY = 1 << 29
"""Bytes that a command may take where less seems to be free: without them it would not even begin."""

DIGITS = 100_000
"""Of numbers that are printed or read back from Z3: Python refuses more than 4,300 where nobody asks for more."""

GRACE = 0.2
"""Seconds after the end in which what looks at the clock may end by itself."""

AGAIN = 0.25
"""Seconds after which the alarm comes again, where the error was raised where none can get through."""

LAST_GRACE, LAST_SHARE = 0.2, 0.1
"""After the end, what takes no notice of it may go on for so many seconds, and for such a share of the time given."""

_OUTSIDE = ContextVar[int | None]("the limit on data outside the bound", default=None)


def available_memory() -> int | None:
    """Bytes of memory that are free for this process; None where the system does not tell."""
    return min((free for free in (_on_machine(), _within_group()) if free is not None), default=None)


def _on_machine() -> int | None:
    with suppress(OSError, ValueError):
        words = Path("/proc/meminfo").read_text(encoding="ascii").split()
        return int(words[words.index("MemAvailable:") + 1]) * 1024
    return None


def _within_group() -> int | None:
    """What the group of processes that this one is in may still take; pages that can be given back are not counted."""
    for folder in _group_folders():
        for limit, used, kept in _NAMES:
            with suppress(OSError, ValueError):
                most, taken = (int((folder / name).read_text(encoding="ascii")) for name in (limit, used))
                statistics = (folder / "memory.stat").read_text(encoding="ascii").split()
                return max(0, most - taken + int(statistics[statistics.index(kept) + 1]))
    return None


_NAMES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Files of a group, of the second and of the first version of Linux's groups, and what can be given back in it."""


def _group_folders() -> Iterator[Path]:
    """Where the system says what the group may take: in its own folder, or in a container at the top."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                top = Path("/sys/fs/cgroup", controllers)
                yield from (top / path.lstrip("/"), top)


def memory_outside() -> int:
    """The limit on data that this process has but for :func:`bounded_memory`, as the system counts it; -1 for none."""
    given = _OUTSIDE.get()
    return _limit() if given is None else given


def _limit() -> int:
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return -1
    return resource.getrlimit(resource.RLIMIT_DATA)[0]


@contextmanager
def bounded_memory(most: int | None = None) -> Iterator[None]:
    """Let this process take so much more memory than it has; what would take more meets a MemoryError.

    Where the system has no such limit (it is Linux's), or a tighter one, nothing changes.

    Args:
        most: bytes; by default most of what is free.
    """
    held, before = _held(), _limit()
    if most is None:
        free = available_memory()
        most = None if free is None else max(LEAST_MEMORY, int(free * MEMORY_SHARE))
    if held is None or most is None or held + most > LARGEST_LIMIT or 0 <= before <= held + most:
        yield
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = held + most if hard < 0 else min(held + most, hard)
    token = _OUTSIDE.set(before)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        with _watched(limit - min(CUSHION, most // 8)):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))
        _OUTSIDE.reset(token)


class _NearlyFullError(MemoryError):
    """The memory is nearly over."""


@contextmanager
def _dropped_in_silence(came: list[int]) -> Iterator[None]:
    """Say nothing of what a finaliser drops once a signal came: its error is raised again later."""
    before = sys.unraisablehook

    def hook(lost: Any) -> None:
        if not came:
            before(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _watched(most: int) -> Iterator[None]:
    """Raise a MemoryError in this thread where small objects come to take so much: some room is left then.

    Without any room CPython 3.11 tries for ever to enter the block that handles the error.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    came: list[int] = []

    def look(number: int, _: FrameType | None) -> None:
        if (_held() or 0) > most:
            signal.setitimer(signal.ITIMER_VIRTUAL, PAUSE, TICK)
            came.append(number)
            raise _NearlyFullError

    handler = signal.signal(signal.SIGVTALRM, look)
    left, interval = signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)
    try:
        with _dropped_in_silence(came):
            yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, left, interval)  # of the bound outside of this one, or none
        signal.signal(signal.SIGVTALRM, handler)


def _held() -> int | None:
    """Bytes of data that this process has, as the system counts them for the limit."""
    with suppress(OSError, ValueError):
        words = Path("/proc/self/status").read_text(encoding="utf-8").split()
        return int(words[words.index("VmData:") + 1]) * 1024
    return None


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is over: Python's own, or what threads, Z3 and ctypes make of that."""
    said = _SAID.get(type(error).__name__)
    return isinstance(error, MemoryError) or (said is not None and said in str(error))


_SAID = {
    "Z3Exception": "out of memory",
    "RuntimeError": "can't start new thread",
    "ArgumentError": _NearlyFullError.__name__,
}
"""What errors say that have no type of their own for it."""


def _waited(seconds: float) -> float:
    """Seconds that the system can wait: of what is no number, none."""
    return min(seconds, FOREVER) if seconds > 0 else 0.0


@contextmanager
def alarm(seconds: float, error: type[Exception]) -> Iterator[None]:
    """Raise an error in this thread once the time and a short grace are over.

    Alarms reach the main thread alone, and not on Windows; elsewhere nothing happens. Where a library drops the error,
    as in what Python calls when an object ends, it is raised again.

    Args:
        seconds: from now.
        error: its class; it is made without arguments.
    """
    if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
        yield
        return

    came: list[int] = []

    def ring(number: int, _: FrameType | None) -> None:
        came.append(number)
        raise error

    began, handler = time.monotonic(), signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, _waited(seconds) + GRACE, AGAIN)
    try:
        try:
            with _dropped_in_silence(came):
                yield
        except Exception as other:
            if came and not isinstance(other, error):  # libraries make other errors of it
                raise error from other
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # also where the alarm came in the line above
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # somebody else's alarm
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - began)), interval)


class LastResort:
    """Ends this process where it goes on too long; see :func:`last_resort`.

    Attributes:
        farewell: says what is to be said then, and gives the exit status.
    """

    def __init__(self, farewell: Callable[[], int]) -> None:
        self.farewell = farewell
        self._over = threading.Event()
        self._speaking = threading.Lock()

    def call_off(self) -> None:
        """Let the process go on, however long; from now on it speaks for itself."""
        with self._speaking:
            self._over.set()

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """Let nothing end the process while something is said."""
        with self._speaking:
            yield

    def attend(self, seconds: float) -> None:
        """End the process after so many seconds, unless it is called off before."""
        if self._over.wait(seconds):
            return
        with self._speaking:
            if not self._over.is_set():
                status = self.farewell()
                sys.stdout.flush()
                os._exit(status)


@contextmanager
def last_resort(seconds: float, farewell: Callable[[], int]) -> Iterator[LastResort]:
    """End this process where neither a look at the clock nor the alarm has ended the block in time.

    That is so inside a library that does not return. Where the program's output is not its own, as in tests and in
    Python, nothing happens.

    Args:
        seconds: from now; :data:`LAST_GRACE` and :data:`LAST_SHARE` more are waited.
        farewell: says what is to be said, and gives the exit status.
    """
    resort = LastResort(farewell)
    if sys.stdout is sys.__stdout__:
        most = _waited(_waited(seconds) * (1 + LAST_SHARE) + LAST_GRACE)
        threading.Thread(target=resort.attend, args=(most,), daemon=True).start()
    try:
        yield resort
    finally:
        resort.call_off()


@contextmanager
def long_numbers() -> Iterator[None]:
    """Numbers of up to :data:`DIGITS` digits may be printed and read; of more, Python raises a ValueError."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(max(DIGITS, before) if before else 0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)
