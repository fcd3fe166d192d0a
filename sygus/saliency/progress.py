"""Progress of what takes longer than two seconds: a bar on a terminal, or a line of the display that is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

PATIENCE = 2.0
"""Seconds before anything is shown."""

Listener = Callable[[str, int, int], None]
"""Told what is done, how many items of it, and of how many."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def reported_to(listener: Listener) -> Iterator[None]:
    """Meanwhile progress is told to a listener, which may draw it, and no bar is drawn over what the listener draws."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def track(items: Iterable[Item], total: int, title: str) -> Iterator[Item]:
    """The items; once they take longer than :data:`PATIENCE` the listener is told, else a bar on stderr shows it.

    Nothing is shown where nobody listens and stderr is no terminal.

    Args:
        items: what is worked through.
        total: how many there are.
        title: what is done, in a few words.
    """
    listener, start = _listener.get(), time.monotonic()
    if listener is not None:
        for done, item in enumerate(items):
            if time.monotonic() - start > PATIENCE:
                listener(title, done, total)
            yield item
    elif sys.stderr.isatty():
        yield from _with_bar(items, total, title, start)
    else:
        yield from items


def _with_bar(items: Iterable[Item], total: int, title: str, start: float) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(title, total=total)
    try:
        with reported_to(lambda *_: None):  # a terminal has room for one bar: what is nested shows none
            for done, item in enumerate(items):
                if not bar.live.is_started and time.monotonic() - start > PATIENCE:
                    bar.start()
                bar.update(task, completed=done)
                yield item
    finally:
        if bar.live.is_started:
            bar.stop()
