"""The journal's file: its tables, how it is made, what is asked of one that is there, and how it is opened.

SQLite writes ahead into a file beside it, whose index is memory that processes share; so others look on while a run
writes. Where the file system shares no memory, or hosts would share it that cannot, a run keeps the journal to itself:
the index is its own, nothing else changes.
"""

from __future__ import annotations

import os
import re
import sqlite3
import struct
import sys
from functools import cache
from pathlib import Path

from sygus.errors import SycamError, listed
from sygus.files import UnfitFileError, read_head, unfit_kind

JOURNAL = "journal.sqlite"
"""The file's name in the folder of a run."""

MOST_BYTES = 1 << 32
"""Larger files are not read: a million proposals, and scores of ten thousand on a thousand pictures, take far less."""

MOST_OF_A_VALUE = 1 << 26
"""Bytes of one text or one row of scores."""

_APPLICATION = 0x5359474A
"""What SQLite calls the application's number, at a fixed place in the file."""

_VERSION = 3
"""Of the tables; others are not read."""

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE proposals (
    id INTEGER PRIMARY KEY,
    term TEXT NOT NULL,
    size INTEGER NOT NULL,
    fate TEXT NOT NULL,
    alias INTEGER,
    key TEXT,
    images INTEGER NOT NULL,
    objectives TEXT NOT NULL,
    feasible INTEGER NOT NULL,
    digest BLOB NOT NULL
);
CREATE TABLE scores (
    key TEXT NOT NULL,
    metric TEXT NOT NULL,
    values_ BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (key, metric)
);
CREATE TABLE finalists (
    id INTEGER PRIMARY KEY,
    images INTEGER NOT NULL,
    probability REAL NOT NULL,
    digest BLOB NOT NULL
);
"""

_LONGEST = (
    "SELECT max(length(name)), max(length(value)), max(length(digest)) FROM meta",
    "SELECT max(length(term)), max(length(fate)), max(length(key)), max(length(objectives)), max(length(digest)) "
    "FROM proposals",
    "SELECT max(length(key)), max(length(metric)), max(length(values_)), max(length(digest)) FROM scores",
    "SELECT max(length(id)), max(length(images)), max(length(probability)), max(length(digest)) FROM finalists",
)
"""How long the values are; SQLite fails on a text that is too long."""

_MAGIC = b"SQLite format 3\0"
_HEAD = 100
_BESIDE = ("-wal", "-shm")
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MOST_OF_A_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 16,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 2,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


VFS: str | None = None
"""SQLite's way to the file system; None is its own choice. Others stand for file systems that lack something."""

NETWORK = frozenset(
    (
        *("afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "gfs2", "gpfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "wekafs"),
    )
)
"""Kinds of file systems that several hosts may have; memory is shared by the processes of one."""


FAILURES = (sqlite3.Error, UnicodeError)
"""What SQLite raises; a message of its that holds bytes of the file may be no text."""


class JournalError(SycamError):
    """The journal cannot be opened, read or written."""


class UnwrittenError(JournalError):
    """A batch cannot be written; what was written before it is kept."""


class UnfitJournalError(Exception):
    """A file is no journal that may be opened; the text says why."""


def check(path: Path) -> None:
    """See whether a file is a journal, without changing a byte of it or of what lies beside it.

    Raises:
        UnfitJournalError: it is not.
    """
    try:
        waiting = _check_files(path)
        _check_head(path, whole=not waiting)
        connection = _looking(path, waiting)
    except OSError as error:
        raise UnfitJournalError(error.strerror or str(error)) from None
    except FAILURES as error:
        raise UnfitJournalError(str(error)) from None
    try:
        _check_content(connection)
    except FAILURES as error:
        raise UnfitJournalError(str(error)) from None
    finally:
        connection.close()


