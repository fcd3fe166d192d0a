"""Everything a run proposed and learnt, in one SQLite file that survives a kill at any moment."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from solvers.cam.budget import Budget
from sygus.errors import SycamError
from sygus.oracles.cam import Scores

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS proposals (
    id INTEGER PRIMARY KEY,
    term TEXT NOT NULL,
    size INTEGER NOT NULL,
    fate TEXT NOT NULL,
    alias INTEGER,
    key TEXT,
    images INTEGER NOT NULL,
    objectives TEXT NOT NULL,
    feasible INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS scores (
    key TEXT NOT NULL,
    metric TEXT NOT NULL,
    values_ BLOB NOT NULL,
    PRIMARY KEY (key, metric)
);
"""


JOURNAL = "journal.sqlite"
"""The file's name in the folder of a run."""

JournalRows = Sequence[Mapping[str, Any]]
"""The rows of the table of proposals, by column."""


class JournalError(SycamError):
    """The journal cannot be opened, read or written."""


class UnwrittenError(JournalError):
    """A batch cannot be written; what was written before it is kept."""


class Journal:
    """One run's journal. One writer; readers may look on while the run goes.

    Scores are kept by the key of the heat maps, which holds the fingerprints of network, layer, pictures and targets
    and the kind of device, and by the identity of the metric, which holds its code and what it compares with, so a
    score found is always valid.

    Args:
        path: the file; made where it does not exist.
        others: journals of other runs, whose scores are used too where they are of the same maps and metric.

    Raises:
        JournalError: not a journal, locked by another run, or not writable.
    """

    def __init__(self, path: Path, others: Sequence[Path] = ()) -> None:
        self.path = path
        self._lock = _exclusive(path.with_suffix(".lock"))
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=2)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise self._error("open", error) from None
        self._others = [_read_only(other) for other in others]

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in (self._connection, *self._others, self._lock):
            connection.close()

    def _error(self, verb: str, error: sqlite3.Error) -> JournalError:
        return JournalError(f"cannot {verb} the journal {self.path} ({error})", "nothing in it was changed")

    def begin(self, protocol: Mapping[str, Any]) -> None:
        """State what the run is; a journal that is continued must state the same, but for a larger budget.

        Raises:
            JournalError: it belongs to another run.
        """
        stated = {name: json.loads(value) for name, value in self._rows("SELECT name, value FROM meta")}
        given = json.loads(json.dumps(protocol))
        if stated:
            self._check_same(_flat(stated), _flat(given))
        rows = [(name, json.dumps(value, sort_keys=True)) for name, value in given.items()]
        self._write(("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows))

    def _check_same(self, stated: dict[str, Any], given: dict[str, Any]) -> None:
        budgets = stated.pop(_BUDGET, None), given.pop(_BUDGET, None)
        different = [name for name in sorted(stated | given) if stated.get(name) != given.get(name)]
        chosen = [name for name in different if name.startswith("--") or name == "fingerprints device"]
        different = chosen or different  # the rest follows from what was chosen
        if different:
            said = "; ".join(f"{name}: {stated.get(name)} there, {given.get(name)} here" for name in different)
            message = f"the journal {self.path} is of another run: it differs in {said}"
            raise JournalError(message, "give another --out, or the options and the device of that run")
        there, here = (Budget() if text is None else Budget.parse(text) for text in budgets)
        if there.size is not None and here.size is not None and here.size < there.size:
            message = f"{_BUDGET}: the journal {self.path} goes up to size={there.size}, not size={here.size}"
            raise JournalError(message, f"give at least size={there.size}, or another --out")

    def scores(self, key: str, metric: str) -> Scores | None:
        """The score of each picture, where it is known; NaN where a picture was not scored."""
        for connection in (self._connection, *self._others):
            rows = self._rows("SELECT values_ FROM scores WHERE key = ? AND metric = ?", (key, metric), connection)
            if rows:
                return np.frombuffer(rows[0][0], np.float32).copy()
        return None

    def keep(self, proposals: list[tuple[Any, ...]], scores: list[tuple[str, str, Scores]]) -> None:
        """Write a batch: rows of the table ``proposals``, and (key, metric, scores), in one transaction."""
        rows = [(key, metric, values.tobytes()) for key, metric, values in scores]
        self._write(
            ("INSERT OR REPLACE INTO proposals VALUES (?,?,?,?,?,?,?,?,?)", proposals),
            ("INSERT OR REPLACE INTO scores VALUES (?,?,?)", rows),
        )

    def proposals(self) -> JournalRows:
        """Every proposal in order, as dictionaries of the table's columns."""
        names = ("id", "term", "size", "fate", "alias", "key", "images", "objectives", "feasible")
        rows = self._rows(f"SELECT {', '.join(names)} FROM proposals ORDER BY id")  # noqa: S608 - constants
        return [dict(zip(names, row, strict=True)) | {"objectives": json.loads(row[7])} for row in rows]

    def _rows(
        self, query: str, values: tuple[Any, ...] = (), connection: sqlite3.Connection | None = None
    ) -> list[tuple[Any, ...]]:
        try:
            return (connection or self._connection).execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._error("read", error) from None

    def _write(self, *statements: tuple[str, list[tuple[Any, ...]]]) -> None:
        """Execute statements on many rows in one transaction, whole or not at all."""
        try:
            self._connection.execute("BEGIN")
            for statement, rows in statements:
                self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            message = f"cannot write the journal {self.path} ({'the disk is full: ' if full else ''}{error})"
            raise UnwrittenError(message, "nothing in it was changed") from None


_BUDGET = "--budget"


def _flat(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated, one by one: settings by their options, the rest by the names of the group and its own."""
    flat: dict[str, Any] = {}
    for group, values in protocol.items():
        if not isinstance(values, dict):
            flat[group] = values
        elif group == "settings":
            flat |= {f"--{name.replace('_', '-')}": value for name, value in values.items()}
        else:
            flat |= {f"{group} {name}": value for name, value in values.items()}
    return flat


def _exclusive(path: Path) -> sqlite3.Connection:
    """A lock that the system releases when the process ends, however it ends.

    Raises:
        JournalError: another process holds it.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        message = f"another run writes to the journal in {path.parent} ({error})"
        raise JournalError(message, "wait for it, or give another --out") from None
    return connection


def _read_only(path: Path) -> sqlite3.Connection:
    """Another run's journal.

    Raises:
        JournalError: it is none.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        connection.execute("SELECT key, metric, values_ FROM scores LIMIT 1").fetchall()
    except sqlite3.Error as error:
        raise JournalError(f"--reuse: cannot read the journal {path} ({error})", "name the folder of a run") from None
    return connection
