"""The tables and tests of a comparison."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sygus.export.contest import numbers
from sygus.export.contest.measures import NAMED_TARGETS, Measures
from sygus.export.contest.trials import SHARES, Contest, Exhaustive, Trial
from sygus.statistics import holm

_SLACK = 1e-6
"""Of scores, as a share: spellings of one class differ by their rounding."""

LEVEL = 0.05
"""The probability of a single false verdict among all tests of a kind."""


@dataclass(frozen=True)
class AtBudget:
    """What a strategy has reached on a task when a share of the budget is spent.

    Attributes:
        task, strategy, share: of what.
        found: trials that had any score by then.
        median, iqm: of the scores; with 95 % bootstrap intervals over the trials.
        worst: of the seeds.
        held_out: the median of the leaders' scores on the held-out pictures.
        size: the median of the leaders' sizes.
    """

    task: int
    strategy: str
    share: float
    found: int
    median: float
    median_interval: tuple[float, float]
    iqm: float
    iqm_interval: tuple[float, float]
    worst: float
    held_out: float
    size: float


@dataclass(frozen=True)
class AtTarget:
    """What it takes a strategy to reach a regret on a task: the expected running time, and how many trials did."""

    task: int
    strategy: str
    target: float
    time: float
    successes: int
    trials: int


@dataclass(frozen=True)
class Anytime:
    """The area under a strategy's ECDF over all targets, on a task; with its interval over the trials."""

    task: int
    strategy: str
    area: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Pair:
    """Two strategies on a task at the end of the budget; the corrected p is after Holm over all pairs and tasks."""

    task: int
    first: str
    second: str
    improvement: numbers.Improvement
    corrected: float

    @property
    def verdict(self) -> str:
        """Who is better at :data:`LEVEL`; "" where they are not told apart, or no test is made."""
        if not self.corrected < LEVEL:
            return ""
        return self.first if self.improvement.probability > 0.5 else self.second


@dataclass(frozen=True)
class Across:
    """Two strategies over all tasks: on how many the first has the better median, and the signed-rank test.

    The differences are those of median regrets; p is NaN where there is none to test.
    """

    first: str
    second: str
    better: int
    tasks: int
    p: float
    corrected: float


@dataclass(frozen=True)
class Volume:
    """The hypervolume of a strategy's fronts of (regret, size), 1 being all; the median over trials."""

    task: int
    strategy: str
    volume: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class FrontPoint:
    """A point of the front over all trials of a task, and by which strategies in how many trials it was found."""

    task: int
    score: float
    size: int
    term: str
    by: Mapping[str, int]


@dataclass(frozen=True)
class Recall:
    """A strategy beside the exhaustive table of a task.

    Attributes:
        task, strategy: of what.
        classes, size: of the table.
        rank: the median over trials of how many classes of the table are better than the leader, plus one.
        best: trials whose leader no class of the table is better than.
        beyond: trials whose leader is larger than the table goes.
        hits: the median share of the table's ten best that were among the trial's hundred best.
    """

    task: int
    strategy: str
    classes: int
    size: int
    rank: float
    best: int
    beyond: int
    hits: float


@dataclass(frozen=True)
class Reliability:
    """How well halves of the held-out pictures agree on who is better, on a task: Kendall's τ."""

    task: int
    strategies: float
    winners: float
    count: int


