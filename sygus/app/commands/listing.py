"""``sycam-sygus list``: what there is of one kind. Each kind imports what holds it, and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sygus.app.terminal import echo
from sygus.errors import OptionError, known

if TYPE_CHECKING:
    from sygus.saliency.metrics import Metric


def _networks() -> Mapping[str, str]:
    from sygus.saliency.networks import NETWORKS

    return NETWORKS


def _images() -> Mapping[str, str]:
    from sygus.saliency.images import IMAGE_SETS

    return IMAGE_SETS


def _metrics() -> Mapping[str, str]:
    from sygus.saliency.metrics import known_metrics

    return {name: _metric_line(metric) for name, metric in known_metrics().items()}


def _metric_line(metric: Metric) -> str:
    """Its direction, the first line of its definition, and its other names."""
    from sygus.export.tables import arrow
    from sygus.saliency.metrics import aliases_of

    other = " or ".join(aliases_of(metric.name))
    return f"{arrow(metric)} {metric.doc.splitlines()[0]}" + (f" Also {other}." if other else "")


def _methods() -> Mapping[str, str]:
    from sygus.oracles.methods import methods

    return {name: method.title for name, method in methods().items()}


def _features() -> Mapping[str, str]:
    from sygus.oracles.parameters import SORTS
    from sygus.saliency.features import FEATURES

    return {name: f"{SORTS[one.rank]}: {one.doc}" for name, one in FEATURES.items()}


def _functions() -> Mapping[str, str]:
    from sygus.language.theories.cam import CAM

    return {one.name: f"{one.sorts}: {one.doc}" for one in CAM.symbols}


def strategies() -> Mapping[str, str]:
    """What ``--strategy`` may name: the learners of the logic CAM, and the strategies of every other."""
    from solvers.cam.learners import known_learners
    from solvers.cegis.portfolio import known_strategies

    learners = {name: f"in CAM: {doc}" for name, doc in known_learners().items()}
    return learners | {name: f"in other logics: {strategy.doc}" for name, strategy in known_strategies().items()}


def _grammars() -> Mapping[str, str]:
    from sygus.resources import grammar_names

    return dict.fromkeys(grammar_names(), "")


def _exports() -> Mapping[str, str]:
    from sygus.export.forms import FORMS

    return {name: form.doc for name, form in FORMS.items()}


KINDS: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "networks": _networks,
    "images": _images,
    "metrics": _metrics,
    "methods": _methods,
    "features": _features,
    "functions": _functions,
    "strategies": strategies,
    "grammars": _grammars,
    "exports": _exports,
}
"""What ``list`` lists, and what gives the names of each kind with what they are."""


def run_list(kind: str) -> None:
    """Print the names of one kind and what they are.

    Args:
        kind: one of :data:`KINDS`.

    Raises:
        OptionError: an unknown kind.
    """
    if kind not in KINDS:
        raise OptionError(f"list: unknown kind '{kind}'", known(KINDS, kind, "known kinds"))
    found = KINDS[kind]()
    width = max(map(len, found))
    for name, doc in found.items():
        echo(f"{name:{width}}  {doc}".rstrip())
