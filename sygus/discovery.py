"""Packages whose modules register what they hold, so that one more file is one more thing; and what others offer."""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def registered_in(folder: Path, decorator: str) -> list[str]:
    """The names that the modules of a package register, read off their source, since importing them may take seconds.

    Args:
        folder: of the package.
        decorator: the function that registers, called with the name as its first argument.

    Returns:
        The names that are written out, sorted.
    """
    calls = (
        node
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == decorator and node.args
    )
    names = (call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant))
    return sorted(name for name in names if isinstance(name, str))


def import_modules(package: str) -> None:
    """Import every module of a package, by name; what each registers is known from then on.

    Args:
        package: its dotted name; its ``__init__`` calls this with its own ``__name__``.
    """
    for name in sorted(found.name for found in pkgutil.iter_modules(sys.modules[package].__path__)):
        importlib.import_module(f"{package}.{name}")


def entry_points(group: str) -> Sequence[EntryPoint]:
    """The entry points of a group that installed packages offer.

    Args:
        group: its name.
    """
    if not _may_hold(group):
        return ()
    from importlib import metadata  # takes as long as a small problem

    return tuple(metadata.entry_points(group=group))


def _may_hold(group: str) -> bool:
    """Whether some package names a group, or may stand where only Python's own search for packages finds it."""
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    return finders != [PathFinder] or any(_names(place or os.curdir, group.encode()) for place in sys.path)


def _names(place: str, group: bytes) -> bool:
    """Whether a package in a folder names a group; what is no folder but an archive, or an egg, may."""
    try:
        with os.scandir(place) as found:
            packages = [one.path for one in found if one.name.lower().endswith((".dist-info", ".egg-info"))]
    except OSError:
        return Path(place).is_file()
    return place.lower().endswith(".egg") or any(group in _text(Path(one, "entry_points.txt")) for one in packages)


def _text(path: Path) -> bytes:
    """What a file holds; nothing where it cannot be read, as Python's own search has it."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
