"""The quantities that a CAM expression is made of, and how they are measured on a network.

Each module registers its own. What shares passes stands in one module and is measured together: one backward pass
gives the logit and its gradient.
"""

from sygus.discovery import import_modules
from sygus.saliency.features.feature import (
    FEATURES,
    GRADIENT,
    Feature,
    FeatureTable,
    Rank,
    derive,
    draw,
    passes_of,
    sources_of,
)
from sygus.saliency.features.gradient import alpha
from sygus.saliency.features.measured import Measurements, measure

__all__ = [
    "FEATURES",
    "GRADIENT",
    "Feature",
    "FeatureTable",
    "Measurements",
    "Rank",
    "alpha",
    "derive",
    "draw",
    "measure",
    "passes_of",
    "sources_of",
]

import_modules(__name__)
