"""The one loop: a strategy proposes, the oracles judge, the journal remembers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from solvers.budget import Spending
from solvers.journal import Journal
from solvers.race import Racer, mean
from solvers.strategy import Fate, Outcome, Proposal, Strategy
from sygus.export.sygus import term_text
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.equivalence import Probes
from sygus.oracles.objective import CamProblem, Objectives
from sygus.oracles.safety import SafetyOracle
from sygus.saliency.metrics import Metric
from sygus.terms import OracleFunction, Term

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
    """The best candidate, and the best of each size."""

    problem: CamProblem
    leader: Candidate | None = None
    by_size: dict[int, Candidate] = field(default_factory=dict)

    def rank(self, candidate: Candidate) -> tuple[float, ...]:
        """Smaller is better; objectives in the file's order."""
        goals = self.problem.goals
        return tuple(goal.rank(value) for goal, value in zip(goals, candidate.outcome.objectives, strict=True))

    def consider(self, candidate: Candidate) -> bool:
        """Take note of a candidate with full scores; whether it leads now. The first of equals stays."""
        if not candidate.outcome.feasible:
            return False
        rank = self.rank(candidate)
        rival = self.by_size.get(candidate.term.size)
        if rival is None or rank < self.rank(rival):
            self.by_size[candidate.term.size] = candidate
        if self.leader is None or rank < self.rank(self.leader):
            self.leader = candidate
            return True
        return False

    def front(self) -> list[Candidate]:
        """The candidates that no smaller one matches, smallest first."""
        kept: list[Candidate] = []
        for _, candidate in sorted(self.by_size.items()):
            if not kept or self.rank(candidate) < self.rank(kept[-1]):
                kept.append(candidate)
        return kept


