"""Packages whose modules register what they hold, so that one more file is one more thing."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from pathlib import Path


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
