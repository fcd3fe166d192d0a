"""Progress of what takes longer than two seconds: a bar on a terminal, or a line of the display that is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

PATIENCE = 2.0
"""Seconds before anything is shown."""

Listener = Callable[[str, int, int, float | None], None]
"""Told what is done, how many items of it, of how many, and the seconds left; None before the first item is done."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def reported_to(listener: Listener) -> Iterator[None]:
    """Meanwhile progress is told to a listener, which may draw it, and no bar is drawn over what the listener draws."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def track(items: Iterable[Item], total: int, title: str, costs: Sequence[float] | None = None) -> Iterator[Item]:
    """The items; once they take longer than :data:`PATIENCE` the listener is told, else a bar on stderr shows it.

    Nothing is shown where nobody listens and stderr is no terminal.

    Args:
        items: what is worked through.
        total: how many there are.
        title: what is done, in a few words.
        costs: of each item, in any unit, from which the seconds left are estimated; None: all cost the same.
    """
    listener, start = _listener.get(), time.monotonic()
    if listener is not None:
        for done, item in enumerate(items):
            spent = time.monotonic() - start
            if spent > PATIENCE:
                listener(title, done, total, seconds_left(spent, done, total, costs))
            yield item
        if time.monotonic() - start > PATIENCE:
            listener(title, total, total, 0.0)
    elif sys.stderr.isatty():
        yield from _with_bar(items, total, title, start)
    else:
        yield from items


def seconds_left(spent: float, done: int, total: int, costs: Sequence[float] | None = None) -> float | None:
    """How long the items that are left will take, at the pace of those that are done.

    Args:
        spent: seconds so far.
        done: items so far.
        total: how many there are.
        costs: of each of them, in any unit; None: all cost the same.

    Returns:
        Seconds; None where nothing that costs anything is done yet.
    """
    paid = done if costs is None else sum(costs[:done])
    rest = total - done if costs is None else sum(costs[done:])
    return spent * rest / paid if paid > 0 else None


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