@dataclass(frozen=True)
class Progress:
    """What a progress display shows."""

    leader: Candidate | None
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
        self.report = report
        self.objectives = Objectives(problem, oracle)
        self.archive = Archive(problem)
        self.fates: Counter[Fate] = Counter()
        self.full_passes = 0
        self._by_signature: dict[int, Candidate] = {}
        self._by_map: dict[str, Candidate] = {}
        self._count = 0

    def execute(self) -> str:
        """Search; the archive holds the answer. Returns why the search ended, in words.

        A KeyboardInterrupt passes through, with everything judged so far in the archive and the journal.
        """
        while True:
            limit = self.spending.exhausted()
            if limit is not None:
                return f"the budget's {limit} is spent"
            proposals = self.strategy.ask(BATCH)
            if not proposals:
                return self.strategy.conclusion()
            self._judge(proposals)
            self.report(Progress(self.archive.leader, self.fates, self.spending, self.strategy))
            if not self.problem.goals and self.archive.leader is not None:
                return "the first term that satisfies the constraints"

    def _judge(self, proposals: list[Proposal]) -> None:
        """Pass a batch through the oracles, in order of their price."""
        judged: dict[int, Candidate] = {}
        waiting: list[tuple[int, Proposal, HeatMaps]] = []
        aliases: list[tuple[int, Proposal, HeatMaps]] = []
        maps = self._heat_maps(proposals, judged)
        for position, heat in maps.items():
            known = heat.key in self._by_map or any(heat.key == other.key for _, _, other in waiting)
            (aliases if known else waiting).append((position, proposals[position], heat))
        keys = {position: heat.key for position, heat in maps.items()}
        scored = self._score([heat for _, _, heat in waiting])
        for (position, proposal, heat), scores in zip(waiting, scored, strict=True):
            candidate = self._scored(self._count + position, proposal.term, scores)
            judged[position] = self._by_map[heat.key] = candidate
        for position, proposal, heat in aliases:
            judged[position] = self._duplicate(self._count + position, proposal.term, self._by_map[heat.key])
        self._conclude(proposals, judged, keys)

    def _heat_maps(self, proposals: list[Proposal], judged: dict[int, Candidate]) -> dict[int, HeatMaps]:
        """The maps of the proposals that are safe and new by value; the others are judged at once."""
        new: list[int] = []
        firsts: dict[int, int] = {}
        for position, proposal in enumerate(proposals):
            number = self._count + position
            if not self.safety.check(proposal.term).safe:
                judged[position] = Candidate(number, proposal.term, Outcome(Fate.UNSAFE))
                continue
            signature = proposal.signature
            if signature is None:
                signature = self.probes.signature(proposal.term)
            if signature in self._by_signature:
                judged[position] = self._duplicate(number, proposal.term, self._by_signature[signature])
            elif signature is None:
                judged[position] = Candidate(number, proposal.term, Outcome(Fate.FAILED))
            else:
                new.append(position)
                firsts[position] = signature
        maps: dict[int, HeatMaps] = {}
        for position, heat in zip(new, self.oracle.heat_maps([proposals[p].term for p in new]), strict=True):
            if heat.finite:
                maps[position] = heat
            else:
                judged[position] = Candidate(self._count + position, proposals[position].term, Outcome(Fate.FAILED))
        self._signatures = firsts
        return maps

    def _score(self, heat: list[HeatMaps]) -> list[dict[OracleFunction, Scores]]:
        """The scores of new maps by every metric; one that loses the race has its first metric only, in part."""
        results: list[dict[OracleFunction, Scores]] = [{} for _ in heat]
        alive = list(range(len(heat)))
        for symbol, metric in self.problem.metrics.items():
            leader = self._rival(symbol)
            known = np.stack([self._known(heat[i], metric) for i in alive]) if alive else np.empty((0, 0), np.float32)
            if alive:
                before = self.oracle.forwards
                scores = self.racer.run(self.oracle, [heat[i] for i in alive], metric, known, leader)
                self.spending.forwards += self.oracle.forwards - before
                self.full_passes += metric.passes * scores.size
                for i, row in zip(alive, scores, strict=True):
                    results[i][symbol] = row
            alive = [i for i in alive if not np.isnan(results[i][symbol]).any()]
        return results

    def _rival(self, symbol: OracleFunction) -> Scores | None:
        """The leader's scores, where losing to it on this metric alone means losing."""
        goals, leader = self.problem.goals, self.archive.leader
        ordered = self.problem.problem.lexicographic or len(goals) == 1
        if leader is None or not goals or goals[0].metric != symbol or not ordered:
            return None
        return leader.scores[symbol]

    def _known(self, heat: HeatMaps, metric: Metric) -> Scores:
        stored = self.journal.scores(heat.key, metric.name)
        return stored if stored is not None else np.full(len(self.racer.order), np.nan, np.float32)

    def _scored(self, number: int, term: Term, scores: dict[OracleFunction, Scores]) -> Candidate:
        averages = {symbol: mean(values) for symbol, values in scores.items()}
        images = min(seen for _, seen in averages.values()) if averages else 0
        if len(scores) < len(self.problem.metrics) or images < len(self.racer.order):
            return Candidate(number, term, Outcome(Fate.PRUNED, images=images), scores)
        outcome = self._outcome(Fate.SCORED, term, scores, images)
        return Candidate(number, term, outcome, scores)

    def _outcome(self, fate: Fate, term: Term, scores: dict[OracleFunction, Scores], images: int) -> Outcome:
        means = {symbol: mean(values)[0] for symbol, values in scores.items()}
        return Outcome(fate, self.objectives.values(term, means), images, self.objectives.feasible(term, means))

    def _duplicate(self, number: int, term: Term, first: Candidate) -> Candidate:
        """A term that behaves like an earlier one shares its scores, but has a size and weights of its own."""
        outcome = Outcome(Fate.DUPLICATE)
        if first.outcome.objectives:
            outcome = self._outcome(Fate.DUPLICATE, term, first.scores, first.outcome.images)
        return Candidate(number, term, outcome, first.scores, first.id)

    def _conclude(self, proposals: list[Proposal], judged: dict[int, Candidate], keys: dict[int, str]) -> None:
        """Write the batch, tell the strategy and move the leader, in the order of the proposals."""
        rows, scores = [], []
        for position in range(len(proposals)):
            candidate = judged[position]
            outcome = candidate.outcome
            self.fates[outcome.fate] += 1
            if position in self._signatures:
                self._by_signature[self._signatures[position]] = candidate
            if outcome.fate in (Fate.SCORED, Fate.PRUNED):
                self.spending.terms += 1
                for symbol, values in candidate.scores.items():
                    scores.append((keys[position], self.problem.metrics[symbol].name, values))
            rows.append(
                (
                    candidate.id,
                    term_text(candidate.term),
                    candidate.term.size,
                    str(outcome.fate),
                    candidate.alias,
                    keys.get(position),
                    outcome.images,
                    json.dumps(outcome.objectives),
                    int(outcome.feasible),
                )
            )
        self.journal.record(rows, scores)
        self._count += len(proposals)
        for position, proposal in enumerate(proposals):
            if judged[position].outcome.objectives or not self.problem.goals:
                self.archive.consider(judged[position])
            self.strategy.tell(proposal, judged[position].outcome)
