"""The thread that interrupts Z3 ends quietly, wherever an interrupt comes."""

from __future__ import annotations

import threading

import pytest

from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import interrupted


class Interrupted(threading.Thread):
    """A signal comes as soon as it has begun."""

    def start(self) -> None:
        super().start()
        begun.append(self)
        raise KeyboardInterrupt


begun: list[threading.Thread] = []


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
