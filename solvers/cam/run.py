"""The one loop: a strategy proposes, the oracles judge, the journal remembers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers.cam.budget import Spending
from solvers.cam.interrupts import heeded
from solvers.cam.journal import Journal
from solvers.cam.learner import Fate, Outcome, Proposal, Strategy
from solvers.cam.race import Racer, mean
from sygus.language.terms import OracleFunction, Term
from sygus.language.text import term_text
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.equivalence import Equivalence, Probes
from sygus.oracles.objective import CamProblem, Objectives
from sygus.oracles.safety import SafetyOracle
from sygus.saliency.metrics import Metric

BATCH = 32
"""Proposals judged together; they race against the leader that there was when the batch began."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A term that was judged.

    Attributes:
        id: its number in the journal.
        term: the term.
        outcome: what was learnt.
        scores: per metric oracle the score of each picture, NaN where it was not seen.
        alias: the number of the candidate that it behaves like.
    """

    id: int
    term: Term
    outcome: Outcome
    scores: dict[OracleFunction, Scores] = field(default_factory=dict)
    alias: int | None = None


@dataclass
class Archive:
    """The best candidate and its rivals: the best of each size or, for objectives that are equals, the Pareto set.

    The leader is the first of the lexicographic order; of a Pareto set it is a member like any other, and the answer.
    """

    problem: CamProblem
    leader: Candidate | None = None
    by_size: dict[int, Candidate] = field(default_factory=dict)
    pareto: list[Candidate] = field(default_factory=list)

    def rank(self, candidate: Candidate) -> tuple[float, ...]:
        """Smaller is better; objectives in the file's order."""
        goals = self.problem.goals
        return tuple(goal.rank(value) for goal, value in zip(goals, candidate.outcome.objectives, strict=True))

    def consider(self, candidate: Candidate) -> bool:
        """Take note of a candidate with full scores; whether it leads now. The first of equals stays."""
        if not candidate.outcome.feasible:
            return False
        rank = self.rank(candidate)
        if not self.problem.is_ordered:
            self._enter_pareto(candidate, rank)
        rival = self.by_size.get(candidate.term.size)
        if rival is None or rank < self.rank(rival):
            self.by_size[candidate.term.size] = candidate
        if self.leader is None or rank < self.rank(self.leader):
            self.leader = candidate
            return True
        return False

    def _enter_pareto(self, candidate: Candidate, rank: tuple[float, ...]) -> None:
        """Keep the candidate unless another is as good in everything; drop those to which it is."""
        if any(_at_least(self.rank(other), rank) for other in self.pareto):
            return
        self.pareto = [other for other in self.pareto if not _at_least(rank, self.rank(other))] + [candidate]

    def front(self) -> list[Candidate]:
        """The Pareto set, best of the first objective first; or the candidates that no smaller one matches."""
        if not self.problem.is_ordered:
            return sorted(self.pareto, key=self.rank)
        kept: list[Candidate] = []
        for _, candidate in sorted(self.by_size.items()):
            if not kept or self.rank(candidate) < self.rank(kept[-1]):
                kept.append(candidate)
        return kept


