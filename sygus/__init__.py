"""SyGuS for class activation maps: the language, its theories and its oracles."""

from importlib.metadata import version

__version__ = version("sycam-sygus")
