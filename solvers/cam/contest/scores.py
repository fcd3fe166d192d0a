"""The scores of a task, paid once for all its trials, and the oracle that counts them as if each trial had paid."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from solvers.cam.journal import Journal
from sygus.oracles.cam import CamOracle, HeatMaps, Saliency, Scores
from sygus.saliency.metrics import Metric
from sygus.saliency.metrics.checked import limits

Key = tuple[str, str]
"""Of the maps, and of the metric."""


class ScoreTable:
    """What is known of the scores of a task: in a journal's file, which is read as one, and in memory.

    Args:
        path: the file; made where it does not exist.
        pictures: how many the search has.
        task: the digest of the task; the table of another one is refused.

    Raises:
        JournalError: it is no journal, or of another task, or another process writes to it.
    """

    def __init__(self, path: Path, pictures: int, task: str) -> None:
        self._journal = Journal(path, pictures)
        self._known: dict[Key, Scores] = {}
        self._fresh: set[Key] = set()
        try:
            self._journal.begin({"scores of": {"task": task}})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ScoreTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._journal.__exit__(None, None, None)

    def row(self, key: str, identity: str, metric: Metric, pictures: int) -> Scores:
        """The score of each picture, NaN where it is not known.

        Args:
            key: of the maps, exactly.
            identity: of the metric.
            metric: says what its scores may be.
            pictures: how many there are.
        """
        found = self._known.get((key, identity))
        if found is None:
            found = self._journal.scores(key, identity, pictures, *limits(metric))
            found = np.full(pictures, np.nan, np.float32) if found is None else found
            self._known[key, identity] = found
        return found

    def learn(self, key: str, identity: str) -> None:
        """Note that a row has been filled in further."""
        self._fresh.add((key, identity))

    def flush(self) -> None:
        """Write what is new."""
        if self._fresh:
            self._journal.keep([], [(*one, self._known[one]) for one in sorted(self._fresh)])
            self._fresh.clear()


class SharedOracle(CamOracle):
    """An oracle that takes known scores from a table, and counts the passes that they stand for all the same.

    So whoever is asked first pays in time alone, and no result depends on what is known.

    Args:
        oracle: of the same subject.
        references: what metrics may compare with.
        table: None where every score is paid.

    Attributes:
        paid: masked passes that were really made.
        scoring: seconds that scoring took.
    """

    def __init__(self, oracle: CamOracle, references: Mapping[str, Saliency], table: ScoreTable | None) -> None:
        super().__init__(oracle.subject, references, layers=oracle.layers, executor=oracle.executor)
        self.table = table
        self.paid = 0
        self.scoring = 0.0

    def attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: torch.Tensor) -> Scores:
        """As any oracle's."""
        before, begun = self.forwards, time.monotonic()
        found = self._attempt(heat, metric, index)
        self.paid += self.forwards - before
        self.forwards = before + metric.passes(self.subject.network.size) * found.size
        self.scoring += time.monotonic() - begun
        return found

    def _attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: torch.Tensor) -> Scores:
        table = self.table
        if table is None:
            return super().attempt(heat, metric, index)
        identity, pictures, places = self.identity(metric), len(self.subject.images), index.cpu().numpy()
        keys = [_exactly(one) for one in heat]
        rows = [table.row(key, identity, metric, pictures) for key in keys]
        lacking = [place for place, row in enumerate(rows) if np.isnan(row[places]).any()]
        if lacking:
            scored = super().attempt([heat[place] for place in lacking], metric, index)
            for place, values in zip(lacking, scored, strict=True):
                rows[place][places] = values
                table.learn(keys[place], identity)
        return np.stack([row[places] for row in rows])


def _exactly(heat: HeatMaps) -> str:
    """The key of these maps to the last bit.

    Those that are equal but for rounding count as alike within a trial, where the first to come is scored; which one
    that is differs from trial to trial, and metrics that order pixels may tell them apart.
    """
    return hashlib.sha256(heat.key.encode() + heat.maps.cpu().numpy().tobytes()).hexdigest()[:32]


class NoJournal(Journal):
    """Writes nothing and knows nothing: a trial is short, and is begun anew where it was interrupted."""

    def __init__(self) -> None:
        self.path, self.pictures = Path(), 0

    def scores(self, key: str, metric: str, pictures: int, low: float, high: float) -> Scores | None:  # noqa: ARG002
        """None are known."""
        return None

    def keep(self, proposals: list[tuple[Any, ...]], scores: list[tuple[str, str, Scores]]) -> None:
        """Nothing is kept."""
