"""``sycam-sygus watch``: a live page of searches."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.cam.watching import Watched
from sygus.app.live import Server
from sygus.app.terminal import echo
from sygus.errors import counted


def run_watch(runs: Sequence[str], port: int) -> None:
    """Serve the page until the command is interrupted, which is its ordinary end.

    Args:
        runs: folders of runs, going or over.
        port: of 127.0.0.1; 0 for one that is free.

    Raises:
        OptionError: a run is not there, or the port is not to be had.
    """
    server = Server([Watched(run) for run in dict.fromkeys(runs)], port)
    echo(f"watching {counted(len(server.watch.runs), 'run')}: {server.address} (Ctrl-C ends)", err=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        echo("watching no more; the runs go on", err=True)
