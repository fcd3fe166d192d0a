"""Workers that score masked pictures: each computes with one thread, and those of a machine read the same pictures."""

from __future__ import annotations

import torch

from sygus.errors import OptionError
from sygus.oracles.workers.cluster import Cluster
from sygus.oracles.workers.driver import Workers
from sygus.oracles.workers.processes import Processes

__all__ = ["MOST", "Workers", "workers_of"]

MOST = 1024
"""Workers that are started."""


def workers_of(count: int | None, cluster: str | None, device: torch.device) -> Workers | None:
    """What scores beside this process.

    Args:
        count: how many workers.
        cluster: the address of the Ray cluster where they are; None for processes of this machine.
        device: where the networks compute.

    Returns:
        It, to be entered; None where neither is asked for.

    Raises:
        OptionError: so many are not started, or not for this device.
    """
    if count is not None and not 1 <= count <= MOST:
        raise OptionError(f"--workers: {count} processes are not started", f"give a whole number from 1 to {MOST}")
    if cluster is not None:
        return Workers(Cluster(cluster, count, MOST), device)
    return None if count is None else Workers(Processes(count), device)
