"""Files that the program writes: whole or not at all, never through a link, and what a killed write left is swept.

A file is written beside its place under a name of :data:`PARTIAL`, brought to the disk, and then takes its name in one
step. So a reader never meets half a file, a full disk or a kill leaves the file that was there as it was, and a link in
its place is replaced itself, with what it points to untouched.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from sygus.errors import SycamError

PARTIAL = re.compile(r"\.sycam-sygus-([0-9a-f]{8})-([0-9]{1,10})-[0-9a-f]{16}\.part")
"""Names of files that are being written: where, by which process, and what keeps them apart."""

FORGOTTEN = 24 * 3600.0
"""Seconds after which nobody writes to such a file any more, whoever began it."""

_FULL = {
    errno.ENOSPC: ("the disk is full", "make room"),
    errno.EDQUOT: ("the quota is used up", "make room, or ask for more"),
    errno.EROFS: ("the file system is read-only", "give another place"),
    errno.EFBIG: ("it is larger than this process may write a file", "raise the limit of ulimit -f"),
}
"""What is meant by errors whose usual words leave it open, and what helps."""


class WriteError(SycamError):
    """A file or a folder cannot be written."""


def refusal(error: OSError, otherwise: str) -> tuple[str, str]:
    """Why something cannot be written, in words, and what helps.

    Args:
        error: of the system.
        otherwise: what helps where nothing in particular does.
    """
    words = error.strerror or type(error).__name__
    meant, remedy = _FULL.get(error.errno or 0, ("", otherwise))
    return f"{meant}: {words}" if meant else words, remedy


def _refused(error: OSError, what: str, where: str) -> WriteError:
    reason, remedy = refusal(error, f"give {where}")
    return WriteError(f"{what} ({reason})", f"{remedy}; what was there is unchanged")


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whose name the program chose; whatever else has that name, a link or a pipe, is replaced.

    Its folder should come from :func:`make_folder`, which sweeps it.

    Args:
        path: of the file; one that is there keeps its permissions.
        content: text is written as UTF-8.

    Raises:
        WriteError: it cannot be written; what was there is unchanged.
    """
    try:
        _replace(path, _bytes(content))
    except OSError as error:
        raise _refused(error, f"cannot write '{path}'", "another folder, or a right to write there") from None


def write_named(path: Path, content: str | bytes, option: str) -> None:
    """Write to a place that a person named: as :func:`write_file` does, but into a device or a pipe that is there.

    Args:
        path: of the file, the device or the pipe.
        content: text is written as UTF-8.
        option: where the person named it.

    Raises:
        WriteError: it cannot be written; a file that was there is unchanged.
    """
    try:
        if _is_special(path):
            _write_into(os.open(path, os.O_WRONLY | _CLOSED_ELSEWHERE), _bytes(content))
            return
        sweep(path.parent)
        _replace(path, _bytes(content))
    except OSError as error:
        raise _refused(error, f"{option}: cannot write '{path}'", "a file you may write") from None


def check_named(path: Path, option: str) -> None:
    """Whether :func:`write_named` may hope to write there; nothing is left there.

    Raises:
        WriteError: it cannot.
    """
    try:
        if not _is_special(path):
            _check_folder(path.parent)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise _refused(error, f"{option}: cannot write '{path}'", "a file you may write") from None


def make_folder(path: Path, option: str) -> Path:
    """Make a folder that a person named, or take the one that is there, and sweep it.

    Args:
        path: of the folder; a link to one is followed.
        option: where the person named it.

    Returns:
        The folder.

    Raises:
        WriteError: it cannot be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        sweep(path)
        _check_folder(path)
    except OSError as error:
        raise _refused(error, f"{option}: cannot write to '{path}'", "a folder you may write") from None
    return path


def sweep(folder: Path) -> None:
    """Remove what killed writes left: files of :data:`PARTIAL` whose process is gone, or that are old.

    Links, folders and pipes of such a name, and what another machine began a short time ago, stay.

    Args:
        folder: whose files are looked at.

    Raises:
        OSError: it cannot be read.
    """
    here = _here()
    with os.scandir(folder) as entries:
        for entry in entries:
            name = PARTIAL.fullmatch(entry.name)
            with suppress(OSError):  # another process sweeps too
                if name is not None and entry.is_file(follow_symlinks=False):
                    gone = name[1] == here and not _is_running(int(name[2]))
                    if gone or time.time() - entry.stat(follow_symlinks=False).st_mtime > FORGOTTEN:
                        os.unlink(entry.path)


def _bytes(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside its place, and let it take the place."""
    partial = path.parent / _partial_name()
    try:
        descriptor = os.open(partial, _ANEW, 0o666)
        _write_into(descriptor, content, _permissions(path))
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


_CLOSED_ELSEWHERE = getattr(os, "O_CLOEXEC", 0)
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | _CLOSED_ELSEWHERE
"""A file that was not there, nor a link of its name."""


def _write_into(descriptor: int, content: bytes, permissions: int | None = None) -> None:
    """Write all of it and close; some file systems say only at the end that there was no room."""
    try:
        if permissions is not None:
            os.fchmod(descriptor, permissions)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _permissions(path: Path) -> int | None:
    """Of the regular file that is there; None for what the umask says."""
    try:
        there = os.lstat(path)
    except OSError:
        return None
    known = stat.S_ISREG(there.st_mode) and hasattr(os, "fchmod")
    return stat.S_IMODE(there.st_mode) & 0o777 if known else None


def _is_special(path: Path) -> bool:
    """Whether there is a device or a pipe, to which links lead as ``/dev/stdout`` does."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _check_folder(folder: Path) -> None:
    """Begin a file and remove it.

    Raises:
        OSError: that is not possible.
    """
    probe = folder / _partial_name()
    os.close(os.open(probe, _ANEW, 0o600))
    os.unlink(probe)


def _partial_name() -> str:
    return f".sycam-sygus-{_here()}-{os.getpid()}-{secrets.token_hex(8)}.part"


def _here() -> str:
    """Where the number of a process means this process: one start of one machine, or a container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        place = boot + os.readlink("/proc/self/ns/pid")
    except OSError:
        place = platform.node()
    return hashlib.sha256(place.encode()).hexdigest()[:8]


def _is_running(process: int) -> bool:
    """Whether there is such a process; where that cannot be asked, it is taken to be there."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
