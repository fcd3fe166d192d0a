"""Whose code it is: installed, and so known by the name and version of its package, or a person's own."""

from __future__ import annotations

import os
import platform
import site
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_PACKAGE = Path(__file__).parents[3]
"""This package, which counts as installed wherever it lies; beside it are the solvers."""

_DISTRIBUTION = {"sygus": "sycam-sygus", "solvers": "sycam-sygus"}
"""Distributions that are not called as what is imported."""


def is_own_code(code: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Whether a function's code is a person's own.

    Args:
        code: by its file; text that was executed belongs to the module that executed it.
        namespace: the function's globals.
    """
    file = code.co_filename
    if file.startswith("<frozen "):
        return False
    if file.startswith("<"):
        return not is_installed(str(namespace.get("__name__", "")))
    return not _is_installed_file(file)


@cache
def is_installed(module: str) -> bool:
    """Whether a module is Python's, of an installed package, or of this one."""
    top = module.partition(".")[0]
    found = sys.modules.get(module) or sys.modules.get(top)
    file = getattr(found, "__file__", None)
    if isinstance(file, str):
        return _is_installed_file(file)
    places = [str(place) for place in getattr(found, "__path__", ())]
    if places:
        return all(map(_is_installed_file, places))
    return top in sys.builtin_module_names or (top in sys.stdlib_module_names and top != "__main__")


@cache
def version_of(module: str) -> str:
    """The version of what a module is installed with; "" where it does not say."""
    top = module.partition(".")[0]
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return platform.python_version()
    try:
        return metadata.version(_DISTRIBUTION.get(top, top))
    except (metadata.PackageNotFoundError, ValueError):
        said = getattr(sys.modules.get(top), "__version__", "")
        return said if isinstance(said, str) else ""


def extension_of(module: str) -> bytes:
    """The compiled file of a module that is a person's own; empty for every other."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not isinstance(file, str) or not file.endswith(tuple(EXTENSION_SUFFIXES)) or _is_installed_file(file):
        return b""
    return Path(file).read_bytes()


def name_of(module: ModuleType) -> str:
    """The name of a module as it is imported."""
    return str(vars(module).get("__name__", ""))


@cache
def _is_installed_file(file: str) -> bool:
    if {"site-packages", "dist-packages"} & set(Path(file).parts):
        return True
    return any(place.startswith(_roots()) for place in (os.path.abspath(file), os.path.realpath(file)))


@cache
def _roots() -> tuple[str, ...]:
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages(), str(_PACKAGE), str(_PACKAGE.parent / "solvers")]
    return tuple(f"{form(path)}{os.sep}" for path in paths for form in (os.path.abspath, os.path.realpath))
