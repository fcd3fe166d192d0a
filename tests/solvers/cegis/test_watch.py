"""The thread that interrupts Z3 ends quietly, wherever an interrupt comes."""

from __future__ import annotations

import linecache
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import pytest
import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import interrupted


class Interrupted(threading.Thread):
    """A signal comes as soon as it has begun."""

    def start(self) -> None:
        super().start()
        begun.append(self)
        raise KeyboardInterrupt


begun: list[threading.Thread] = []


@pytest.mark.usefixtures("pythons_own_interrupt")
def test_an_interrupt_before_it_can_be_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    monkeypatch.setattr(threading, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt), interrupted(Limits(60)):
        raise AssertionError("the block does not begin")
    (thread,) = begun
    thread.join(5)
    assert not thread.is_alive()
    assert failed == []
    assert _own() == (-1, signal.default_int_handler, "true")


def _own() -> tuple[object, ...]:
    """What of this process the block changes."""
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    return descriptor, signal.getsignal(signal.SIGINT), z3.get_param("ctrl_c")


class Signal:
    """Comes before one line of this package, counted from the first.

    Python calls no handler before a mere assignment, so none comes before that from which on they are postponed.
    """

    def __init__(self, line: int) -> None:
        self.left = line

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if "/solvers/" not in frame.f_code.co_filename.replace("\\", "/").replace("/tests/solvers/", ""):
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and "postponing = True" not in line:
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self.trace


@pytest.mark.usefixtures("pythons_own_interrupt")
def test_wherever_an_interrupt_comes_all_is_as_before() -> None:
    before, threads = _own(), threading.active_count()
    line, came = 0, True
    while came:
        line += 1
        trace = Signal(line)
        came = False
        sys.settrace(trace.trace)
        try:
            with interrupted(Limits(60)):
                pass
        except KeyboardInterrupt:
            came = True
        finally:
            sys.settrace(None)
        assert came == (trace.left <= 0), line
        assert _own() == before, line
        assert threading.active_count() == threads, line
        z3.Solver().push()  # raises "push canceled" where an interrupt is left
    assert line > 40


def test_an_error_of_an_interrupt_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Z3 may give the thread the error of a question that it has just interrupted in another one."""
    failed: list[object] = []
    came: list[float] = []

    class Context:
        def interrupt(self) -> None:
            came.append(time.monotonic())
            raise z3.Z3Exception("canceled")

    monkeypatch.setattr(threading, "excepthook", failed.append)
    monkeypatch.setattr(z3, "main_ctx", Context)
    with interrupted(Limits(0.0)):
        deadline = time.monotonic() + 10
        while len(came) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(came) >= 2
    assert failed == []


def test_z3_takes_no_interrupt_for_its_own_from_the_first_question_on(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    check = z3.Solver.check

    def asked(solver: z3.Solver, *assumptions: z3.BoolRef) -> z3.CheckSatResult:
        taken.append(z3.get_param("ctrl_c"))
        return check(solver, *assumptions)

    monkeypatch.setattr(z3.Solver, "check", asked)
    with interrupted(Limits(60)):
        z3.Solver().check()
    assert len(taken) >= 2
    assert set(taken) == {"false"}


def test_an_interrupt_that_found_z3_idle_is_forgotten() -> None:
    with interrupted(Limits(0.0)):
        time.sleep(0.5)
    z3.Solver().push()  # raises "push canceled" otherwise