@dataclass(frozen=True)
class Accounting:
    """The median over trials of what a strategy proposed and spent on a task, by name; and of what it cost here."""

    task: int
    strategy: str
    counts: Mapping[str, float]
    costs: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that a comparison says.

    Attributes:
        measures: what it stands on.
        friedman: p over tasks; None where it is refused.
    """

    measures: Measures
    budgets: tuple[AtBudget, ...]
    targets: tuple[AtTarget, ...]
    anytime: tuple[Anytime, ...]
    pairs: tuple[Pair, ...]
    across: tuple[Across, ...]
    friedman: float | None
    volumes: tuple[Volume, ...]
    front: tuple[FrontPoint, ...]
    recalls: tuple[Recall, ...]
    reliability: tuple[Reliability, ...]
    accounting: tuple[Accounting, ...]


def findings(contest: Contest) -> Findings:
    """All tables and tests of a comparison whose trials are all there."""
    found = Measures(contest)
    each = [(task, strategy) for task in range(len(found.tasks)) for strategy in found.strategies]
    return Findings(
        measures=found,
        budgets=tuple(_at_budget(found, task, one, share) for task, one in each for share in SHARES),
        targets=tuple(_at_target(found, task, one, target) for task, one in each for target in NAMED_TARGETS),
        anytime=tuple(_anytime(found, task, one) for task, one in each),
        pairs=_pairs(found),
        across=_across(found),
        friedman=numbers.friedman(_medians(found)),
        volumes=tuple(_volume(found, task, one) for task, one in each),
        front=tuple(point for task in range(len(found.tasks)) for point in _front(found, task)),
        recalls=tuple(_recall(found, table, one) for table in contest.exhaustive.values() for one in found.strategies),
        reliability=tuple(one for task in range(len(found.tasks)) if (one := _reliability(found, task)) is not None),
        accounting=tuple(_accounting(contest, task, one) for task, one in each),
    )


def _at_budget(found: Measures, task: int, strategy: str, share: float) -> AtBudget:
    sign = found.tasks[task].sign
    costs = found.costs(task, strategy, share)
    leaders = [found.leader(trial, share) for trial in found.contest.of(task, strategy)]
    sizes = [leader.size for leader in leaders if leader is not None]
    held_out = found.held_out(task, strategy, share)
    return AtBudget(
        task,
        strategy,
        share,
        found=len(sizes),
        median=sign * numbers.median(costs),
        median_interval=_turned(sign, numbers.interval(costs, np.median)),
        iqm=sign * numbers.iqm(costs),
        iqm_interval=_turned(sign, numbers.interval(costs, numbers.trimmed)),
        worst=sign * float(costs.max()),
        held_out=float(np.median(held_out)) if held_out else math.nan,
        size=float(np.median(sizes)) if sizes else math.nan,
    )


def _turned(sign: int, ends: tuple[float, float]) -> tuple[float, float]:
    """The interval of scores from that of costs."""
    return ends if sign > 0 else (-ends[1], -ends[0])


def _at_target(found: Measures, task: int, strategy: str, target: float) -> AtTarget:
    hits = found.hits(task, strategy, [target])[:, 0]
    time, successes = numbers.expected_running_time(hits, found.limit)
    return AtTarget(task, strategy, target, time, successes, len(hits))


def _anytime(found: Measures, task: int, strategy: str) -> Anytime:
    hits = found.hits(task, strategy)
    by_trial = np.array([numbers.area(row, found.limit) for row in hits])
    return Anytime(task, strategy, numbers.area(hits, found.limit), numbers.interval(by_trial, np.mean))


def _pairs(found: Measures) -> tuple[Pair, ...]:
    each = [(task, one, other) for task in range(len(found.tasks)) for one, other in combinations(found.strategies, 2)]
    alone = set(found.deterministic)
    tests = [
        numbers.Improvement.of(found.costs(task, one), found.costs(task, other), (one in alone, other in alone))
        for task, one, other in each
    ]
    corrected = _corrected([test.p for test in tests])
    return tuple(Pair(*about, test, p) for about, test, p in zip(each, tests, corrected, strict=True))


def _corrected(values: Sequence[float]) -> list[float]:
    """By Holm's method those that are numbers; the others stay NaN."""
    found = iter(holm([p for p in values if not math.isnan(p)]))
    return [p if math.isnan(p) else next(found) for p in values]


def _medians(found: Measures) -> numbers.Floats:
    """The median regrets, (tasks, strategies)."""
    tasks = range(len(found.tasks))
    return np.array([[numbers.median(found.regrets(task, one)) for one in found.strategies] for task in tasks])


