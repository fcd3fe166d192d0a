"""What a learner's proposals come of: a digest of its code, and of all code of this package that it uses."""

from __future__ import annotations

import hashlib
import inspect
import sys
import uuid
from types import ModuleType
from typing import Any

_PACKAGE = "solvers."


def code_digest(root: str) -> str:
    """A digest of a module's text, and of the modules of the solvers that it uses, directly or by others.

    Args:
        root: the name of a module that is loaded.

    Returns:
        The digest; one that no other module has where the text cannot be read.
    """
    seen: dict[str, str] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        module = sys.modules[name]
        try:
            seen[name] = inspect.getsource(module)
        except (OSError, TypeError):
            return uuid.uuid4().hex
        waiting += [used for used in _used(module) if used in sys.modules]
    text = "\0".join(f"{name}\0{seen[name]}" for name in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()


def _used(module: ModuleType) -> set[str]:
    """The solvers' modules that something in a module comes from."""
    names = {_home(value) for value in vars(module).values()}
    return {name for name in names if name.startswith(_PACKAGE)}


def _home(value: Any) -> str:
    found = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return found if isinstance(found, str) else ""
