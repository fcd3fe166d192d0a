"""The methods that are no expression of the grammar's theory; those that are live in ``grammars/methods.sy``.

Each module registers its own.
"""

from sygus.discovery import import_modules
from sygus.saliency.methods.method import MAP_METHODS, VARIANTS, MapMethod, method
from sygus.saliency.methods.truth import TRUTH_MAPS, TruthMap

__all__ = ["MAP_METHODS", "TRUTH_MAPS", "VARIANTS", "MapMethod", "TruthMap", "method"]

import_modules(__name__)
