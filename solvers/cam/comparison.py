"""Tables of scores: methods by metrics, on the pictures of the search and on those held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from solvers.cam.subjects import Subjects
from sygus.export.tables import Row
from sygus.oracles.cam import CamOracle, Scores
from sygus.oracles.methods import Method
from sygus.saliency.metrics import Evaluation, Metric
from sygus.saliency.progress import track
from sygus.statistics import Mean


def is_slow(method: Method, metric: Metric) -> bool:
    """Whether a score takes many explanations, each of many passes."""
    return "explain" in metric.needs and not method.quick


Skip = Callable[[Method, Metric], bool]
"""Whether a method is not scored by a metric."""

Keep = Callable[[Method, Evaluation], None]
"""Told a method's maps of held-out pictures, those of one part after those of the other."""


@dataclass(frozen=True)
class _Scored:
    """The scores of a method on some pictures, by the metric's name; and how many maps were black."""

    scores: dict[str, Scores]
    black: int = 0


_Pair = tuple[_Scored, _Scored]
"""On pictures of the search, and on held-out ones."""


class Comparison:
    """Every method scored by every metric but those skipped, on both sets of pictures.

    Pictures that are too many for the memory are worked through part by part: all methods on the first pictures of both
    sets, then all methods on those that follow. Their scores alone are kept.

    Args:
        subjects: network and pictures.
        methods: the rows.
        metrics: the columns.
        skip: which pairs to leave out.
        keep: told each method's maps of the held-out pictures.
    """

    def __init__(
        self,
        subjects: Subjects,
        methods: Sequence[Method],
        metrics: Sequence[Metric],
        skip: Skip = lambda method, metric: False,  # noqa: ARG005 - nothing is skipped
        keep: Keep = lambda method, evaluation: None,  # noqa: ARG005 - nothing is kept
    ) -> None:
        self.subjects = subjects
        self.methods = methods
        self.metrics = metrics
        self._skip = skip
        self._keep = keep
        self._steps: list[list[_Pair]] = []

    def run(self) -> None:
        """Score; a KeyboardInterrupt keeps what :attr:`done` and :attr:`pictures` say."""
        steps = list(zip_longest(self.subjects.search.spans, self.subjects.held_out.spans))
        if len(steps) == 1:
            self._take(*steps[0])
            return
        costs = [sum(len(rows) for rows in step if rows is not None) for step in steps]
        for step in track(steps, len(steps), "parts of the pictures scored", costs):
            self._take(*step)

    @property
    def done(self) -> Sequence[Method]:
        """The methods that are scored on as many pictures as :attr:`pictures` says."""
        return self.methods[: len(self._steps[0])] if self._steps else ()

    @property
    def pictures(self) -> tuple[int, int]:
        """How many pictures of the search, and how many held out, the methods are scored on."""
        count = len(self._steps)
        search, held_out = (
            sum(map(len, oracle.spans[:count])) for oracle in (self.subjects.search, self.subjects.held_out)
        )
        return search, held_out

    def rows(self) -> list[Row]:
        """The rows of the methods that are done."""
        return [self._row(place, method) for place, method in enumerate(self.done)]

    def _row(self, place: int, method: Method) -> Row:
        pairs = [step[place] for step in self._steps]
        search, held_out = (
            {
                metric.name: Mean.of(np.concatenate([one.scores[metric.name] for one in parts if one.scores]))
                for metric in self._columns(method)
            }
            for parts in zip(*pairs, strict=True)
        )
        black = sum(one.black for one, _ in pairs), sum(one.black for _, one in pairs)
        return Row(method.title, search, held_out, black, method.control)

    def _columns(self, method: Method) -> list[Metric]:
        return [metric for metric in self.metrics if not self._skip(method, metric)]

    def _cost(self, method: Method, metric: Metric) -> int:
        """Forward passes of a picture, and one for what takes none."""
        oracle = self.subjects.search
        explaining = method.passes(oracle) if "explain" in metric.needs else 0
        return 1 + metric.passes(oracle.subject.network.size) + explaining

    def _take(self, search: range | None, held_out: range | None) -> None:
        """Score all methods on some pictures of both sets; on the first ones every method that is done is kept."""
        whole = [
            one.passes(self.subjects.search) + sum(self._cost(one, metric) for metric in self._columns(one))
            for one in self.methods
        ]
        parts = [
            None if rows is None else oracle.part(rows)
            for oracle, rows in ((self.subjects.search, search), (self.subjects.held_out, held_out))
        ]
        found: list[_Pair] = []
        if not self._steps:
            self._steps.append(found)
        for method in track(self.methods, len(self.methods), "methods scored", whole):
            first, second = (
                _Scored({}) if part is None else self._scored(method, part, held_out=place == 1)
                for place, part in enumerate(parts)
            )
            found.append((first, second))
        if self._steps[0] is not found:
            self._steps.append(found)
        for part in parts:
            if part is not None and part is not self.subjects.search and part is not self.subjects.held_out:
                part.release()

    def _scored(self, method: Method, oracle: CamOracle, *, held_out: bool) -> _Scored:
        evaluation = method.evaluation(oracle)
        if held_out:
            self._keep(method, evaluation)
        columns = self._columns(method)
        costs = [self._cost(method, metric) for metric in columns]
        found = oracle.judged_elsewhere(evaluation, columns)
        for metric in track(columns, len(columns), f"metrics of {method.title}", costs):
            if metric.name not in found:
                found[metric.name] = oracle.judge(evaluation, metric)
        return _Scored({metric.name: found[metric.name] for metric in columns}, int(evaluation.empty.sum()))