def _at_least(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether one rank is as good as another in every objective."""
    return all(a <= b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True)
class Progress:
    """What a progress display shows."""

    leader: Candidate | None
    front: list[Candidate]
    fates: Counter[Fate]
    spending: Spending
    strategy: Strategy


class Run:
    """Judges what a strategy proposes until the space, the budget or the user ends it.

    Args:
        problem: what is asked.
        oracle: features and scores on the search pictures.
        probes, safety: the equivalence and safety oracles.
        strategy: proposes terms.
        racer: decides how many pictures a candidate sees.
        spending: the budget.
        journal: where everything is written.
        equivalence: which terms are scored once.
        report: called after every batch.
    """

    def __init__(
        self,
        problem: CamProblem,
        oracle: CamOracle,
        probes: Probes,
        safety: SafetyOracle,
        strategy: Strategy,
        racer: Racer,
        spending: Spending,
        journal: Journal,
        equivalence: Equivalence = Equivalence.MAP,
        report: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.problem = problem
        self.oracle = oracle
        self.probes = probes
        self.safety = safety
        self.strategy = strategy
        self.racer = racer
        self.spending = spending
        self.journal = journal
        self.equivalence = equivalence
        self.report = report
        self.objectives = Objectives(problem, oracle)
        self.archive = Archive(problem)
        self.fates: Counter[Fate] = Counter()
        self.full_passes = 0
        self._by_signature: dict[int, Candidate] = {}
        self._by_map: dict[str, Candidate] = {}
        self._by_score: dict[tuple[float, ...], Candidate] = {}
        self._count = 0

    def execute(self) -> str:
        """Search; the archive holds the answer. Returns why the search ended, in words.

        A KeyboardInterrupt passes through, with everything judged so far in the archive and the journal.
        """
        with heeded() as interrupted:
            while True:
                if interrupted():
                    raise KeyboardInterrupt
                limit = self.spending.exhausted()
                if limit is not None:
                    return f"the budget's {limit} is spent"
                proposals = self.strategy.ask(BATCH)
                if not proposals:
                    return self.strategy.conclusion()
                self._judge(proposals)
                self.report(
                    Progress(self.archive.leader, self.archive.front(), self.fates, self.spending, self.strategy)
                )
                if not self.problem.goals and self.archive.leader is not None:
                    return "the first term that satisfies the constraints"

    def _judge(self, proposals: list[Proposal]) -> None:
        """Pass a batch through the oracles, in order of their price."""
        before = self.oracle.forwards
        entries = [_Entry(self._count + position, proposal) for position, proposal in enumerate(proposals)]
        self._count += len(entries)
        for entry in entries:
            self._screen(entry)
        self._draw([entry for entry in entries if entry.candidate is None])
        self._score([entry for entry in entries if entry.candidate is None and entry.twin is None])
        for entry in entries:
            if entry.candidate is None:
                assert entry.twin is not None
                entry.candidate = self._duplicate(entry, self._by_map[entry.twin])
        self.spending.forwards += self.oracle.forwards - before
        self._conclude([(entry, entry.candidate) for entry in entries if entry.candidate is not None])

    def _screen(self, entry: _Entry) -> None:
        """Judge what is unsafe, not finite on the probes, or known by value."""
        if not self.safety.check(entry.term).safe:
            entry.candidate = Candidate(entry.number, entry.term, Outcome(Fate.UNSAFE))
            return
        entry.signature = entry.proposal.signature
        if entry.signature is None:
            entry.signature = self.probes.signature(entry.term)
        if entry.signature is None:
            entry.candidate = Candidate(entry.number, entry.term, Outcome(Fate.FAILED))
        elif self.equivalence.is_by_value and entry.signature in self._by_signature:
            entry.candidate = self._duplicate(entry, self._by_signature[entry.signature])

    def _draw(self, entries: list[_Entry]) -> None:
        """Compute heat maps; judge those that are not finite, and pair up those that are scored alike."""
        keys: set[str] = set()
        for entry, heat in zip(entries, self.oracle.heat_maps([entry.term for entry in entries]), strict=True):
            heat = heat.of_term if self.problem.explains_again else heat
            entry.heat = heat
            if not heat.finite:
                entry.candidate = Candidate(entry.number, entry.term, Outcome(Fate.FAILED))
            elif self.equivalence.shares_scores and (heat.key in self._by_map or heat.key in keys):
                entry.twin = heat.key
            keys.add(heat.key)

    def _score(self, entries: list[_Entry]) -> None:
        """Score by every metric in turn; who loses the race in the first is not scored by the others."""
        alive = entries
        for symbol, metric in self.problem.metrics.items():
            heat = [entry.heat for entry in alive if entry.heat is not None]
            if not heat:
                break
            known = np.stack([self._known(one, metric) for one in heat])
            found = self.racer.run(self.oracle, heat, metric, known, self._rival(symbol))
            self.full_passes += metric.passes(self.oracle.subject.network.size) * found.size
            for entry, row in zip(alive, found, strict=True):
                entry.scores[symbol] = row
            alive = [entry for entry, row in zip(alive, found, strict=True) if not np.isnan(row).any()]
        for entry in entries:
            assert entry.heat is not None
            entry.candidate = self._by_map[entry.heat.key] = self._scored(entry)

    def _rival(self, symbol: OracleFunction) -> Scores | None:
        """The best scores such that losing to them on this metric alone means losing: a threshold's or the leader's."""
        goals, leader = self.problem.goals, self.archive.leader
        rivals = self.objectives.thresholds(symbol)
        if leader is not None and goals and goals[0].metric == symbol and self.problem.is_ordered:
            rivals.append(leader.scores[symbol])
        sign = 1 if self.problem.metric(symbol).direction == "min" else -1
        return min(rivals, key=lambda scores: sign * float(scores.mean(dtype=np.float64)), default=None)

    def _known(self, heat: HeatMaps, metric: Metric) -> Scores:
        """What the journal knows of these maps, NaN for the rest."""
        stored = self.journal.scores(heat.key, self.oracle.identity(metric))
        return stored if stored is not None else np.full(len(self.racer.order), np.nan, np.float32)

    def _scored(self, entry: _Entry) -> Candidate:
        scores = entry.scores
        seen = [mean(values)[1] for values in scores.values()]
        complete = len(scores) == len(self.problem.metrics) and all(n == len(self.racer.order) for n in seen)
        if not complete:
            return Candidate(entry.number, entry.term, Outcome(Fate.PRUNED, images=min(seen)), scores)
        means = tuple(mean(values)[0] for values in scores.values())
        first = self._by_score.get(means) if self.equivalence is Equivalence.SCORE else None
        if first is not None:
            return self._duplicate(entry, first)
        candidate = Candidate(entry.number, entry.term, self._outcome(Fate.SCORED, entry.term, scores), scores)
        self._by_score[means] = candidate
        return candidate

    def _outcome(self, fate: Fate, term: Term, scores: dict[OracleFunction, Scores]) -> Outcome:
        means = {symbol: mean(values)[0] for symbol, values in scores.items()}
        values, feasible = self.objectives.values(term, means), self.objectives.feasible(term, means)
        return Outcome(fate, values, len(self.racer.order), feasible)

    def _duplicate(self, entry: _Entry, first: Candidate) -> Candidate:
        """A term that behaves like an earlier one shares its scores, but has a size and weights of its own."""
        outcome = Outcome(Fate.DUPLICATE, images=first.outcome.images)
        if first.outcome.complete:
            outcome = self._outcome(Fate.DUPLICATE, entry.term, first.scores)
        return Candidate(entry.number, entry.term, outcome, first.scores, first.id)

    def _conclude(self, judged: list[tuple[_Entry, Candidate]]) -> None:
        """Write the batch, then move the leader and tell the strategy, in the order of the proposals."""
        scores = [
            (entry.heat.key, self.oracle.identity(self.problem.metrics[symbol]), values)
            for entry, _ in judged
            for symbol, values in entry.scores.items()
            if entry.heat is not None
        ]
        self.journal.record([_row(entry, candidate) for entry, candidate in judged], scores)
        self.spending.terms += sum(bool(entry.scores) for entry, _ in judged)
        for entry, candidate in judged:
            self.fates[candidate.outcome.fate] += 1
            if entry.signature is not None:
                self._by_signature.setdefault(entry.signature, candidate)
            if candidate.outcome.complete:
                self.archive.consider(candidate)
            self.strategy.tell(entry.proposal, candidate.outcome)


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
        candidate: the judgement, once there is one.
    """

    number: int
    proposal: Proposal
    signature: int | None = None
    heat: HeatMaps | None = None
    twin: str | None = None
    scores: dict[OracleFunction, Scores] = field(default_factory=dict)
    candidate: Candidate | None = None

    @property
    def term(self) -> Term:
        return self.proposal.term


def _row(entry: _Entry, candidate: Candidate) -> tuple[Any, ...]:
    """The row of the journal's table of proposals."""
    outcome = candidate.outcome
    return (
        candidate.id,
        term_text(candidate.term),
        candidate.term.size,
        str(outcome.fate),
        candidate.alias,
        entry.heat.key if entry.heat is not None else None,
        outcome.images,
        json.dumps(outcome.objectives),
        int(bool(outcome.feasible)),
    )
