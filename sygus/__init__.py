"""SyGuS for class activation maps: the language, its theories and its oracles; :func:`solve` runs a search.

What is named here is imported when it is first used, so that ``import sygus`` costs nothing.
"""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sygus.app.api import Result, load, solve
    from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor

__all__ = ["Result", "SynthesizedCAM", "SynthesizedExtractor", "__version__", "load", "solve"]

__version__ = version("sycam-sygus")

_HOMES = {
    **dict.fromkeys(("Result", "load", "solve"), "sygus.app.api"),
    **dict.fromkeys(("SynthesizedCAM", "SynthesizedExtractor"), "sygus.app.explainers"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sygus' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
