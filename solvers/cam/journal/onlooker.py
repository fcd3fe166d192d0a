"""The journal of a run that may still go on, read by somebody who changes nothing and is in nobody's way."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solvers.cam.journal.file import FAILURES, JournalError, UnfitJournalError, check, onlooking, traceless
from solvers.cam.journal.meta import stated_by
from solvers.cam.journal.rows import COLUMNS, JournalRows, digest, stored_proposal
from sygus.files import UnfitFileError, read_head

if sys.platform != "win32":
    import fcntl

MOST_ROWS = 50_000
"""Proposals read at a time: about as many as fit into memory without being noticed."""

FRESH = 60.0
"""Seconds since the last change after which a run is taken for over, on systems that do not say who holds a lock."""

_LOCK = {"linux": ("hhqqi", 0), "darwin": ("qqihh", 3)}
"""The fields of C's ``struct flock``, and the place of the kind of lock among them; of 64-bit systems."""

_PROPOSALS = f"SELECT {', '.join(COLUMNS)}, digest FROM proposals"  # noqa: S608 - constants


@dataclass(frozen=True)
class Seen:
    """What an onlooker reads at one time.

    Attributes:
        stated: what the journal says of its run, by group.
        rows: proposals in their order, as dictionaries of the table's columns; those that no run wrote so are left out.
        last: the number of the last one read, left out or not; -1 where there is none.
        more: whether there were more than are read at a time.
        strange: how many were left out.
        finalists: the number, the validation pictures seen, and the probability to be the best, of each finalist.
    """

    stated: Mapping[str, Any]
    rows: JournalRows
    last: int
    more: bool
    strange: int
    finalists: tuple[tuple[int, int, float], ...]


class Onlooker:
    """Reads a journal while its run goes, and writes nothing into the run's folder.

    Connections are short: none is held while nothing is read. It must not live in the process of the run itself, where
    looking at the run's lock would release it.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked: tuple[int, int] | None = None

    def mark(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What changes whenever a run writes: the file's number, size and time, and those of the log beside it."""
        return tuple(_mark(Path(f"{self.path}{beside}")) for beside in ("", "-wal"))

    def is_running(self) -> bool:
        """Whether a process holds the run's lock; asked of the system, without taking it."""
        lock = self.path.with_suffix(".lock")
        try:
            read_head(lock, 1)
        except (OSError, UnfitFileError):
            return False
        known = _held(lock)
        return known if known is not None else self._is_fresh()

    def begun(self) -> float | None:
        """When the run in this folder was first begun, in seconds as :func:`time.time` counts; None where not known."""
        found = _mark(self.path.with_suffix(".lock"))
        return None if found is None else found[2] / 1e9

    def changed(self) -> float | None:
        """When something was last written, likewise."""
        times = [one[2] for one in self.mark() if one is not None]
        return max(times) / 1e9 if times else None

    def read(self, after: int, goals: int | None) -> Seen:
        """What the journal says, and the proposals after one.

        Args:
            after: the number of the last one that is known; -1 for all.
            goals: how many objectives the problem has; None where not yet known, and then no proposals are read.

        Raises:
            JournalError: it is damaged, none, or cannot be read now.
        """
        with self._open() as connection:
            stated = stated_by(connection.execute("SELECT name, value, digest FROM meta").fetchall())
            found: list[Any] = []
            if goals is not None:
                query = f"{_PROPOSALS} WHERE id > ? ORDER BY id LIMIT ?"
                found = connection.execute(query, (after, MOST_ROWS)).fetchall()
            finalists = connection.execute("SELECT id, images, probability, digest FROM finalists ORDER BY id")
            chosen = tuple(row[:3] for row in finalists.fetchmany(MOST_ROWS) if row[3] == digest(*row[:3]))
        rows = [stored_proposal(row, None, goals or 0) for row in found]
        kept = [row for row in rows if row is not None]
        last = found[-1][0] if found else after
        return Seen(stated, kept, last, len(found) == MOST_ROWS, len(rows) - len(kept), chosen)

    def proposal(self, number: int, goals: int) -> Mapping[str, Any] | None:
        """One proposal by its number; None where there is none, or no run wrote it so.

        Raises:
            JournalError: as :meth:`read`.
        """
        with self._open() as connection:
            row = connection.execute(f"{_PROPOSALS} WHERE id = ?", (number,)).fetchone()
        return None if row is None else stored_proposal(row, None, goals)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            traceless(self.path)
            status = self.path.stat()
            if self._checked != (status.st_dev, status.st_ino):
                check(self.path)
                self._checked = (status.st_dev, status.st_ino)
            with contextlib.closing(onlooking(self.path)) as connection:
                yield connection
        except (*FAILURES, UnfitJournalError, RecursionError) as error:
            raise JournalError(f"cannot read the journal {self.path} ({error})", "nothing in it was changed") from None
        except OSError as error:
            raise JournalError(f"cannot read the journal {self.path} ({error.strerror})") from None

    def _is_fresh(self) -> bool:
        changed = self.changed()
        waiting = os.path.lexists(f"{self.path}-wal")
        return waiting and changed is not None and time.time() - changed < FRESH


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _held(lock: Path) -> bool | None:
    """Whether another process holds a lock on a file; None where the system does not say."""
    if sys.platform == "win32" or sys.platform not in _LOCK:
        return None
    form, kind = _LOCK[sys.platform]
    asked = [0] * len(form)
    asked[kind] = fcntl.F_RDLCK
    handle = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        answer = fcntl.fcntl(handle, fcntl.F_GETLK, struct.pack(form, *asked))
    except OSError:
        return None
    finally:
        os.close(handle)
    return bool(struct.unpack(form, answer)[kind] != fcntl.F_UNLCK)
