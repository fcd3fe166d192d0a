"""The metrics by name; each module registers its own."""

from sygus.saliency.metrics import confidence
from sygus.saliency.metrics.metric import METRICS, Evaluation, Metric, find_metric

__all__ = ["METRICS", "Evaluation", "Metric", "confidence", "find_metric"]
