"""How a command ends that is not let finish: by a signal, or because nobody reads what it prints any more."""

from __future__ import annotations

import _thread
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from sygus.app.statuses import ExitStatus

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a command: a terminal's interrupt, a batch system's end, a terminal that is gone."""

_LOST = {errno.EPIPE: "", errno.EIO: "", errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up"}
_LOST |= {errno.EFBIG: "it is larger than this process may write a file"}
"""What befalls standard output, in words; "" where its reader is gone, to whom there is nothing to say."""


AGAIN = 0.02
"""Seconds after which a signal comes again whose interrupt was lost."""


class Heedless:
    """Standard error, whose reader may leave: nothing that is said there is worth a run, so it is dropped then."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._lost = False

    def write(self, text: str) -> int:
        """Write, or drop."""
        if not self._lost:
            try:
                self._stream.write(text)
            except OSError:
                self._lose()
        return len(text)

    def flush(self) -> None:
        """Flush, or drop."""
        if not self._lost:
            try:
                self._stream.flush()
            except OSError:
                self._lose()

    def _lose(self) -> None:
        self._lost = True
        silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def silence(stream: Any) -> None:
    """Send what a stream still holds, and all that comes, nowhere; else Python fails again when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def ended() -> Iterator[None]:
    """Give a command its exit status where a signal ends it, or its output is lost.

    Signals raise a KeyboardInterrupt, also SIGTERM and SIGHUP; those that the process was started to ignore do not.
    One that nobody catches is said in one line. An exit status of 130 becomes that of the signal that came.

    Raises:
        SystemExit: with the status.
    """
    came: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before, stderr = _handlers(), sys.stderr
    again = _Again(came)
    try:
        sys.unraisablehook = again.note
        for number in before:
            signal.signal(number, hear)
        sys.stderr = Heedless(stderr)
        yield
    except SystemExit as end:
        raise SystemExit(_status(came, end.code)) from end.__cause__
    except (KeyboardInterrupt, Exception) as error:
        if not came and isinstance(error, Exception):
            raise SystemExit(_lost(error)) from None
        for number in before:  # libraries that are being imported make other errors of an interrupt
            signal.signal(number, signal.SIG_IGN)
        _say("interrupted" if came[:1] in ([], [signal.SIGINT]) else f"interrupted by {signal.Signals(came[0]).name}")
        raise SystemExit(_status(came, ExitStatus.INTERRUPTED)) from None
    finally:
        again.leave()
        sys.stderr = stderr
        for number, handler in before.items():
            signal.signal(number, handler)


class _Again:
    """Sends a signal again whose interrupt was lost: in finalisers, and in callbacks of weak references as of imports.

    Args:
        came: the signals so far.
    """

    def __init__(self, came: list[int]) -> None:
        self.came = came
        self.before = sys.unraisablehook
        self.timer: threading.Timer | None = None

    def note(self, lost: Any) -> None:
        """Told of every exception that Python cannot raise."""
        if not (self.came and issubclass(lost.exc_type, KeyboardInterrupt)):
            self.before(lost)
            return
        self.timer = threading.Timer(AGAIN, _send, (self.came[0],))
        self.timer.daemon = True
        self.timer.start()

    def leave(self) -> None:
        """Send none any more."""
        if self.timer is not None:
            self.timer.cancel()
        sys.unraisablehook = self.before


def _send(number: int) -> None:
    """Send a signal to the main thread, which may be waiting for the system."""
    if sys.platform == "win32":
        _thread.interrupt_main(number)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def _status(came: list[int], code: Any) -> Any:
    """The exit status, which says the signal that came where it is that of an end before time."""
    return 128 + came[0] if came and code in (ExitStatus.INTERRUPTED, ExitStatus.CLOSED) else code


def _lost(error: Exception) -> ExitStatus:
    """Say that standard output is lost; every other error is raised.

    Files that cannot be written raise errors of their own, and what cannot be opened has a name.
    """
    if not isinstance(error, OSError) or error.filename is not None or error.errno not in _LOST:
        raise error
    silence(sys.stdout)
    reason = _LOST[error.errno]
    if not reason:
        return ExitStatus.CLOSED
    what = f"cannot write to standard output ({reason}: {error.strerror})"
    _say(f"error: {what}; what was printed is not whole, files that were written are")
    return ExitStatus.BAD_INPUT


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _handlers() -> dict[int, Any]:
    """Those of the signals that end this command; none outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in ENDING}
    return {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
