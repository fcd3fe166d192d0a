"""The methods that are no expression of the grammar's theory; those that are live in ``grammars/methods.sy``.

Each module registers its own.
"""

from sygus.saliency.methods import input_level, layers, masked, optimised, simple
from sygus.saliency.methods.method import MAP_METHODS, MapMethod, method

__all__ = ["MAP_METHODS", "MapMethod", "input_level", "layers", "masked", "method", "optimised", "simple"]
