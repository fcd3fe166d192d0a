"""The memory of passes on the CPU: kept for the next pass instead of given back to the system."""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""

LARGEST = 32 << 20
"""Bytes up to which an allocation is served from memory that was freed; glibc takes no larger number."""


@cache
def keep_freed_memory() -> bool:
    """Ask the C library to keep what the process frees; whether it can.

    A tensor of a few megabytes is otherwise mapped anew each time, and the system clears its pages one by one: a tenth
    of a search's processor time. The process takes no more memory at its peak, but holds it until it ends.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return False
    kept = [mallopt(_MMAP_THRESHOLD, LARGEST), mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)]
    return all(kept)
