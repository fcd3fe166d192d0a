"""Every distinct expression of a run with its scores, as a table in a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sygus.errors import OptionError

SUFFIXES = (".csv", ".jsonl", ".parquet")


def check_listing(path: Path) -> None:
    """Whether a listing can be written there.

    Raises:
        OptionError: an unknown suffix, a file that cannot be written, or pyarrow is not installed for Parquet.
    """
    if path.suffix not in SUFFIXES:
        raise OptionError(f"--all: '{path}' has no known suffix", f"use one of {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise OptionError(f"--all: there is no folder '{path.parent}'", "make it first")
    there = path.exists()
    with _writable(path):
        path.open("ab").close()
        if not there:
            path.unlink()
    if path.suffix == ".parquet":
        _pyarrow()


def write_listing(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write rows of equal keys; the suffix decides the format.

    Raises:
        OptionError: see :func:`check_listing`.
    """
    with _writable(path):
        if path.suffix == ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]) if rows else [])
                writer.writeheader()
                writer.writerows(rows)
        elif path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        else:
            pyarrow = _pyarrow()
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OptionError(f"--all: cannot write '{path}' ({error.strerror})", "give a file you may write") from None


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise OptionError("--all: writing Parquet needs pyarrow", "pip install pyarrow, or use .csv") from None
    return pyarrow
