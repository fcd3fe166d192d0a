"""The choice of the answer: finalists race on through validation pictures, and the best over all pictures seen wins.

The winner of a search owes part of its score to luck: it is the largest of many noisy means. So the terms that the
search pictures cannot tell from the leader see further pictures, and the mean over both decides. Neither a rule towards
smaller terms nor the validation pictures alone chooses better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student

from solvers.cam.archive import Archive, Judged
from solvers.cam.journal import Journal
from solvers.cam.race import doubling
from sygus.language.terms import REAL, Literal, OracleFunction, Term, WeightSymbol, leaf, substitute, subterms
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.objective import CamProblem, Goal, Objectives, ranks
from sygus.saliency.metrics.checked import limits
from sygus.saliency.progress import track
from sygus.statistics import resampling

MOST = 24
"""Finalists beside the front: so many of the best that cannot be told from the leader."""

APART = 2.5
"""Standard errors of the paired difference by which a term is told from the leader on the search pictures."""

MORE, ROUNDS = 8, 12
"""So many come in at a time, and so often, where those before break constraints."""

FIRST_LOOK = 16
ALPHA = 0.01
"""The level of each finalist's tests against the leader. That is the best of many, so more are dropped wrongly."""


@dataclass(frozen=True, eq=False)
class Finalist:
    """A term that the answer was chosen from.

    Attributes:
        judged: its judgement on the search pictures.
        scores: by metric, of each validation picture, (V,); NaN where it had been dropped before.
        images: how many of them it saw.
        objectives: over all pictures that it saw, those of the search and of the validation.
        feasible: whether the constraints hold over them.
        probability: that it is the best of the finalists (or, of objectives without an order, that none is better in
            all), by the bootstrap over the pictures; 0 where it was dropped, or does not satisfy the constraints.
    """

    judged: Judged
    scores: Mapping[OracleFunction, Scores]
    images: int
    objectives: tuple[float, ...]
    feasible: bool
    probability: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether it saw every validation picture."""
        return not any(np.isnan(values).any() for values in self.scores.values())

    @property
    def over_all(self) -> Judged:
        """The judgement over all pictures seen."""
        outcome = replace(self.judged.outcome, objectives=self.objectives, feasible=self.feasible)
        return replace(self.judged, outcome=outcome)


@dataclass(frozen=True, eq=False)
class Choice:
    """What the validation pictures decided.

    Attributes:
        leader: the best over all pictures seen; None where no finalist satisfies the constraints over them.
        front: the best of each size that no smaller one matches, or the Pareto set, over all pictures seen.
        finalists: best first; those that were dropped last.
        pictures: how many validation pictures there are.
        broken: how many terms were no finalists, since their maps of these pictures are not finite or cannot be scored.
        passes: masked passes spent.
    """

    leader: Judged | None
    front: list[Judged]
    finalists: tuple[Finalist, ...]
    pictures: int
    broken: int
    passes: int


def finalists_of(problem: CamProblem, archive: Archive, most: int = MOST) -> list[Judged]:
    """The leader, the front, and all that cannot be told from the leader on the search pictures; best first.

    Of terms that differ in their constants alone the best comes in: the others would crowd out other ideas.

    Args:
        problem: what is asked.
        archive: what the search judged in full.
        most: how many, beside the front.
    """
    front = archive.front()
    leaders = front if not problem.is_ordered else front[-1:]
    taken = {_shape(one.term) for one in front}
    near: list[Judged] = []
    for one in sorted(archive.entrants(), key=archive.rank):
        shape = _shape(one.term)
        if len(near) < most and shape not in taken and any(_alike(problem, one, leader) for leader in leaders):
            taken.add(shape)
            near.append(one)
    return sorted([*front, *near], key=archive.rank)


def _shape(term: Term) -> Term:
    """The term with the same number in place of each of its own."""
    constants = (node for node in subterms(term) if isinstance(node.head, Literal) and node.sort == REAL)
    return substitute(term, dict.fromkeys(constants, leaf(Literal(Fraction(0), REAL))))


def _alike(problem: CamProblem, one: Judged, leader: Judged) -> bool:
    """Whether a term may be no worse than a leader: in the first objective, or in each of those without an order."""
    goals = problem.goals[:1] if problem.is_ordered else problem.goals
    return all(_may_match(goal, index, one, leader) for index, goal in enumerate(goals))


def _may_match(goal: Goal, index: int, one: Judged, leader: Judged) -> bool:
    if goal.metric is None and any(isinstance(node.head, OracleFunction) for node in subterms(goal.term)):
        return True  # scores of pictures do not make up its value: the best by rank come in
    if goal.metric is None:
        value, best = (goal.rank(judged.outcome.objectives[index]) for judged in (one, leader))
        return value <= best
    mine, theirs = (judged.outcome.scores[goal.metric].astype(float) for judged in (one, leader))
    worse = mine - theirs if goal.direction == "min" else theirs - mine
    return bool(worse.mean() <= APART * worse.std(ddof=1) / math.sqrt(len(worse)))


class Finals:
    """The race of the finalists.

    Args:
        problem: what is asked.
        search: the oracle on the search pictures.
        validation: the oracle on the validation pictures.
        journal: knows scores of an earlier try, and keeps those that are paid for.
        seed: of the order of the pictures and of the bootstrap.
    """

    def __init__(
        self, problem: CamProblem, search: CamOracle, validation: CamOracle, journal: Journal, seed: int
    ) -> None:
        self.problem = problem
        self.oracle = validation
        self.journal = journal
        self.seed = seed
        self.pictures = len(validation.subject.images)
        self.searched = len(search.subject.images)
        self.order = np.random.Generator(np.random.PCG64(seed)).permutation(self.pictures)
        self.objectives = Objectives(problem, search, validation)

    def choose(self, archive: Archive) -> Choice:
        """Race the finalists, and choose.

        What barely satisfies a constraint on the search pictures often breaks it over more of them. So where those that
        did best on the search pictures break one, the next best come in, some at a time.

        Args:
            archive: what the search judged in full, at least one of them feasible.
        """
        before = self.oracle.forwards
        judged: list[Finalist] = []
        known: set[int] = set()
        waiting = finalists_of(self.problem, archive)
        for _ in range(ROUNDS):
            judged += [self._judged(entry) for entry in self._raced(waiting)]
            known |= {one.id for one in waiting}
            waiting = self._further(archive, judged, known)
            if not waiting:
                break
        broken = len(known) - len(judged)
        shared = self._shared(judged)
        self.journal.judge([(one.judged.id, one.images, one.probability) for one in shared])
        final = Archive(self.problem)
        for one in shared:
            if one.complete:
                final.consider(one.over_all)
        return Choice(final.leader, final.front(), shared, self.pictures, broken, self.oracle.forwards - before)

    def _further(self, archive: Archive, judged: list[Finalist], known: set[int]) -> list[Judged]:
        """The next that did better on the search pictures than every finalist that satisfies the constraints."""
        fit = [archive.rank(one.judged) for one in judged if one.complete and one.feasible]
        if fit and not self.problem.is_ordered:
            return []
        waiting = sorted((one for one in archive.entrants() if one.id not in known), key=archive.rank)
        return [one for one in waiting if not fit or archive.rank(one) < min(fit)][:MORE]

    def _raced(self, finalists: Sequence[Judged]) -> list[_Entry]:
        """Race some; those whose maps are not finite, or cannot be scored, are left out."""
        drawn = zip(finalists, self._drawn(finalists), strict=True)
        entries = [_Entry(judged, heat) for judged, heat in drawn if heat.finite]
        alive, looks = entries, self._looks()
        for seen, look in track(list(pairwise([0, *looks])), len(looks), "finalists judged"):
            self._score(alive, self.order[seen:look])
            alive = [entry for entry in alive if not entry.unscored]
            if len(alive) > 1 and look < self.pictures:
                alive = self._without_losers(alive, look, len(looks) - 1)
        # Who was dropped against one that breaks a constraint in the end has not lost.
        while back := [one for one in entries if one.rival is not None and self._is_no_rival(one.rival)]:
            for entry in back:
                entry.rival = None
                self._score([entry], self.order[entry.images :])
        return [entry for entry in entries if not entry.unscored]

    def _is_no_rival(self, entry: _Entry) -> bool:
        """Whether it cannot be scored, or breaks a constraint over all pictures that it saw."""
        return entry.unscored or not self._values(entry, entry.images)[1]

    def _drawn(self, finalists: Sequence[Judged]) -> list[HeatMaps]:
        drawn = self.oracle.heat_maps([judged.term for judged in finalists])
        return [heat.of_term if self.problem.explains_again else heat for heat in drawn]

    def _looks(self) -> list[int]:
        """How many pictures are seen at each look; where nothing can be dropped, all at once."""
        goal = self.problem.goals[0]
        races = self.problem.is_ordered and goal.metric is not None
        if not races or any(metric.joint for metric in self.problem.metrics.values()):
            return [self.pictures]
        return doubling(FIRST_LOOK, self.pictures)

    def _score(self, entries: list[_Entry], block: NDArray[np.int64]) -> None:
        """Score on a block of pictures by every metric, and write it down."""
        for symbol, metric in self.problem.metrics.items():
            identity = self.oracle.identity(metric)
            for entry in entries:
                if symbol not in entry.scores:
                    known = self.journal.scores(entry.heat.key, identity, self.pictures, *limits(metric))
                    entry.scores[symbol] = np.full(self.pictures, np.nan, np.float32) if known is None else known
            lacking = [entry for entry in entries if np.isnan(entry.scores[symbol][block]).any()]
            if lacking:
                maps, index = [entry.heat for entry in lacking], torch.from_numpy(block)
                found = self.oracle.attempt(maps, metric, index)
                for entry, values in zip(lacking, found, strict=True):
                    entry.scores[symbol][block] = values
                self.journal.keep([], [(entry.heat.key, identity, entry.scores[symbol]) for entry in lacking])
            for entry in entries:
                entry.unscored |= bool(np.isnan(entry.scores[symbol][block]).any())
            entries = [entry for entry in entries if not entry.unscored]
        for entry in entries:
            entry.images += len(block)

    def _pooled(self, entry: _Entry, look: int) -> dict[OracleFunction, Scores]:
        """The scores of all pictures that were seen at a look, by metric: of the search, then of the validation."""
        index = np.sort(self.order[:look])
        return {
            symbol: np.concatenate([entry.judged.outcome.scores[symbol], values[index]])
            for symbol, values in entry.scores.items()
        }

    def _values(self, entry: _Entry, look: int) -> tuple[tuple[float, ...], bool]:
        """The objectives over all pictures seen at a look, and whether the constraints hold."""
        means = {symbol: float(v.mean(dtype=np.float64)) for symbol, v in self._pooled(entry, look).items()}
        seen = np.concatenate([np.arange(self.searched), self.searched + np.sort(self.order[:look])])
        term = entry.judged.term
        return self.objectives.values(term, means, seen), self.objectives.feasible(term, means, seen)

    def _without_losers(self, alive: list[_Entry], look: int, looks: int) -> list[_Entry]:
        """Drop those that are significantly worse than the best so far."""
        goals, values = self.problem.goals, {id(entry): self._values(entry, look) for entry in alive}
        fit = [entry for entry in alive if values[id(entry)][1]]
        if not fit:
            return alive
        leader = min(fit, key=lambda entry: ranks(goals, values[id(entry)][0]))
        metric, sign = goals[0].metric, 1 if goals[0].direction == "min" else -1
        assert metric is not None
        theirs = self._pooled(leader, look)[metric].astype(float)
        critical = float(student.ppf(1 - ALPHA / looks, len(theirs) - 1)) / math.sqrt(len(theirs))

        def lost(entry: _Entry) -> bool:
            worse = sign * (self._pooled(entry, look)[metric].astype(float) - theirs)
            return bool(worse.mean() > critical * worse.std(ddof=1))

        for entry in alive:
            if entry is not leader and lost(entry):
                entry.rival = leader
        return [entry for entry in alive if entry.rival is None]

    def _judged(self, entry: _Entry) -> Finalist:
        values, feasible = self._values(entry, entry.images)
        # A score known of an earlier try, of a picture before which this one was dropped, was not looked at.
        unseen = self.order[entry.images :]
        scores = {symbol: _without(found, unseen) for symbol, found in entry.scores.items()}
        return Finalist(entry.judged, scores, entry.images, values, feasible)

    def _shared(self, judged: Iterable[Finalist]) -> tuple[Finalist, ...]:
        """The finalists with their probabilities, in order."""
        goals = self.problem.goals
        ordered = sorted(judged, key=lambda one: (not one.complete, not one.feasible, ranks(goals, one.objectives)))
        rivals = [one for one in ordered if one.complete and one.feasible]
        found = dict(zip(map(id, rivals), self._probabilities(rivals), strict=True))
        return tuple(replace(one, probability=found.get(id(one), 0.0)) for one in ordered)

    def _probabilities(self, rivals: list[Finalist]) -> list[float]:
        """How often each is the best where the pictures are drawn anew."""
        if not rivals:
            return []
        weights = resampling(self.searched + self.pictures, self.seed)
        costs = np.stack([self._resampled(index, rivals, weights) for index in range(len(self.problem.goals))], axis=-1)
        if self.problem.is_ordered:
            best = np.array([min(range(len(rivals)), key=lambda i: tuple(draw[i])) for draw in costs])
            return [float((best == index).mean()) for index in range(len(rivals))]
        no_worse = np.all(costs[:, :, None] <= costs[:, None, :], axis=-1)
        better = no_worse & np.any(costs[:, :, None] < costs[:, None, :], axis=-1)
        return [float(share) for share in 1 - np.any(better, axis=1).mean(axis=0)]

    def _resampled(self, index: int, rivals: list[Finalist], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """An objective of each rival in each draw, (draws, rivals), the smaller the better."""
        goal = self.problem.goals[index]
        if isinstance(goal.term.head, WeightSymbol):
            fixed = np.array([goal.rank(one.objectives[index]) for one in rivals])
            return np.broadcast_to(fixed, (len(weights), len(rivals)))
        drawn = {
            symbol: weights @ np.stack([_over_all(one, symbol) for one in rivals], axis=1)
            for symbol in self.problem.metrics
        }
        if goal.metric is not None:
            return goal.rank(1.0) * drawn[goal.metric]
        found = np.empty((len(weights), len(rivals)))
        for place, one in enumerate(rivals):
            for draw in range(len(weights)):
                means = {symbol: float(values[draw, place]) for symbol, values in drawn.items()}
                found[draw, place] = goal.rank(self.objectives.values(one.judged.term, means)[index])
        return found


def _over_all(one: Finalist, symbol: OracleFunction) -> NDArray[np.float64]:
    return np.concatenate([one.judged.outcome.scores[symbol], one.scores[symbol]]).astype(np.float64)


def _without(scores: Scores, index: NDArray[np.int64]) -> Scores:
    kept = scores.copy()
    kept[index] = np.nan
    return kept


@dataclass(eq=False)
class _Entry:
    """A finalist on its way."""

    judged: Judged
    heat: HeatMaps
    scores: dict[OracleFunction, Scores] = field(default_factory=dict)
    images: int = 0
    rival: _Entry | None = None
    unscored: bool = False
