"""The one loop: a learner proposes, the oracles judge, the journal remembers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from solvers.cam.archive import Archive, Judged
from solvers.cam.budget import Spending
from solvers.cam.journal import Journal
from solvers.cam.learner import Fate, Learner, Outcome, Proposal, Space
from solvers.cam.misses import Misses
from solvers.cam.race import Racer, mean
from solvers.cam.tuning import Bar, Tuner
from solvers.interrupts import heeded
from sygus.language.terms import OracleFunction, Term
from sygus.language.text import term_text
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.objective import CamProblem, Objectives
from sygus.saliency.metrics import Metric
from sygus.saliency.metrics.checked import limits

BATCH = 32
"""Proposals judged together; they race against the leader that there was when the batch began."""


HOPELESS = 1e9
"""The cost of a tuned term that is no answer; finite, so that the search for constants can calculate with it."""


class Ending(Enum):
    """Why a search ended."""

    CONCLUDED = "the learner has nothing more to propose"
    SATISFIED = "the first term that satisfies the constraints"
    BUDGET = "a limit of the budget is reached"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Progress:
    """What a progress display shows."""

    leader: Judged | None
    front: list[Judged]
    fates: Counter[Fate]
    spending: Spending
    learner: Learner


class Run:
    """Judges what a learner proposes until the space, the budget or the user ends it.

    Args:
        problem: what is asked.
        oracle: features and scores on the search pictures.
        space: what is searched, with the equivalence and safety oracles.
        learner: proposes terms of it.
        racer: decides how many pictures a term sees.
        spending: the budget.
        journal: where everything is written.
        report: called after every batch.
    """

    def __init__(
        self,
        problem: CamProblem,
        oracle: CamOracle,
        space: Space,
        learner: Learner,
        racer: Racer,
        spending: Spending,
        journal: Journal,
        report: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.problem = problem
        self.oracle = oracle
        self.space = space
        self.equivalence = space.equivalence
        self.learner = learner
        self.racer = racer
        self.spending = spending
        self.journal = journal
        self.report = report
        self.objectives = Objectives(problem, oracle)
        self.archive = Archive(problem)
        self.fates: Counter[Fate] = Counter()
        self.full_passes = 0
        self.limit: str | None = None
        """The limit of the budget that ended the search."""
        self.passes = 0
        """Masked passes that the scores stand for, whether they were spent now or known from before."""
        self._by_signature: dict[int, Judged] = {}
        self._by_map: dict[str, Judged] = {}
        self._by_score: dict[tuple[float, ...], Judged] = {}
        self._count = 0
        self._interrupted: Callable[[], bool] = lambda: False
        self.tuner = Tuner(problem.problem.target.written, self._cost)
        self.bar = Bar(problem)
        self.misses = Misses(self.objectives)
        size = oracle.subject.network.size
        self.by_price = sorted(problem.metrics.items(), key=lambda one: (one[1].alone, one[1].passes(size)))

    def execute(self) -> tuple[Ending, str]:
        """Search; the archive holds the answer. Returns why the search ended, and that in words.

        A KeyboardInterrupt passes through, with everything judged so far in the archive and the journal.
        """
        starts = [Proposal(one) for one in self.space.starts]
        with heeded() as self._interrupted:
            while True:
                self._heed()
                self.limit = self.spending.exhausted()
                if self.limit is not None:
                    return Ending.BUDGET, f"the budget's {self.limit} is spent"
                proposals, starts = starts[:BATCH], starts[BATCH:]
                asked = not proposals
                if asked:
                    proposals = self.learner.ask(BATCH)
                    if not proposals:
                        return Ending.CONCLUDED, self.learner.conclusion()
                judged = self._judge(proposals, told=asked)
                if self.problem.goals and not self.learner.tunes:
                    self.tuner.tune([one.term for one in (*self.archive.front(), *self.bar.over(judged))])
                front = self.archive.front()
                self.report(Progress(self.archive.leader, front, self.fates, self.spending, self.learner))
                if not self.problem.goals and self.archive.leader is not None:
                    return Ending.SATISFIED, Ending.SATISFIED.value

    def _judge(self, proposals: list[Proposal], *, told: bool) -> list[Judged]:
        """Pass a batch through the oracles, in order of their price; the learner is told what it has proposed."""
        before = self.oracle.forwards
        entries = [_Entry(self._count + position, proposal) for position, proposal in enumerate(proposals)]
        self._count += len(entries)
        for entry in entries:
            self._screen(entry)
        self._draw([entry for entry in entries if entry.judged is None])
        self._score([entry for entry in entries if entry.judged is None and entry.twin is None])
        for entry in entries:
            if entry.judged is None:
                assert entry.twin is not None
                entry.judged = self._duplicate(entry, self._by_map[entry.twin])
        self.spending.forwards += self.oracle.forwards - before
        judged = [(entry, entry.judged) for entry in entries if entry.judged is not None]
        self._conclude(judged, told=told)
        return [one for _, one in judged]

    def _heed(self) -> None:
        if self._interrupted():
            raise KeyboardInterrupt

    def _cost(self, term: Term) -> float:
        """How good a tuned term is by the first objective, the smaller the better; what is not feasible is hopeless.

        Of one that lost the race in that, what it lost by on the pictures that it saw, beside the leader's score.
        """
        self._heed()
        if self.spending.exhausted() is not None:
            return HOPELESS
        (judged,) = self._judge([Proposal(term)], told=False)
        goal, outcome, leader = self.problem.goals[0], judged.outcome, self.archive.leader
        if outcome.complete:
            return goal.rank(outcome.objectives[0]) if outcome.feasible else HOPELESS
        scores = outcome.scores.get(goal.metric) if goal.metric is not None else None
        if scores is None or leader is None or goal.metric is None or not np.isnan(scores).any():
            return HOPELESS
        behind = float(np.nanmean(scores.astype(float) - leader.outcome.scores[goal.metric]))
        return goal.rank(leader.outcome.objectives[0] + behind)

    def _screen(self, entry: _Entry) -> None:
        """Judge what is unsafe, not finite on the probes, or known by value."""
        if not self.space.safety.check(entry.term).safe:
            entry.judged = Judged(entry.number, entry.term, Outcome(Fate.UNSAFE))
            return
        entry.signature = entry.proposal.signature
        if entry.signature is None:
            entry.signature = self.space.probes.signature(entry.term)
        if entry.signature is None:
            entry.judged = Judged(entry.number, entry.term, Outcome(Fate.FAILED))
        elif self.equivalence.is_by_value and entry.signature in self._by_signature:
            entry.judged = self._duplicate(entry, self._by_signature[entry.signature])

    def _draw(self, entries: list[_Entry]) -> None:
        """Compute heat maps; judge those that are not finite, and pair up those that are scored alike."""
        keys: set[str] = set()
        by_value: dict[int | None, str] = {}
        for entry, heat in zip(entries, self.oracle.heat_maps([entry.term for entry in entries]), strict=True):
            heat = heat.of_term if self.problem.explains_again else heat
            entry.heat = heat
            if not heat.finite:
                entry.judged = Judged(entry.number, entry.term, Outcome(Fate.FAILED))
            elif self.equivalence.shares_scores and (heat.key in self._by_map or heat.key in keys):
                entry.twin = heat.key
            elif self.equivalence.is_by_value and entry.signature in by_value:
                entry.twin = by_value[entry.signature]
            else:
                by_value[entry.signature] = heat.key
            keys.add(heat.key)

    def _score(self, entries: list[_Entry]) -> None:
        """Score by every metric, the cheapest first; who loses a race or fails a constraint goes no further."""
        alive = entries
        for symbol, metric in self.by_price:
            heat = [entry.heat for entry in alive if entry.heat is not None]
            if not heat:
                break
            known = np.stack([self._known(one, metric) for one in heat])
            found = self.racer.run(self.oracle, heat, metric, known, self._rival(symbol))
            each = metric.passes(self.oracle.subject.network.size)
            self.full_passes += each * found.size
            self.passes += each * int(np.count_nonzero(~np.isnan(found)))
            found.setflags(write=False)  # learners are shown them
            for entry, row in zip(alive, found, strict=True):
                entry.scores[symbol] = row
            alive = [entry for entry, row in zip(alive, found, strict=True) if not np.isnan(row).any()]
            alive = [entry for entry in alive if not self.objectives.refuted(entry.term, entry.means)]
        for entry in entries:
            assert entry.heat is not None
            entry.judged = self._by_map[entry.heat.key] = self._scored(entry)

    def _rival(self, symbol: OracleFunction) -> Scores | None:
        """The best scores such that losing to them on this metric alone means losing: a threshold's or the leader's."""
        goals, leader = self.problem.goals, self.archive.leader
        rivals = self.objectives.thresholds(symbol)
        if leader is not None and goals and goals[0].metric == symbol and self.problem.is_ordered:
            rivals.append(leader.outcome.scores[symbol])
        sign = 1 if self.problem.metric(symbol).direction == "min" else -1
        return min(rivals, key=lambda scores: sign * float(scores.mean(dtype=np.float64)), default=None)

    def _known(self, heat: HeatMaps, metric: Metric) -> Scores:
        """What the journal knows of these maps, NaN for the rest."""
        pictures = len(self.racer.order)
        stored = self.journal.scores(heat.key, self.oracle.identity(metric), pictures, *limits(metric))
        return stored if stored is not None else np.full(pictures, np.nan, np.float32)

    def _scored(self, entry: _Entry) -> Judged:
        if entry.heat is not None and entry.heat.key in self.oracle.failed:
            entry.scores = {}
            return Judged(entry.number, entry.term, Outcome(Fate.FAILED))
        scores = entry.scores
        seen = [mean(values)[1] for values in scores.values()]
        complete = len(scores) == len(self.problem.metrics) and all(n == len(self.racer.order) for n in seen)
        if not complete:
            margins = self.objectives.margins(entry.term, scores)
            outcome = Outcome(Fate.PRUNED, images=min(seen), scores=scores, margins=margins)
            return Judged(entry.number, entry.term, outcome)
        means = tuple(entry.means.values())
        first = self._by_score.get(means) if self.equivalence is Equivalence.SCORE else None
        if first is not None:
            return self._duplicate(entry, first)
        judged = Judged(entry.number, entry.term, self._outcome(Fate.SCORED, entry.term, scores))
        self._by_score[means] = judged
        return judged

    def _outcome(self, fate: Fate, term: Term, scores: Mapping[OracleFunction, Scores]) -> Outcome:
        means = {symbol: mean(values)[0] for symbol, values in scores.items()}
        values, feasible = self.objectives.values(term, means), self.objectives.feasible(term, means)
        margins = self.objectives.margins(term, scores)
        return Outcome(fate, values, len(self.racer.order), feasible, scores, margins)

    def _duplicate(self, entry: _Entry, first: Judged) -> Judged:
        """A term that behaves like an earlier one shares its scores, but has a size and weights of its own."""
        scores = first.outcome.scores
        outcome = replace(first.outcome, fate=Fate.DUPLICATE)
        if first.outcome.complete:
            outcome = self._outcome(Fate.DUPLICATE, entry.term, scores)
        return Judged(entry.number, entry.term, outcome, first.id)

    def _conclude(self, batch: list[tuple[_Entry, Judged]], *, told: bool) -> None:
        """Write the batch, then move the leader and tell the learner, in the order of the proposals."""
        scores = [
            (entry.heat.key, self.oracle.identity(self.problem.metrics[symbol]), values)
            for entry, _ in batch
            for symbol, values in entry.scores.items()
            if entry.heat is not None
        ]
        self.journal.keep([_row(entry, judged) for entry, judged in batch], scores)
        self.spending.terms += sum(bool(entry.scores) for entry, _ in batch)
        for entry, judged in batch:
            self.fates[judged.outcome.fate] += 1
            if entry.signature is not None:
                self._by_signature.setdefault(entry.signature, judged)
            if judged.outcome.complete:
                self.archive.consider(judged)
            if self.archive.leader is None and entry.scores:
                self.misses.note(entry.term, entry.scores)
            if told:
                self.learner.tell(entry.proposal, judged.outcome)


@dataclass
class _Entry:
    """A proposal on its way through the oracles.

    Attributes:
        number: in the journal.
        proposal: what was proposed.
        signature: its value signature, once known.
        heat: its heat maps, once drawn.
        twin: the key of equal maps, drawn before by another.
        scores: its own, paid for; empty where it shares another's.
        judged: the judgement, once there is one.
    """

    number: int
    proposal: Proposal
    signature: int | None = None
    heat: HeatMaps | None = None
    twin: str | None = None
    scores: dict[OracleFunction, Scores] = field(default_factory=dict)
    judged: Judged | None = None

    @property
    def term(self) -> Term:
        return self.proposal.term

    @property
    def means(self) -> dict[OracleFunction, float]:
        """The mean of its scores by each metric."""
        return {symbol: mean(values)[0] for symbol, values in self.scores.items()}


def _row(entry: _Entry, judged: Judged) -> tuple[Any, ...]:
    """The row of the journal's table of proposals."""
    outcome = judged.outcome
    return (
        judged.id,
        term_text(judged.term),
        judged.term.size,
        str(outcome.fate),
        judged.alias,
        entry.heat.key if entry.heat is not None else None,
        outcome.images,
        json.dumps(outcome.objectives),
        int(bool(outcome.feasible)),
    )
