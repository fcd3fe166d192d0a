"""How many seeds and tasks a difference needs to be found, by simulation from the trials that are there.

The regrets of two strategies at the end of the budget are redrawn from those seen, each about its median, and the
second is made worse by the wanted effect. Within a task that is tested as the report tests it; over tasks, the medians
of so many seeds are compared by signed ranks, with the tasks redrawn, and with as much further variation of the effect
between tasks as was seen. Levels are those of the first of Holm's steps, the strictest. Ten trials say little of tails:
the numbers are rough.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import binom, mannwhitneyu, wilcoxon

from sygus.export.contest.findings import LEVEL
from sygus.export.contest.measures import Measures
from sygus.export.contest.numbers import Floats
from sygus.export.contest.trials import Contest

POWER = 0.8
DRAWS = 400
SEEDS = (3, 5, 8, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240)
TASKS = (6, 8, 10, 12, 15, 20, 25, 30, 40, 60)
_JITTER = 1e-9
FEWEST = 3
"""Trials of a strategy on a task, below which nothing is said of it."""


@dataclass(frozen=True)
class Need:
    """What finding the effect between two strategies takes.

    Attributes:
        first, second: the strategies.
        seeds: by the number of the task, how many within it; None for more than :data:`SEEDS` go to. A task is missing
            where there are too few trials, or no chance in either strategy.
        tasks: how many tasks, each with as many seeds as the protocol says; None for more than :data:`TASKS` go to, or
            where it cannot be said.
        between: the standard deviation of the difference between tasks, in regret, beside what seeds explain.
    """

    first: str
    second: str
    seeds: Mapping[int, int | None]
    tasks: int | None
    between: float


def needs(contest: Contest, effect: float) -> list[Need]:
    """What each pair of strategies takes, for an effect in regret; from a contest that need not be complete."""
    found = Measures(contest)
    pairs = list(combinations(found.strategies, 2))
    pools = {
        (task, strategy): _centred(found.regrets(task, strategy))
        for task in range(len(found.tasks))
        for strategy in found.strategies
    }
    return [_need(found, pools, first, second, effect, len(pairs)) for first, second in pairs]


def _centred(regrets: Floats) -> Floats:
    """Of the trials that have a score, about their median."""
    finite = regrets[np.isfinite(regrets)]
    return finite - np.median(finite) if len(finite) else finite


def _need(
    found: Measures, pools: Mapping[tuple[int, str], Floats], first: str, second: str, effect: float, pairs: int
) -> Need:
    usable = {
        task: (pools[task, first], pools[task, second])
        for task in range(len(found.tasks))
        if min(len(pools[task, first]), len(pools[task, second])) >= FEWEST
    }
    by_chance = {task: both for task, both in usable.items() if any(pool.any() for pool in both)}
    level = LEVEL / (pairs * len(found.tasks))
    seeds = {
        task: next((count for count in SEEDS if _within(*both, count, effect, level) >= POWER), None)
        for task, both in by_chance.items()
    }
    between = _between(found, list(usable), first, second)
    count = len(found.contest.protocol.seeds)
    pool = list(usable.values())
    tasks = (
        next((tasks for tasks in TASKS if _over(pool, tasks, count, effect, between, LEVEL / pairs) >= POWER), None)
        if pool
        else None
    )
    return Need(first, second, seeds, tasks, between)


def _within(first: Floats, second: Floats, count: int, effect: float, level: float) -> float:
    """The power of so many seeds within a task."""
    rng = np.random.default_rng(0)
    one = rng.choice(first, (DRAWS, count))
    other = rng.choice(second, (DRAWS, count)) + effect
    if first.any() and second.any():
        p = mannwhitneyu(one, other, axis=1, method="asymptotic").pvalue
    else:
        above = (other > one).sum(axis=1)
        ties = (other == one).sum(axis=1)
        tried = count - ties
        tail = np.minimum(binom.cdf(above, tried, 0.5), binom.sf(above - 1, tried, 0.5))
        p = np.minimum(1, 2 * tail)
    return float((p < level).mean())


def _over(
    pools: list[tuple[Floats, Floats]], tasks: int, seeds: int, effect: float, between: float, level: float
) -> float:
    """The power of so many tasks, each with so many seeds."""
    rng = np.random.default_rng(0)
    differences = np.full((DRAWS, tasks), effect) + between * rng.standard_normal((DRAWS, tasks))
    chosen = rng.integers(len(pools), size=(DRAWS, tasks))
    for index, (first, second) in enumerate(pools):
        places = chosen == index
        drawn = int(places.sum())
        one, other = (np.median(rng.choice(pool, (drawn, seeds)), axis=1) for pool in (first, second))
        differences[places] += other - one
    differences += _JITTER * rng.standard_normal(differences.shape)  # without ties, for which SciPy permutes
    p = wilcoxon(differences, axis=1, method="asymptotic", keepdims=True).pvalue
    return float((p < level).mean())


def _between(found: Measures, tasks: list[int], first: str, second: str) -> float:
    """How the difference of medians varies between tasks beyond what their seeds explain; 0 where that is not known."""
    if len(tasks) < 2:
        return 0.0
    rng = np.random.default_rng(0)
    differences, noise = [], []
    for task in tasks:
        both = [found.regrets(task, strategy) for strategy in (first, second)]
        finite = [values[np.isfinite(values)] for values in both]
        differences.append(float(np.median(finite[1]) - np.median(finite[0])))
        drawn = [np.median(rng.choice(values, (DRAWS, len(values))), axis=1) for values in finite]
        noise.append(float(np.var(drawn[1] - drawn[0])))
    return math.sqrt(max(0.0, float(np.var(differences, ddof=1)) - float(np.mean(noise))))
