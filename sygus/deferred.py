"""Libraries that take long to import, each imported when something of it is first used.

Modules whose functions need a library, and which are often read for something else, take it from here.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["Deferred", "numpy", "sympy", "torch"]


class Deferred(ModuleType):
    """Stands for the module of its name, which is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    import numpy
    import sympy
    import torch
else:
    numpy = Deferred("numpy")
    sympy = Deferred("sympy")
    torch = Deferred("torch")
