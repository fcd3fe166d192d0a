"""Journals of runs that go, were killed, or were edited, made of that of a finished run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from solvers.cam.journal import JOURNAL
from solvers.cam.journal.rows import digest

_RUN = """
import json, os, sqlite3, sys
journal, rows = sys.argv[1], json.loads(sys.stdin.readline())
lock = sqlite3.connect(journal.removesuffix(".sqlite") + ".lock", isolation_level=None)
lock.execute("PRAGMA journal_mode=MEMORY")
lock.execute("BEGIN EXCLUSIVE")
writing = sqlite3.connect(journal, isolation_level=None)
writing.execute("PRAGMA journal_mode=WAL")
print("begun", flush=True)
for line in sys.stdin:
    if line.strip() == "kill":
        os._exit(9)
    count = int(line)
    for *row, seal in rows[:count]:
        writing.execute("INSERT INTO proposals VALUES (?,?,?,?,?,?,?,?,?,?)", (*row, bytes.fromhex(seal)))
    rows = rows[count:]
    print("written", flush=True)
writing.close()
"""


class Going:
    """A process that holds a run's lock and writes its journal, as many rows at a time as it is told."""

    def __init__(self, folder: Path, rows: list[Any]) -> None:
        command = [sys.executable, "-c", _RUN, str(folder / JOURNAL)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._say(json.dumps([(*row[:-1], row[-1].hex()) for row in rows]))

    def write(self, count: int) -> None:
        """Write so many rows more."""
        self._say(str(count))

    def end(self, *, killed: bool = False) -> None:
        """End as a run does that is over, or that is killed."""
        if self._process.returncode is None:
            self._process.communicate("kill\n" if killed else "", timeout=10)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline()


def unfinished(finished: Path, folder: Path, kept: int) -> list[Any]:
    """Copy a run's journal with its first rows alone; the other rows."""
    folder.mkdir()
    shutil.copy(finished / JOURNAL, folder)
    (folder / "journal.lock").touch()
    with contextlib.closing(sqlite3.connect(folder / JOURNAL, isolation_level=None)) as journal:
        rows = journal.execute("SELECT * FROM proposals WHERE id >= ? ORDER BY id", (kept,)).fetchall()
        journal.execute("DELETE FROM proposals WHERE id >= ?", (kept,))
        journal.execute("DELETE FROM finalists")
    return rows


@contextlib.contextmanager
def going(finished: Path, folder: Path, kept: int) -> Iterator[Going]:
    """A run that has judged its first proposals and goes on."""
    run = Going(folder, unfinished(finished, folder, kept))
    try:
        yield run
    finally:
        run.end()


def edited(finished: Path, folder: Path, *, stated: dict[str, Any] | None = None, term: str = "") -> Path:
    """Copy a run's journal with other things stated, or another term in all rows, and digests that fit."""
    unfinished(finished, folder, 1 << 40)
    with contextlib.closing(sqlite3.connect(folder / JOURNAL, isolation_level=None)) as journal:
        for name, value in (stated or {}).items():
            text = json.dumps(value, sort_keys=True)
            journal.execute("INSERT OR REPLACE INTO meta VALUES (?,?,?)", (name, text, digest(name, text)))
        if term:
            for row in journal.execute("SELECT * FROM proposals").fetchall():
                values = (row[0], term, *row[2:-1])
                journal.execute(
                    "INSERT OR REPLACE INTO proposals VALUES (?,?,?,?,?,?,?,?,?,?)", (*values, digest(*values))
                )
    return folder


def execute(folder: Path, statement: str) -> None:
    """Change a run's journal by a statement, without digests that fit."""
    with contextlib.closing(sqlite3.connect(folder / JOURNAL, isolation_level=None)) as journal:
        journal.execute(statement)


def stated_in(folder: Path) -> dict[str, Any]:
    """What a run's journal says of its run."""
    address = f"{(folder / JOURNAL).as_uri()}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as journal:
        return {name: json.loads(value) for name, value in journal.execute("SELECT name, value FROM meta")}


def traces(folder: Path) -> dict[str, Any]:
    """The names in a folder with the times and the contents, and the time of the folder."""
    found: dict[str, Any] = {".": folder.stat().st_mtime_ns}
    for path in folder.iterdir():
        found[path.name] = (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
    return found
