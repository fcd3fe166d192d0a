"""The metrics by name; each module registers its own."""

from sygus.discovery import import_modules
from sygus.saliency.metrics.evaluation import Change, Evaluation, Subject, subject_of
from sygus.saliency.metrics.metric import METRICS, Metric, given_metric, metric
from sygus.saliency.metrics.registry import aliases_of, chosen_metric, chosen_metrics, find_metric, known_metrics

__all__ = [
    "METRICS",
    "Change",
    "Evaluation",
    "Metric",
    "Subject",
    "aliases_of",
    "chosen_metric",
    "chosen_metrics",
    "find_metric",
    "given_metric",
    "known_metrics",
    "metric",
    "subject_of",
]

import_modules(__name__)
