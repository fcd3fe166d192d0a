"""Several processes that score masked pictures: each computes with one thread, and all read the same pictures."""

from sygus.oracles.workers.pool import MOST, Workers

__all__ = ["MOST", "Workers"]
