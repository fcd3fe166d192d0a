"""Files in folders that others may write to: read only where they are plain files of a plausible size."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):  # each system has some of them
    _FLAGS |= getattr(os, _name, 0)


class UnfitFileError(Exception):
    """What stands under a name is no plain file of a plausible size; the text says what it is."""


def unfit_kind(mode: int) -> str:
    """What a file is by its mode, in words; "" for a plain one."""
    if stat.S_ISREG(mode):
        return ""
    return next((name for test, name in _KINDS if test(mode)), "no plain file")


def read_plain(path: Path, most: int) -> bytes:
    """The content of a plain file; nothing else is waited for, followed, or read.

    Args:
        path: the file.
        most: the bytes that it may have.

    Raises:
        UnfitFileError: it is a link, a folder, a pipe or a device, or too large.
        OSError: it is not there, or cannot be read.
    """
    content = read_head(path, most + 1)
    if len(content) > most:
        raise UnfitFileError(f"more than the {most} bytes that it can have")
    return content


def read_head(path: Path, count: int) -> bytes:
    """The first bytes of a plain file, all of them where it has fewer.

    Raises:
        UnfitFileError: it is a link, a folder, a pipe or a device.
        OSError: it is not there, or cannot be read.
    """
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise UnfitFileError("a symbolic link") from None
        if error.errno == errno.ENXIO:
            raise UnfitFileError("a socket or a device") from None
        raise
    try:
        kind = unfit_kind(os.fstat(handle).st_mode)
        if kind:
            raise UnfitFileError(kind)
        with open(handle, "rb", closefd=False) as file:
            return file.read(count)
    finally:
        os.close(handle)
