"""Packages whose modules register what they hold, so that one more file is one more thing."""

from __future__ import annotations

import importlib
import pkgutil
import sys


def import_modules(package: str) -> None:
    """Import every module of a package, by name; what each registers is known from then on.

    Args:
        package: its dotted name; its ``__init__`` calls this with its own ``__name__``.
    """
    for name in sorted(found.name for found in pkgutil.iter_modules(sys.modules[package].__path__)):
        importlib.import_module(f"{package}.{name}")
