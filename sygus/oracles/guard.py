"""The process between this program and an executable that nobody trusts: it ends whatever that leaves behind.

It is a program of its own, started by its path: it forks, which a process with threads cannot do safely, and it is the
parent that orphans come back to (on Linux), so that it can tell what the executable started from everything else, in
whatever session that is; on other systems only the executable's process group is ended. It imports nothing of this
package, and only what is quickly loaded, for it starts with every question.

``guard.py CONTROL STATUS MEMORY COMMAND…``: CONTROL is a pipe at whose end everything is ended, also where the other
side has died; STATUS a pipe for the lines ``started PID``, ``failed ERRNO``, ``ended STATUS`` and, at last, ``left
PID…`` with the processes that cannot be ended; MEMORY the limit of the executable's data, -1 for none.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

PATIENCE = 3.0
"""Seconds in which everything must have ended; what has not then is left."""

_PDEATHSIG, _SUBREAPER = 1, 36  # of prctl(2)


def adopts_orphans() -> bool:
    """Whether this system gives orphans to a process that asks for them."""
    return sys.platform == "linux"


def main(control: int, status: int, memory: int, command: list[str]) -> None:
    """Start the command, say how it ends, and end what is left once nobody waits any more."""
    for pipe in (control, status):
        os.set_inheritable(pipe, False)
    if adopts_orphans():
        _prctl(_SUBREAPER, 1)
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    process = os.fork()
    if process == 0:
        _become(command, status, memory)
    _say(status, f"started {process}")
    _let_go_of_streams()
    waiting = True
    while waiting:
        ready = select.select([control, awake], [], [])[0]
        if awake in ready:
            os.read(awake, 4096)
        waiting = control not in ready
        _reap(process, status)
    left = _end(process, status)
    _say(status, f"left {' '.join(map(str, left))}")


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _say(status: int, line: str) -> None:
    try:
        os.write(status, f"{line}\n".encode())
    except BrokenPipeError:  # whoever asked is gone; what is left must be ended all the same
        return


def _become(command: list[str], status: int, memory: int) -> None:
    """Turn into the executable, in a session of its own, that dies with the guard."""
    try:
        os.setsid()
        if adopts_orphans():
            _prctl(_PDEATHSIG, signal.SIGKILL)
        for one in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(one, signal.SIG_DFL)
        _allow(memory)
        os.execv(command[0], command)  # noqa: S606 - the user allowed it, and there is no shell
    except OSError as error:
        _say(status, f"failed {error.errno}")
    finally:
        os._exit(127)


def _allow(memory: int) -> None:
    """Take back a limit on data that is this program's own."""
    import resource

    if resource.getrlimit(resource.RLIMIT_DATA)[0] != memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _let_go_of_streams() -> None:
    """Hold no end of the executable's pipes, so that they end with those who use them."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)


def _reap(process: int, status: int) -> bool:
    """Take in what has ended; whether anything has."""
    any_ended = False
    while True:
        try:
            ended, how = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return any_ended
        if not ended:
            return any_ended
        any_ended = True
        if ended == process:
            _say(status, f"ended {os.waitstatus_to_exitcode(how)}")


def _end(process: int, status: int) -> list[int]:
    """Kill the children until there are none; those of a child that is killed come next. What is left then."""
    if not adopts_orphans():
        _kill(-process)
    deadline = time.monotonic() + PATIENCE
    while True:
        any_ended = _reap(process, status)
        children = _children()
        if not children or time.monotonic() > deadline:
            return children
        for child in children:
            _kill(child)
        if not any_ended:
            time.sleep(0.002)


def _kill(process: int) -> None:
    """Kill a process, or the group of a negative number."""
    try:
        os.kill(process, signal.SIGKILL)
    except OSError:  # it has ended, or is another user's
        return


def _children() -> list[int]:
    """The children of this process; where there is no ``/proc``, none are known."""
    own = str(os.getpid()).encode()
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal() and _parent(name) == own]
    except OSError:
        return []


def _parent(process: str) -> bytes:
    try:
        with open(f"/proc/{process}/stat", "rb") as state:
            return state.read().rpartition(b")")[2].split()[1]
    except (OSError, IndexError):  # it has just ended
        return b""


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
