"""One run's journal, while the run goes."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from solvers.cam.journal.file import (
    FAILURES,
    JournalError,
    UnfitJournalError,
    UnwrittenError,
    check,
    exclusive,
    is_kept,
    make,
    reading,
    writing,
)
from solvers.cam.journal.meta import check_same, rows_of, stated_by
from solvers.cam.journal.rows import COLUMNS, JournalRows, digest, stored_proposal, stored_scores
from sygus.oracles.cam import Scores

_log = logging.getLogger(__name__)


class Journal:
    """One run's journal. One writer; readers may look on while the run goes, where the file system lets them.

    Scores are kept by the key of the heat maps, which holds the fingerprints of network, layer, pictures and targets
    and the kind of device, and by the identity of the metric, which holds its code and what it compares with, so a
    score found is always valid. A row that is not what a run wrote is passed over, which is said in the log, once for
    each file.

    Args:
        path: the file; made where it does not exist.
        pictures: how many a proposal is scored on.
        others: journals of other runs, whose scores are used too where they are of the same maps and metric.

    Raises:
        JournalError: not a journal, locked by another run, or not writable. Not a byte of the file was changed.
    """

    def __init__(self, path: Path, pictures: int, others: Sequence[Path] = ()) -> None:
        self.path = path
        self.pictures = pictures
        self._noted: set[Path] = set()
        self._lock = exclusive(path.with_suffix(".lock"))
        opened = [self._lock]
        try:
            self._connection = self._opened()
            opened.append(self._connection)
            self._others: list[tuple[Path, sqlite3.Connection]] = []
            for other in others:
                self._others.append((other, _of_another(other)))
                opened.append(self._others[-1][1])
        except BaseException:
            for connection in opened:
                connection.close()
            raise

    def _opened(self) -> sqlite3.Connection:
        try:
            if os.path.lexists(self.path):
                check(self.path)
            else:
                make(self.path)
            connection = writing(self.path)
            if is_kept(connection):
                _log.warning(
                    "note: the file system of the journal %r shares no memory between processes, or is one of several "
                    "hosts: nobody can look on before the run is over",
                    str(self.path),
                )
            return connection
        except (*FAILURES, OSError, UnfitJournalError) as error:
            raise self._error("open", error) from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in (self._connection, *(connection for _, connection in self._others), self._lock):
            connection.close()

    def _error(self, verb: str, error: Exception) -> JournalError:
        hint = "nothing in it was changed"
        if isinstance(error, UnfitJournalError):
            hint += "; to begin anew, give another --out"
        return JournalError(f"cannot {verb} the journal {self.path} ({error})", hint)

    def begin(self, protocol: Mapping[str, Any]) -> None:
        """State what the run is; a journal that is continued must state the same, see :func:`check_same`.

        Raises:
            JournalError: it belongs to another run, or does not say to which.
        """
        given = json.loads(json.dumps(protocol))
        try:
            stated = stated_by(self._rows("SELECT name, value, digest FROM meta"))
            if stated:
                check_same(self.path, stated, given)
            elif self._rows("SELECT 1 FROM proposals UNION ALL SELECT 1 FROM scores LIMIT 1"):
                raise UnfitJournalError("it does not say of which run it is")
        except (UnfitJournalError, RecursionError) as error:
            raise self._error("read", error) from None
        self._write(
            ("DELETE FROM finalists", [()]),  # of an earlier search: this one chooses anew
            ("INSERT OR REPLACE INTO meta VALUES (?,?,?)", rows_of(given)),
        )

    def scores(self, key: str, metric: str, pictures: int, low: float, high: float) -> Scores | None:
        """The score of each picture, where it is known; NaN where a picture was not scored.

        Args:
            key: of the heat maps.
            metric: its identity.
            pictures: how many there are.
            low: the least score that it gives.
            high: the largest.
        """
        query = "SELECT values_, digest FROM scores WHERE key = ? AND metric = ?"
        for path, connection in ((self.path, self._connection), *self._others):
            for row in self._rows(query, (key, metric), connection):
                found = stored_scores(key, metric, row, pictures, low, high)
                if found is not None:
                    return found
                self._note(path, "scores", "they are scored again")
        return None

    def keep(self, proposals: list[tuple[Any, ...]], scores: list[tuple[str, str, Scores]]) -> None:
        """Write a batch: rows of the table ``proposals``, and (key, metric, scores), in one transaction."""
        contents = ((key, metric, values.tobytes()) for key, metric, values in scores)
        self._write(
            (
                "INSERT OR REPLACE INTO proposals VALUES (?,?,?,?,?,?,?,?,?,?)",
                [(*row, digest(*row)) for row in proposals],
            ),
            (
                "INSERT OR REPLACE INTO scores VALUES (?,?,?,?)",
                [(key, metric, content, digest(key, metric, content=content)) for key, metric, content in contents],
            ),
        )

    def judge(self, finalists: Sequence[tuple[int, int, float]]) -> None:
        """Write which proposals became finalists, in place of what was written of them before.

        Args:
            finalists: the number of the proposal, how many validation pictures it saw, and the probability that it is
                the best.
        """
        self._write(
            ("DELETE FROM finalists", [()]),
            ("INSERT INTO finalists VALUES (?,?,?,?)", [(*row, digest(*row)) for row in finalists]),
        )

    def proposals(self, goals: int) -> JournalRows:
        """Every proposal in order, as dictionaries of the table's columns.

        Args:
            goals: how many objectives the problem has.
        """
        rows = self._rows(f"SELECT {', '.join(COLUMNS)}, digest FROM proposals ORDER BY id")  # noqa: S608 - constants
        found = [stored_proposal(row, self.pictures, goals) for row in rows]
        if None in found:
            self._note(self.path, "proposals", "they are left out")
        return [row for row in found if row is not None]

    def _note(self, path: Path, what: str, then: str) -> None:
        if path not in self._noted:
            self._noted.add(path)
            _log.warning("note: the journal %r holds %s that no run wrote there so; %s", str(path), what, then)

    def _rows(
        self, query: str, values: tuple[Any, ...] = (), connection: sqlite3.Connection | None = None
    ) -> list[Any]:
        try:
            return (connection or self._connection).execute(query, values).fetchall()
        except FAILURES as error:
            raise self._error("read", error) from None

    def _write(self, *statements: tuple[str, list[tuple[Any, ...]]]) -> None:
        """Execute statements on many rows in one transaction, whole or not at all."""
        try:
            self._connection.execute("BEGIN")
            for statement, rows in statements:
                self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except FAILURES as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            message = f"cannot write the journal {self.path} ({'the disk is full: ' if full else ''}{error})"
            raise UnwrittenError(message, "nothing in it was changed") from None


def _of_another(path: Path) -> sqlite3.Connection:
    """Another run's journal.

    Raises:
        JournalError: it is none.
    """
    try:
        check(path)
        return reading(path)
    except (*FAILURES, UnfitJournalError) as error:
        raise JournalError(f"--reuse: cannot read the journal {path} ({error})", "name the folder of a run") from None
