"""An interrupt is heeded wherever it arrives."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from solvers.cam.interrupts import heeded


class Lost:
    """Interrupted while it is finalised, where exceptions are ignored."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)
        sum(range(10))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_is_lost_is_known() -> None:
    before = signal.getsignal(signal.SIGINT)
    with heeded() as interrupted:
        assert not interrupted()
        Lost()
        assert interrupted()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def _pythons_own() -> Iterator[None]:
    """Interrupts raise, also in a process that was started to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_pythons_own")
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
