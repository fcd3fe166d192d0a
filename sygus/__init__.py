"""SyGuS for class activation maps: the language, its theories and its oracles; :func:`solve` solves a problem.

What is named here is imported when it is first used, so that ``import sygus`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sygus.app.api import evaluate, explain, load, solve
    from sygus.app.cam import Result
    from sygus.app.evaluating import ScoreTable
    from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor
    from sygus.app.explaining import Explanations
    from sygus.app.improvements import Improvement
    from sygus.app.members import Member
    from sygus.app.ordinary import OrdinaryResult
    from sygus.app.statuses import Status

    __version__: str

__all__ = [
    "Explanations",
    "Improvement",
    "Member",
    "OrdinaryResult",
    "Result",
    "ScoreTable",
    "Status",
    "SynthesizedCAM",
    "SynthesizedExtractor",
    "__version__",
    "evaluate",
    "explain",
    "load",
    "solve",
]

_HOMES = {
    **dict.fromkeys(("evaluate", "explain", "load", "solve"), "sygus.app.api"),
    "Result": "sygus.app.cam",
    "ScoreTable": "sygus.app.evaluating",
    "Explanations": "sygus.app.explaining",
    "Improvement": "sygus.app.improvements",
    "Member": "sygus.app.members",
    "OrdinaryResult": "sygus.app.ordinary",
    "Status": "sygus.app.statuses",
    **dict.fromkeys(("SynthesizedCAM", "SynthesizedExtractor"), "sygus.app.explainers"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("sycam-sygus")
    if name not in _HOMES:
        raise AttributeError(f"module 'sygus' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