def _check_files(path: Path) -> bool:
    """Whether something written is not yet in the file itself, but in that beside it."""
    _check_plain(path)
    if os.path.lexists(f"{path}-journal"):
        raise UnfitJournalError(f"a '{path.name}-journal' lies beside it, which no run leaves")
    for beside in _BESIDE:
        if os.path.lexists(f"{path}{beside}"):
            _check_plain(Path(f"{path}{beside}"))
    return _is_waiting(path)


def _check_plain(path: Path) -> None:
    status = path.lstat()
    kind = unfit_kind(status.st_mode)
    if kind:
        raise UnfitJournalError(f"'{path.name}' is {kind}")
    if status.st_size > MOST_BYTES:
        raise UnfitJournalError(f"'{path.name}' has more than {MOST_BYTES} bytes")


def _check_head(path: Path, *, whole: bool) -> None:
    """What the first bytes say: SQLite's own, the size, and whose file it is."""
    try:
        head = read_head(path, _HEAD)
    except UnfitFileError as error:
        raise UnfitJournalError(f"it is {error}") from None
    if len(head) < _HEAD or not head.startswith(_MAGIC):
        raise UnfitJournalError("file is not a database")
    version, application = struct.unpack(">I", head[60:64])[0], struct.unpack(">I", head[68:72])[0]
    if application != _APPLICATION or version != _VERSION:
        raise UnfitJournalError("it is no journal, or of another version of this program")
    page = struct.unpack(">H", head[16:18])[0]
    size = (1 << 16 if page == 1 else page) * struct.unpack(">I", head[28:32])[0]
    if whole and size != path.stat().st_size:
        raise UnfitJournalError(f"it has {path.stat().st_size} bytes, not the {size} that it says")


def _looking(path: Path, waiting: bool) -> sqlite3.Connection:
    """A connection that writes nothing; where all is in the file itself, it looks at nothing else.

    What waits beside it has an index, which is made where it is lost, and read where it is there.
    """
    if not waiting:
        return _guarded(_connected(path, "mode=ro&immutable=1"))
    if os.path.lexists(f"{path}{_BESIDE[1]}"):
        return _guarded(_connected(path, "mode=ro&readonly_shm=1"))
    return _opened(path, "mode=ro")


def onlooking(path: Path) -> sqlite3.Connection:
    """A connection to a journal that was checked, of somebody who leaves no trace, whether or not a run writes to it.

    Not even the index of what waits to be taken into the file, which lies beside it, is written to. It is to be closed
    as soon as something was read: a run that ends meanwhile leaves what waits to the next one that opens the journal.

    Raises:
        UnfitJournalError: what waits cannot be read so.
        sqlite3.Error, OSError: where it cannot be opened.
    """
    return _looking(path, _is_waiting(path))


def traceless(path: Path) -> None:
    """See whether a journal, checked or not, can be looked at without a trace.

    Raises:
        UnfitJournalError: it cannot, or it is no plain file.
        OSError: it is not there.
    """
    if _check_files(path) and not os.path.lexists(f"{path}-shm"):
        raise UnfitJournalError(
            f"a '{path.name}-wal' lies beside it without its '{path.name}-shm': its run goes where no memory is "
            "shared, and can be looked at when it is over, or was killed; then resume the run once"
        )


def _is_waiting(path: Path) -> bool:
    log = Path(f"{path}{_BESIDE[0]}")
    return log.exists() and log.stat().st_size > 0


def _check_content(connection: sqlite3.Connection) -> None:
    found, expected = _schema(connection), _expected_schema()
    if found != expected:
        strange = sorted(f"the {kind} {name!r}" for kind, name, *_ in found - expected)
        said = listed(strange, 3)
        missing = ", ".join(sorted(name for _, name, *_ in expected - found))
        raise UnfitJournalError(f"it holds {said}, which are not a journal's" if said else f"it lacks {missing}")
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise UnfitJournalError(f"it is damaged: {said.splitlines()[0]}")
    for query in _LONGEST:
        if any(length is not None and length > MOST_OF_A_VALUE for length in connection.execute(query).fetchone()):
            raise UnfitJournalError(f"a value in it has more than {MOST_OF_A_VALUE} bytes")


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    return frozenset(tuple(map(str, row)) for row in connection.execute(query).fetchall())


