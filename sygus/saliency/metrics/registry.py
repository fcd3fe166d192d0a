"""Metrics by name: those of this package, those that installed packages offer, and a user's own function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sygus.discovery import entry_points
from sygus.errors import OptionError, known
from sygus.foreign import named_function
from sygus.saliency.metrics.metric import METRICS, Metric
from sygus.saliency.options import read_call, split_calls

GROUP = "sycam_sygus.metrics"
"""The entry point group in which packages offer modules, or functions, with metrics."""


ALIASES: Mapping[str, str] = {
    "increase-in-confidence": "average-increase",  # Chattopadhay et al. 2018, section 4.1; Wang et al. 2020, Score-CAM
    "energy-based-pointing-game": "energy-pointing-game",  # Wang et al. 2020, Score-CAM, section 4.3
    "relevance-mass-accuracy": "energy-pointing-game",  # Arras et al. 2022, CLEVR-XAI, for maps that are at least 0
    "gini-index": "sparseness",  # Chalasani et al. 2020; Hurley and Rickard 2009
    "jaccard": "iou",  # Jaccard 1912
}
"""Names under which the literature has a metric of this package, with the same definition and direction.

AOPC (Samek et al. 2017) is none: it is p minus the mean of ``deletion``'s curve, so that large values are good.
"""


def aliases_of(name: str) -> tuple[str, ...]:
    """The other names of a metric."""
    return tuple(alias for alias, meant in ALIASES.items() if meant == name)


@cache
def known_metrics() -> dict[str, Metric]:
    """Every metric by name; entry points are loaded on the first call.

    Raises:
        OptionError: an entry point that does not load.
    """
    for point in entry_points(GROUP):
        try:
            point.load()
        except Exception as error:
            message = f"the metrics of the entry point '{point.name}' do not load ({error})"
            raise OptionError(message, f"mend or uninstall the package that offers {point.value}") from error
    return METRICS


def find_metric(name: str) -> Metric:
    """The metric of this name or alias, with options as in ``deletion(top=30)``.

    Raises:
        OptionError: there is none, or an option is wrong.
    """
    family, given = read_call(name, "metric")
    metrics = known_metrics()
    if family not in metrics:
        family = ALIASES.get(family, family)
    if family not in metrics:
        raise OptionError(f"unknown metric '{family}'", known([*metrics, *ALIASES], family, "known metrics"))
    return metrics[family].configured(given)


def chosen_metric(name: str) -> Metric:
    """A metric as the command line names it: by name, or a user's own as ``package.module:function``.

    Only the command line may name a function, since importing its module runs it; a problem file may not.

    Raises:
        OptionError: there is none, or the function does not import or is no metric.
    """
    path, _, options = name.strip().partition("(")
    if ":" not in path:
        return find_metric(name)
    function = named_function(path)
    for metric in METRICS.values():
        if metric.function is function:
            return find_metric(f"{metric.name}({options}" if options else metric.name)
    raise OptionError(f"'{path}' is no metric", "decorate the function with sygus.saliency.metrics.metric")


def chosen_metrics(names: str) -> list[Metric]:
    """The metrics of a comma-separated list; commas inside parentheses separate options.

    Raises:
        OptionError: an unknown one.
    """
    return [chosen_metric(name) for name in split_calls(names)]
