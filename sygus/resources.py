"""Files that people name: problems, among them the grammars shipped with the package, and other texts."""

from __future__ import annotations

import errno
from pathlib import Path

from sygus.errors import OptionError, guess

SUFFIX = ".sy"


LARGEST_TEXT = 1 << 28
"""Bytes of a file that is read as a text."""

_PART = 1 << 20


def read_text(path: str | Path) -> str:
    """The text of a file; of a device that never ends, or of a file by mistake, no more than a limit is read.

    Raises:
        OSError: it cannot be read, or is larger than :data:`LARGEST_TEXT`.
        UnicodeDecodeError: it is no text.
    """
    data = bytearray()
    with Path(path).open("rb") as file:
        while part := file.read(_PART):  # what is asked for at once, is taken at once
            data += part
            if len(data) > LARGEST_TEXT:
                raise OSError(errno.EFBIG, f"it has more than {LARGEST_TEXT >> 20} MB")
    return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def grammar_folder() -> Path:
    """Where the shipped grammars are: inside the installed package, or beside it in a source tree."""
    package = package_folder()
    installed = package / "grammars"
    return installed if installed.is_dir() else package.parent / "grammars"


def package_folder() -> Path:
    """Where the package itself is."""
    return Path(__file__).parent


def grammar_names() -> list[str]:
    """The names under which shipped grammars are found."""
    return sorted(path.stem for path in grammar_folder().glob(f"*{SUFFIX}"))


def read_problem(name: str, option: str = "FILE") -> tuple[str, str]:
    """The file's name and text: a path, or the bare name of a shipped grammar.

    Raises:
        OptionError: there is no such file, or it is no text.
    """
    path = Path(name)
    if not path.exists() and path.name == name:
        shipped = grammar_folder() / f"{name.removesuffix(SUFFIX)}{SUFFIX}"
        path = shipped if shipped.exists() else path
    try:
        return name, read_named(path, name, option, "give a SyGuS-IF file")
    except FileNotFoundError:
        names = grammar_names()
        hint = f"{guess(names, path.stem)}give a path, or one of {', '.join(names)}"
        raise OptionError(f"{option}: there is no file '{name}'", hint) from None


def read_named(path: str | Path, name: str, option: str, wanted: str) -> str:
    """The text of a file that a person named.

    Args:
        path: where it is.
        name: as the person named it.
        option: by which.
        wanted: what to give in place of what is no text.

    Raises:
        FileNotFoundError: there is none; what there is, who asks knows.
        OptionError: it is no text, or cannot be read.
    """
    try:
        return read_text(path)
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        message = f"{option}: '{name}' is not a text file (byte {error.start} is not UTF-8)"
        raise OptionError(message, wanted) from None
    except OSError as error:
        raise OptionError(f"{option}: cannot read '{name}' ({error.strerror})", "give a readable file") from None