@cache
def _expected_schema() -> frozenset[tuple[str, ...]]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(_TABLES)
    found = _schema(connection)
    connection.close()
    return found


def make(path: Path) -> None:
    """An empty journal; it takes its name when it is whole, so that no kill leaves half of one.

    Raises:
        sqlite3.Error, OSError: where that is not possible.
    """
    begun = path.with_name(f"{path.name}.begun")
    for beside in ("", "-journal", *_BESIDE):
        Path(f"{begun}{beside}").unlink(missing_ok=True)
    connection = _connected(begun, "mode=rwc")
    try:
        _keep(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA application_id={_APPLICATION}")
        connection.execute(f"PRAGMA user_version={_VERSION}")
        connection.executescript(_TABLES)
    finally:
        connection.close()
    begun.replace(path)


def writing(path: Path) -> sqlite3.Connection:
    """A connection to a journal that was checked."""
    connection = _opened(path, "mode=rw")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def reading(path: Path) -> sqlite3.Connection:
    """A connection to a journal that was checked, and to which its own run may write meanwhile."""
    return _opened(path, "mode=ro")


_NO_MEMORY_SHARED = (
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE),
    *(sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMLOCK),
)
"""How SQLite fails where it cannot have memory shared."""


def kind_of_file_system(folder: Path) -> str | None:
    """Its name, as Linux lists what is mounted; None on other systems."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    mounted = [line.split()[1:3] for line in lines]
    places = {re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place): kind for place, kind in mounted}
    whole = folder.resolve()
    return next((places[str(one)] for one in (whole, *whole.parents) if str(one) in places), None)


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    """A guarded connection that shares the index of what waits with other processes, or has its own where none can.

    A run that writes has its own on file systems of several hosts too; who only reads cannot lock it out.
    """
    if mode == "mode=ro" or kind_of_file_system(path.parent) not in NETWORK:
        connection = _guarded(_connected(path, mode))
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode not in _NO_MEMORY_SHARED:
                raise
    connection = _guarded(_connected(path, mode))
    _keep(connection)
    return connection


def _keep(connection: sqlite3.Connection) -> None:
    """Let no other process read or write until the connection is closed, and share no memory."""
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")


def is_kept(connection: sqlite3.Connection) -> bool:
    """Whether no other process may read before the connection is closed, as no memory can be shared with one."""
    return bool(connection.execute("PRAGMA locking_mode").fetchone() == ("exclusive",))


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    how = mode if VFS is None else f"{mode}&vfs={VFS}"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=2)


def _guarded(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Nothing in the file acts: what a schema may call, how long values may be, what statements may do."""
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
    connection.text_factory = _text
    return connection


def _text(raw: bytes) -> str:
    """Text of a file may be none; such does not fit its digest."""
    return raw.decode("utf-8", "replace")


def exclusive(path: Path) -> sqlite3.Connection:
    """A lock that the system releases when the process ends, however it ends.

    Args:
        path: an empty file beside the journal; made where it is not there.

    Raises:
        JournalError: another process holds it, or it is no lock.
    """
    place = f"in {str(path.parent)!r}"
    for name in (path, Path(f"{path}-journal"), Path(f"{path}-wal")):
        if os.path.lexists(name) and (unfit_kind(name.lstat().st_mode) or name.lstat().st_size):
            message = f"the journal {place} cannot be locked: {name.name!r} is not the empty file that a run leaves"
            raise JournalError(message, f"take {name.name!r} away, or give another --out")
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        connection.execute("PRAGMA journal_mode=MEMORY")  # a lock writes nothing, and a kill leaves nothing beside it
        connection.execute("BEGIN EXCLUSIVE")
    except FAILURES as error:
        connection.close()
        message = f"another run writes to the journal {place} ({error})"
        raise JournalError(message, "wait for it, or give another --out") from None
    return connection
