"""Which methods a run's table holds beside what it found.

What a method costs is stated in passes and never timed, so that the same search has the same table on a slow machine,
on a busy one, and when it is resumed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from solvers.cam.comparison import is_slow
from solvers.cam.settings import AUTO
from solvers.cam.subjects import Subjects
from sygus.language.problem import Target
from sygus.language.theories.ranks import parted
from sygus.oracles.methods import ALL, QUICK, Method, applicable_methods, find_methods, measuring_passes
from sygus.saliency.features import FEATURES, sources_of
from sygus.saliency.metrics import Metric


@dataclass(frozen=True)
class Baselines:
    """The rows of a table, without what was found.

    Attributes:
        methods: in the order of the rows.
        skipped: for the name of a metric the names of the methods that it does not score.
        notes: what was left out, and what brings it.
    """

    methods: list[Method]
    skipped: dict[str, frozenset[str]]
    notes: tuple[str, ...] = ()

    def skips(self, method: Method, metric: Metric) -> bool:
        """Whether a method is not scored by a metric that explains many times, each time at many passes."""
        return method.name in self.skipped.get(metric.name, ())


def baselines(names: str, target: Target, subjects: Subjects, metrics: Sequence[Metric], passes: int) -> Baselines:
    """The methods of the table.

    Args:
        names: ``auto``, or as ``evaluate --methods`` takes them.
        target: the function that is looked for; its parameters name the features that are measured anyway.
        subjects: the pictures.
        metrics: the columns.
        passes: masked passes that the scores of the search and of the choice stand for.

    Raises:
        OptionError: an unknown method, or one that is named and does not apply.
    """
    purse = _Purse.of(target, subjects, metrics, passes)
    notes: list[str] = []
    if names == AUTO:
        chosen = _affordable(purse, notes)
    else:
        chosen = applicable_methods(names, subjects.held_out, notes.append, "--baselines", also=[subjects.search])
    if names == QUICK:
        others = [method.title for method in find_methods(ALL) if _competes(method)]
        notes.append(f"not in the table, which was to be quick: {', '.join(others)}; --baselines all brings them")
    found = Baselines(chosen, {one.name: frozenset(m.name for m in chosen if purse.skips(m, one)) for one in metrics})
    for metric in metrics:
        skipped = [method for method in chosen if found.skips(method, metric)]
        if skipped:
            titles, called = ", ".join(one.title for one in skipped), ",".join(one.name for one in skipped)
            brings = shlex.join(["sycam-sygus", "evaluate", "--methods", called, "--metrics", metric.name])
            notes.append(f"not scored by {metric.name}, which explains many times: {titles}; '{brings}' does")
    return replace(found, notes=tuple(notes))


def _competes(method: Method) -> bool:
    """Whether a method beyond the quick ones explains what it is not told."""
    return not method.quick and not method.informed


def _affordable(purse: _Purse, notes: list[str]) -> list[Method]:
    """The quick methods, and of the others those that the search pays for; says which it leaves out."""
    oracle, others = purse.subjects.held_out, [method for method in find_methods(ALL) if _competes(method)]
    chosen = applicable_methods(QUICK, oracle, notes.append)
    further = [method for method in applicable_methods(ALL, oracle, lambda _: None) if _competes(method)]
    costs = {method.title: purse.cost(method) for method in further if not purse.pays(method)}
    if costs:
        listed = ", ".join(f"{title} ({cost})" for title, cost in costs.items())
        than = f"since they take more passes than the {purse.passes} of the search"
        notes.append(f"not in the table, {than}: {listed}; --baselines all brings them")
    absent = [method.title for method in others if method.name not in {one.name for one in further}]
    if absent:
        notes.append(f"not in the table, since they do not apply: {', '.join(absent)}; --baselines all says why")
    return [*chosen, *(method for method in further if purse.pays(method))]


@dataclass(frozen=True)
class _Purse:
    """What the search has spent, which a method of the table may cost too.

    Attributes:
        subjects: the pictures, all of which a method explains.
        measured: features that are measured anyway.
        passes: of the search and of the choice: those of masked pictures, and of the features that the grammar reads.
    """

    subjects: Subjects
    measured: frozenset[str]
    passes: int

    @classmethod
    def of(cls, target: Target, subjects: Subjects, metrics: Sequence[Metric], passes: int) -> _Purse:
        """Of a search; where a metric explains again, the features were measured again in each situation."""
        names = [one.name for one in target.function.parameters]
        explained = [name for name, layer in map(parted, names) if not layer]
        measured = frozenset(feature.name for feature in sources_of(explained))
        oracle = subjects.search
        situations = 1 + sum(metric.explanations(oracle.subject.network.size) for metric in metrics)
        pictures = sum(len(part.subject.images) for part in (oracle, subjects.validation) if part is not None)
        features = situations * pictures * measuring_passes(oracle, names)
        return cls(subjects, measured, passes + features)

    def cost(self, method: Method) -> int:
        """Passes that the maps of a method take on both sets of pictures."""
        parts = (self.subjects.search, self.subjects.held_out)
        return method.passes(self.subjects.held_out) * sum(len(part.subject.images) for part in parts)

    def pays(self, method: Method) -> bool:
        """Whether a method costs no more than the search, or nothing beside features that are measured anyway."""
        return self._has_measured(method) or self.cost(method) <= self.passes

    def skips(self, method: Method, metric: Metric) -> bool:
        """Whether a method is too costly for a metric that explains it many times."""
        if not is_slow(method, metric) or self._has_measured(method):
            return False
        return self.cost(method) * metric.explanations(self.subjects.search.subject.network.size) > self.passes

    def _has_measured(self, method: Method) -> bool:
        """Whether a method is an expression of features that cost little, or are measured anyway."""
        slow = {name for name in method.features if FEATURES[name].slow}
        return bool(method.features) and self.measured.issuperset(slow)
