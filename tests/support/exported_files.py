"""Exported files, imported as their users import them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def module_of(source: str, folder: Path) -> ModuleType:
    """An exported file, imported."""
    path = folder / "exported.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("exported", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["exported"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    del sys.modules["exported"]
    return module
