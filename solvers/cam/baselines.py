"""Which methods a run's table holds beside what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from solvers.cam.comparison import is_slow
from solvers.cam.settings import AUTO
from sygus.language.problem import Target
from sygus.language.theories.ranks import parted
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import ALL, QUICK, Method, applicable_methods
from sygus.saliency.features import FEATURES, sources_of
from sygus.saliency.metrics import Metric


@dataclass(frozen=True)
class Baselines:
    """The rows of a table, without what was found.

    Attributes:
        methods: in the order of the rows.
        measured: features that are measured anyway.
        notes: what was left out, and what brings it.
    """

    methods: list[Method]
    measured: frozenset[str]
    notes: tuple[str, ...] = ()

    def skips(self, method: Method, metric: Metric) -> bool:
        """Whether a method is not scored by a metric that explains many times, each time at many passes."""
        return is_slow(method, metric) and not _is_cheap(method, self.measured)


def baselines(names: str, target: Target, oracle: CamOracle, metrics: Sequence[Metric]) -> Baselines:
    """The methods of the table.

    Args:
        names: ``auto``, or as ``evaluate --methods`` takes them.
        target: the function that is looked for; its parameters name the features that are measured anyway.
        oracle: the pictures.
        metrics: the columns.

    Raises:
        OptionError: an unknown method, or one that is named and does not apply.
    """
    notes: list[str] = []
    named = (parted(one.name) for one in target.function.parameters)
    measured = frozenset(feature.name for feature in sources_of(name for name, layer in named if not layer))
    chosen = applicable_methods(QUICK if names == AUTO else names, oracle, notes.append, "--baselines")
    if names == AUTO:
        further = [method for method in applicable_methods(ALL, oracle, lambda _: None) if not method.quick]
        chosen += [method for method in further if _is_cheap(method, measured)]
        left_out = [method.title for method in further if not _is_cheap(method, measured)]
        if left_out:
            notes.append(f"not in the table: {', '.join(left_out)}; --baselines all brings them")
    found = Baselines(chosen, measured)
    for metric in metrics:
        titles = [method.title for method in chosen if found.skips(method, metric)]
        if titles:
            notes.append(f"not scored by {metric.name}, which explains many times: {', '.join(titles)}")
    return replace(found, notes=tuple(notes))


def _is_cheap(method: Method, measured: frozenset[str]) -> bool:
    """Whether a method is an expression of features that cost little, or are measured anyway."""
    slow = {name for name in method.features if FEATURES[name].slow}
    return bool(method.features) and measured.issuperset(slow)
