"""The metrics by name; each module registers its own."""

from sygus.saliency.metrics import causal, coherence, confidence, localization, robustness, similarity
from sygus.saliency.metrics.metric import METRICS, Change, Evaluation, Metric, Subject, metric, subject_of
from sygus.saliency.metrics.registry import chosen_metric, chosen_metrics, find_metric, known_metrics

__all__ = [
    "METRICS",
    "Change",
    "Evaluation",
    "Metric",
    "Subject",
    "causal",
    "chosen_metric",
    "chosen_metrics",
    "coherence",
    "confidence",
    "find_metric",
    "known_metrics",
    "localization",
    "metric",
    "robustness",
    "similarity",
    "subject_of",
]
