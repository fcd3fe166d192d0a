"""Every distinct expression of a run with its scores, as a table in a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sygus.errors import OptionError
from sygus.writing import check_named, write_named


def check_listing(path: Path) -> None:
    """Whether a listing can be written there.

    Raises:
        OptionError: an unknown suffix, no such folder, or pyarrow is not installed for Parquet.
        WriteError: a file that cannot be written.
    """
    if path.suffix not in _WRITERS:
        raise OptionError(f"--all: '{path}' has no known suffix", f"use one of {', '.join(_WRITERS)}")
    if not path.parent.is_dir():
        raise OptionError(f"--all: there is no folder '{path.parent}'", "make it first")
    check_named(path, "--all")
    if path.suffix == ".parquet":
        _pyarrow()


def write_listing(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write rows of equal keys; the suffix decides the format.

    Raises:
        OptionError: pyarrow is not installed for Parquet.
        WriteError: the file cannot be written.
    """
    write_named(path, _WRITERS[path.suffix](rows), "--all")


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _jsonl(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    pyarrow = _pyarrow()
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), content)
    return content.getvalue()


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise OptionError("--all: writing Parquet needs pyarrow", "pip install pyarrow, or use .csv") from None
    return pyarrow


_WRITERS: Mapping[str, Callable[[Sequence[dict[str, Any]]], str | bytes]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""By suffix."""
