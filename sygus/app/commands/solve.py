"""``sycam-sygus FILE``: the file is read, and its logic says which solver answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sygus.app.dispatch import asked, read
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo


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
    chosen = asked(read(file), given)
    if "quiet" not in chosen.given:
        for note in chosen.notes:
            echo(f"note: {note}", err=True)
    if chosen.is_cam:
        from sygus.app.commands.cam import run_cam

        return run_cam(chosen)
    from sygus.app.commands.ordinary import run_ordinary

    return run_ordinary(chosen)
