"""The theories, by the name that ``set-logic`` gives them."""

from collections.abc import Mapping

from sygus.theories.cam import CAM
from sygus.theories.function import Function, Theory

LOGICS: Mapping[str, Theory] = {"CAM": CAM}

__all__ = ["LOGICS", "Function", "Theory"]
