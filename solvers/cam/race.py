"""Racing: score candidates on few pictures first, and drop those that lose to the leader.

All candidates see the pictures in one fixed random order. At doubling looks the paired differences to the leader are
tested, with α spread over the looks (Bonferroni) and the standard error corrected for a finite set of pictures
(√(1 - n/N), zero once all are seen); and whatever the statistics, a candidate is dropped that could not reach the
leader if every picture to come gave a perfect score. See Maron & Moore (1994), Birattari et al. (2002).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student

from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.saliency.metrics import Metric

Mode = Literal["t", "bound", "off"]
FIRST_LOOK = 8


@dataclass(frozen=True)
class Racer:
    """How candidates race.

    Attributes:
        mode: ``t``: paired t test and exact bound; ``bound``: the exact bound alone; ``off``: score everything.
        alpha: probability, per candidate and approximately, of dropping one that is no worse than the leader.
        order: a permutation of the pictures.
    """

    mode: Mode
    alpha: float
    order: NDArray[np.int64]

    @classmethod
    def of(cls, mode: Mode, images: int, seed: int, alpha: float = 0.01) -> Racer:
        """A racer with an order drawn from the seed."""
        return cls(mode, alpha, np.random.Generator(np.random.PCG64(seed)).permutation(images))

    @property
    def looks(self) -> list[int]:
        """How many pictures are seen at each look."""
        images = len(self.order)
        doubling = [FIRST_LOOK << k for k in range(max(0, math.ceil(math.log2(max(1, images / FIRST_LOOK)))))]
        return [images] if self.mode == "off" else [*(n for n in doubling if n < images), images]

    def statement(self, passes: int, full: int) -> str:
        """What racing saved, and on which probability statement it stands."""
        saved = f"{passes} of the {full} passes that full scoring takes"
        if self.mode == "off":
            return f"no racing: {saved}"
        if self.mode == "bound":
            return f"racing by the exact bound, which never drops the best: {saved}"
        looks = len(self.looks) - 1
        return (
            f"racing by a paired t test at {looks} looks and the exact bound: {saved}; a term no worse than the leader "
            f"and the thresholds is dropped with probability at most {self.alpha:g}, approximately (Bonferroni)"
        )

    def run(
        self, oracle: CamOracle, heat: list[HeatMaps], metric: Metric, known: Scores, leader: Scores | None
    ) -> Scores:
        """Score candidates against a leader, or a threshold that they must not be worse than.

        Args:
            oracle: scores heat maps.
            heat: the candidates' heat maps.
            metric: what to score.
            known: (candidates, N) scores known before, NaN where they are not.
            leader: (N,) the leader's scores on all pictures; None where there is none, and all are scored in full, as
                they are by a metric that is joint over the pictures.

        Returns:
            (candidates, N), NaN on the pictures that a candidate did not see before it lost.
        """
        scores = known.copy()
        alive = np.arange(len(heat))
        seen = 0
        races = leader is not None and not metric.joint
        for look in self.looks if races else [len(self.order)]:
            block = self.order[seen:look]
            self._score(oracle, heat, metric, scores, alive, block)
            seen = look
            if leader is not None and look < len(self.order):
                alive = alive[~self._lost(scores[alive], leader, seen, metric)]
            if len(alive) == 0:
                break
        return scores

    def _score(
        self,
        oracle: CamOracle,
        heat: list[HeatMaps],
        metric: Metric,
        scores: Scores,
        alive: NDArray[np.int64],
        block: NDArray[np.int64],
    ) -> None:
        """Fill in the block of pictures for those alive that lack it."""
        lacking = [i for i in alive if np.isnan(scores[i, block]).any()]
        if lacking:
            scores[np.ix_(lacking, block)] = oracle.score([heat[i] for i in lacking], metric, torch.from_numpy(block))

    def _lost(self, scores: Scores, leader: Scores, seen: int, metric: Metric) -> NDArray[np.bool_]:
        """Which candidates are out after ``seen`` pictures."""
        index, total = self.order[:seen], len(self.order)
        sign = 1.0 if metric.direction == "min" else -1.0
        best = metric.low if metric.direction == "min" else metric.high
        values, theirs = sign * scores[:, index].astype(float), sign * leader.astype(float)
        bound = values.sum(1) + sign * best * (total - seen) if math.isfinite(best) else np.full(len(values), -np.inf)
        hopeless: NDArray[np.bool_] = bound > theirs.sum()
        if self.mode == "bound":
            return hopeless
        worse = values - theirs[index]
        error = worse.std(1, ddof=1) / math.sqrt(seen) * math.sqrt(1 - seen / total)
        critical = float(student.ppf(1 - self.alpha / (len(self.looks) - 1), seen - 1))
        lost: NDArray[np.bool_] = hopeless | (worse.mean(1) > critical * error)
        return lost


def mean(scores: Scores) -> tuple[float, int]:
    """The mean over the pictures seen, and how many they are."""
    seen = ~np.isnan(scores)
    return float(scores[seen].mean(dtype=np.float64)), int(seen.sum())
