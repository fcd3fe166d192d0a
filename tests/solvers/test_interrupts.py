"""An interrupt is heeded wherever it arrives."""

from __future__ import annotations

import signal
import threading

import pytest

from solvers.interrupts import Signals, heeded


class Lost:
    """Interrupted while it is finalised, where exceptions are ignored."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)
        sum(range(10))


@pytest.mark.usefixtures("pythons_own_interrupt")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_is_lost_is_known() -> None:
    before = signal.getsignal(signal.SIGINT)
    with heeded() as interrupted:
        assert not interrupted()
        Lost()
        assert interrupted()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("pythons_own_interrupt")
def test_an_interrupt_elsewhere_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), heeded():
        signal.raise_signal(signal.SIGINT)


def test_other_threads_have_no_signals() -> None:
    answers = []

    def work() -> None:
        with heeded() as interrupted:
            answers.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]


def test_what_is_ignored_does_not_count() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heeded() as interrupted:
            signal.raise_signal(signal.SIGINT)
            assert not interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("pythons_own_interrupt")
def test_handlers_wait_until_they_may_be_called() -> None:
    done = []

    def block(signals: Signals) -> None:
        signal.raise_signal(signal.SIGINT)
        done.append("set up")
        try:
            signals.let()
            done.append("not reached")
        finally:
            signals.postponing = True
            signal.raise_signal(signal.SIGINT)
            done.append("undone")

    with pytest.raises(KeyboardInterrupt), Signals() as signals:
        block(signals)
    assert done == ["set up", "undone"]
    assert signals.came == [signal.SIGINT, signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
