"""``sycam-sygus FILE``: the file is read, and its logic says which solver answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from solvers.cegis.limits import OutOfTimeError
from sygus.app.dispatch import asked, read
from sygus.app.ordinary import DEFAULT_SECONDS, LEAST_MEGABYTES
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.bounds import alarm, bounded_memory, last_resort, long_numbers


def run_solve(file: str, given: Mapping[str, Any]) -> ExitStatus:
    """Solve a problem file.

    Args:
        file: a path, or the bare name of a shipped grammar.
        given: options by name; None, False and () where one is not given.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    began = time.monotonic()
    megabytes = given.get("memory")
    seconds = given.get("time") or DEFAULT_SECONDS
    with ExitStack() as bounds:
        bounds.enter_context(bounded_memory(max(megabytes, LEAST_MEGABYTES) << 20 if megabytes else None))
        bounds.enter_context(long_numbers())
        still = f"out of time: '{file}' was still being read; give it more by --time, or write less"
        resort = bounds.enter_context(last_resort(seconds, lambda: _spent(still)))
        try:
            with alarm(seconds, OutOfTimeError):
                problem = read(file)
        except OutOfTimeError:
            resort.call_off()
            return _spent(still)
        except MemoryError:
            resort.call_off()
            return _spent(f"out of memory: '{file}' was still being read; give it more by --memory, or write less")
        chosen = asked(problem, given)
        if "quiet" not in chosen.given:
            for note in chosen.notes:
                echo(f"note: {note}", err=True)
        if chosen.is_cam:
            from sygus.app.commands.cam import run_cam

            bounds.close()
            return run_cam(chosen)
        from sygus.app.commands.ordinary import run_ordinary

        return run_ordinary(chosen, began, resort)


def _spent(why: str) -> ExitStatus:
    echo(why, err=True)
    echo("fail")
    return ExitStatus.SPENT
