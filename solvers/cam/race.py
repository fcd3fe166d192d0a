"""Racing: score candidates on few pictures first, and drop those that lose to the leader.

All candidates see the pictures in one fixed random order. At doubling looks the paired differences to the leader are
tested, with α spread over the looks (Bonferroni) and the standard error corrected for a finite set of pictures
(√(1 - n/N), zero once all are seen); and whatever the statistics, a candidate is dropped that could not reach the
leader if every picture to come gave a perfect score. See Maron & Moore (1994), Birattari et al. (2002).

The t test's α is approximate. Betting (:mod:`solvers.cam.betting`) has a guarantee in its place, at as many looks as
one likes: a candidate that is no worse over all pictures than the rival of its race, the leader of that time or a
threshold, is dropped in that race with probability at most α. That holds for two that are chosen before the order is
drawn; but a leader is chosen by earlier races, and a learner proposes by what it was told of them. So each race has an
order of its own, from a hash of the seed's order and the race's candidates, and the guarantee holds whatever was
before. Of all candidates that are no worse than the rivals of their races, a search then loses on average at most the
share α, each metric counted by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count, takewhile
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student

from solvers.cam.betting import evidence
from sygus.errors import counted
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.saliency.metrics import Metric
from sygus.saliency.metrics.checked import limits

Mode = Literal["t", "bound", "betting", "off"]
FIRST_LOOK = 8

ROWS = 32
"""What betting scores at least, over all candidates left, before it looks again: fewer would not fill a pass."""


def doubling(first: int, images: int) -> list[int]:
    """Looks at twice as many pictures each time, the last at all of them."""
    return [*takewhile(lambda look: look < images, (first << k for k in count())), images]


@dataclass(frozen=True)
class Racer:
    """How candidates race.

    Attributes:
        mode: ``t``: paired t test and exact bound; ``bound``: the exact bound alone; ``betting``: bets, which have a
            guarantee, and the exact bound; ``off``: score everything.
        alpha: probability, per candidate and metric, of dropping one that is no worse than the leader; approximately,
            except by betting.
        order: a permutation of the pictures, in which they are seen; betting draws the orders of its races from it.
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
        """How many pictures may be seen at a look; by betting, which looks no more often than passes are filled."""
        images = len(self.order)
        if self.mode == "off":
            return [images]
        if self.mode == "betting":
            return [*range(FIRST_LOOK, images, FIRST_LOOK), images]
        return doubling(FIRST_LOOK, images)

    def order_of(self, heat: list[HeatMaps], metric: Metric) -> NDArray[np.int64]:
        """In which order the candidates of a race see the pictures."""
        if self.mode != "betting":
            return self.order
        digest = blake2b(self.order.astype("<i8").tobytes(), digest_size=16)
        for text in (metric.name, *(one.key for one in heat)):
            digest.update(text.encode() + b"\0")
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest.digest(), "little"))).permutation(self.order)

    def races(self, metric: Metric) -> bool:
        """Whether candidates may be dropped before they are scored in full.

        Not by a metric that is joint over the pictures; nor, by betting, where no score is the best possible: without
        one, a single picture could make up for all others, and no evidence that comes before it is worth anything.
        """
        unlimited = self.mode == "betting" and not math.isfinite(_best(metric))
        return self.mode != "off" and not metric.joint and not unlimited

    def statement(self, passes: int, full: int, metrics: Iterable[Metric]) -> str:
        """What racing saved, and on which probability statement it stands."""
        saved = f"{passes} of the {full} passes that full scoring takes"
        if self.mode == "off":
            return f"no racing: {saved}"
        if self.mode == "bound":
            return f"racing by the exact bound, which never drops the best: {saved}"
        if self.mode == "betting":
            without = ", ".join(metric.name for metric in metrics if not self.races(metric))
            in_full = (
                f"; joint over the pictures or without a best score, so scored in full: {without}" if without else ""
            )
            return (
                f"racing by betting and the exact bound: {saved}; in each race, a term no worse than the leader or the "
                f"threshold is dropped with probability at most {self.alpha:g}, whatever the scores (Ville){in_full}"
            )
        looks = counted(len(self.looks) - 1, "look")
        return (
            f"racing by a paired t test at {looks} and the exact bound: {saved}; a term no worse than the leader "
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
                they are by a metric that does not race.

        Returns:
            (candidates, N), NaN on the pictures that a candidate did not see before it lost, or could not be scored.
        """
        scores = known.copy()
        alive = np.arange(len(heat))
        order, seen = self.order_of(heat, metric), 0
        rival = leader if self.races(metric) else None
        while seen < len(order) and len(alive):
            block = order[seen : self._look(seen, len(alive)) if rival is not None else len(order)]
            self._score(oracle, heat, metric, scores, alive, block)
            alive = alive[~np.isnan(scores[alive][:, block]).any(1)]  # without those that cannot be scored
            seen += len(block)
            if rival is not None and len(alive) and seen < len(order):
                lost = self._lost(scores[alive][:, order[:seen]], rival[order], metric)
                # What is known beyond, of another race or run, must not show: a result depends on its own race alone.
                scores[np.ix_(alive[lost], order[seen:])] = np.nan
                alive = alive[~lost]
        return scores

    def _look(self, seen: int, alive: int) -> int:
        """How many pictures are seen at the look after ``seen``."""
        least = seen + ROWS // alive if self.mode == "betting" else 0
        return next((look for look in self.looks if look > seen and look >= least), len(self.order))

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
            maps, index = [heat[i] for i in lacking], torch.from_numpy(block)
            scores[np.ix_(lacking, block)] = oracle.attempt(maps, metric, index)

    def _lost(self, scores: Scores, leader: Scores, metric: Metric) -> NDArray[np.bool_]:
        """Which candidates are out, by their scores (candidates, n) on the first n pictures and the leader's on all."""
        seen, total = scores.shape[1], len(leader)
        sign = 1.0 if metric.direction == "min" else -1.0
        values, theirs = sign * scores.astype(float), sign * leader.astype(float)
        if self.mode == "betting":
            best = sign * _best(metric)
            bets: NDArray[np.bool_] = evidence(values - best, theirs - best) >= math.log(1 / self.alpha)
            return bets
        best = sign * (metric.low if metric.direction == "min" else metric.high)
        bound = values.sum(1) + best * (total - seen) if math.isfinite(best) else np.full(len(values), -np.inf)
        hopeless: NDArray[np.bool_] = bound > theirs.sum()
        if self.mode == "bound":
            return hopeless
        worse = values - theirs[:seen]
        error = worse.std(1, ddof=1) / math.sqrt(seen) * math.sqrt(1 - seen / total)
        critical = float(student.ppf(1 - self.alpha / (len(self.looks) - 1), seen - 1))
        lost: NDArray[np.bool_] = hopeless | (worse.mean(1) > critical * error)
        return lost


def _best(metric: Metric) -> float:
    """The best score that is taken of a picture."""
    low, high = limits(metric)
    return low if metric.direction == "min" else high


def mean(scores: Scores) -> tuple[float, int]:
    """The mean over the pictures seen, and how many they are."""
    seen = ~np.isnan(scores)
    return float(scores[seen].mean(dtype=np.float64)), int(seen.sum())