def _across(found: Measures) -> tuple[Across, ...]:
    if len(found.tasks) < 2:
        return ()
    medians = _medians(found)
    places = list(combinations(range(len(found.strategies)), 2))
    with np.errstate(invalid="ignore"):  # neither found anything: no number
        differences = [medians[:, first] - medians[:, second] for first, second in places]
    tests = [numbers.signed_rank(one) for one in differences]
    return tuple(
        Across(found.strategies[first], found.strategies[second], int((one < 0).sum()), len(one), p, corrected)
        for (first, second), one, p, corrected in zip(places, differences, tests, _corrected(tests), strict=True)
    )


def _points(found: Measures, trial: Trial) -> list[tuple[float, float]]:
    """A trial's front as costs: the regret, and the size as a share of the largest."""
    scale, largest = found.scales[trial.task], found.tasks[trial.task].size + 1
    return [(scale.regret(one.score), one.size / largest) for one in trial.front]


def _volume(found: Measures, task: int, strategy: str) -> Volume:
    volumes = np.array([numbers.hypervolume(_points(found, trial)) for trial in found.contest.of(task, strategy)])
    return Volume(task, strategy, float(np.median(volumes)), numbers.interval(volumes, np.median))


def _front(found: Measures, task: int) -> list[FrontPoint]:
    sign = found.tasks[task].sign
    trials = [trial for trial in found.contest.trials if trial.task == task]
    entries = [(trial.strategy, one) for trial in trials for one in trial.front]
    kept = numbers.front([(sign * one.score, float(one.size)) for _, one in entries])
    rows = []
    for cost, size in kept:
        same = [(by, one) for by, one in entries if sign * one.score == cost and one.size == size]
        term = min(one.term for _, one in same)
        rows.append(FrontPoint(task, sign * cost, int(size), term, dict(sorted(Counter(by for by, _ in same).items()))))
    return rows


def _recall(found: Measures, table: Exhaustive, strategy: str) -> Recall:
    sign = found.tasks[table.task].sign
    known = np.sort(sign * np.array(table.scores))
    trials = found.contest.of(table.task, strategy)
    leaders = [found.leader(trial) for trial in trials]
    ranks = np.array([math.inf if one is None else _rank(known, sign * one.score) for one in leaders])
    top = {one.key for one in table.top}
    hits = [len(top & {one.key for one in trial.best}) / max(1, len(top)) for trial in trials]
    return Recall(
        table.task,
        strategy,
        classes=len(known),
        size=table.size,
        rank=float(np.median(ranks)),
        best=int((ranks == 1).sum()),
        beyond=sum(one is not None and one.size > table.size for one in leaders),
        hits=float(np.median(hits)),
    )


def _rank(known: numbers.Floats, cost: float) -> float:
    """How many of the costs known, in their order, are smaller, plus one."""
    return float(np.searchsorted(known, cost - _SLACK * max(1.0, abs(cost)))) + 1


def _reliability(found: Measures, task: int) -> Reliability | None:
    """Over the distinct winners of each strategy; None where there are no scores of single pictures."""
    winners = {}
    for trial in found.contest.trials:
        leader = found.leader(trial)
        if trial.task == task and leader is not None and trial.pictures:
            winners[trial.strategy, trial.pictures] = trial.strategy
    lengths = {len(pictures) for _, pictures in winners}
    if len(winners) < 2 or len(lengths) != 1 or lengths == {1}:
        return None
    scores = found.tasks[task].sign * np.array([pictures for _, pictures in winners])
    of_strategies, _ = numbers.agreement(scores, list(winners.values()))
    distinct = np.unique(scores, axis=0)
    _, of_winners = numbers.agreement(distinct, [str(index) for index in range(len(distinct))])
    return Reliability(task, of_strategies, of_winners, len(distinct))


def _accounting(contest: Contest, task: int, strategy: str) -> Accounting:
    trials = contest.of(task, strategy)
    names = dict.fromkeys(name for trial in trials for name in trial.accounting)
    counts = {name: float(np.median([trial.accounting.get(name, 0) for trial in trials])) for name in names}
    costs = dict.fromkeys(name for trial in trials for name in trial.costs)
    of_cost = {name: [trial.costs[name] for trial in trials if name in trial.costs] for name in costs}
    return Accounting(task, strategy, counts, {name: float(np.median(values)) for name, values in of_cost.items()})
