"""The theories, and the logics that open them."""

from sygus.language.theories.function import Entry, Family, Function, Theory
from sygus.language.theories.logics import LOGICS, find_logic

__all__ = ["LOGICS", "Entry", "Family", "Function", "Theory", "find_logic"]
