"""The quantities that a CAM expression is made of, and how they are measured on a network."""

from sygus.saliency.features.feature import FEATURES, Feature, FeatureTable, Rank, alpha, derive, draw
from sygus.saliency.features.measured import Measurements, measure

__all__ = ["FEATURES", "Feature", "FeatureTable", "Measurements", "Rank", "alpha", "derive", "draw", "measure"]
