"""The theories, and the logics that open them."""

from sygus.theories.function import Entry, Family, Function, Theory
from sygus.theories.logics import LOGICS, find_logic

__all__ = ["LOGICS", "Entry", "Family", "Function", "Theory", "find_logic"]
