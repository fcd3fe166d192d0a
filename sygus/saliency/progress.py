"""A progress bar for what takes longer than two seconds, on a terminal alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

PATIENCE = 2.0
"""Seconds before a bar is shown."""


def track(items: Iterable[Item], total: int, title: str) -> Iterator[Item]:
    """The items, with a bar on stderr once they take longer than :data:`PATIENCE`; nothing where it is no terminal.

    Args:
        items: what is worked through.
        total: how many there are.
        title: what is done, in a few words.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    start, done = time.monotonic(), 0
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(title, total=total)
    try:
        for item in items:
            if not bar.live.is_started and time.monotonic() - start > PATIENCE:
                bar.start()
            yield item
            done += 1
            bar.update(task, completed=done)
    finally:
        if bar.live.is_started:
            bar.stop()
