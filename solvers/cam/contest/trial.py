"""One trial: one learner, one seed, one task, one budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

from solvers.cam.archive import Archive, Judged
from solvers.cam.budget import Budget, Spending
from solvers.cam.checked import started
from solvers.cam.contest.costs import Meter
from solvers.cam.contest.ledger import Improvement, Ledger, WatchedArchive
from solvers.cam.contest.tasks import Stage
from solvers.cam.learner import Fate, Learner, Space
from solvers.cam.learners import chosen_learner
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.race import Racer
from solvers.cam.run import Ending, Run
from sygus.errors import OptionError
from sygus.export.contest.numbers import front
from sygus.export.contest.trials import KEPT, SHARES, TOP, Exhaustive, Point, Scored, Trial
from sygus.language.terms import Term
from sygus.language.text import term_text


def play(stage: Stage, number: int, strategy: str, seed: int) -> Trial:
    """Run a trial.

    Args:
        stage: the task.
        number: of the task.
        strategy: the learner.
        seed: the learner's.

    Raises:
        SycamError: the learner or a metric fails.
    """
    meter = Meter()
    budget, oracle = stage.arena.settings.limits, stage.search
    paid, scoring = oracle.paid, oracle.scoring
    space = stage.space(seed)
    learner = started(chosen_learner(strategy), space, strategy)
    run, archive = _watched(stage, space, learner, stage.arena.racer, budget)
    _, ending = run.execute()
    costs = dict(meter.read())
    costs |= {"scoring seconds": round(oracle.scoring - scoring, 4), "passes made": oracle.paid - paid}
    held_out = _held_out(stage, archive)
    return Trial(
        task=number,
        strategy=strategy,
        seed=seed,
        ending=ending,
        accounting=_accounting(run),
        costs=costs,
        trace=tuple(map(_point, archive.improvements)),
        best=tuple(_scored(stage, _best(archive.within)[:KEPT])),
        front=tuple(_front(stage, archive.within)),
        held_out=tuple(None if one is None else one[0] for one in held_out),
        pictures=() if held_out[-1] is None else held_out[-1][1],
    )


def tabulate(stage: Stage, number: int, size: int) -> Exhaustive:
    """Score every class of terms up to a size in full.

    Args:
        stage: the task.
        number: of the task.
        size: in nodes.

    Raises:
        OptionError: they are too many for the memory.
    """
    space = stage.space(stage.arena.settings.seed, size)
    learner = Enumerate(space)
    racer = Racer.of("off", len(stage.search.subject.images), stage.arena.settings.seed)
    run, archive = _watched(stage, space, learner, racer, Budget(size=size))
    ending, words = run.execute()
    if ending is not Ending.CONCLUDED or learner.bank.size < size:
        raise OptionError(f"--exhaustive: size {size} is too large ({words})", "give a smaller one")
    entrants = _best(archive)
    scores = tuple(one.outcome.objectives[0] for one in entrants)
    return Exhaustive(number, size, run.full_passes, scores, tuple(_scored(stage, entrants[:TOP])))


def _watched(stage: Stage, space: Space, learner: Learner, racer: Racer, budget: Budget) -> tuple[Run, WatchedArchive]:
    """A run whose archive knows what was spent when."""
    problem, oracle = stage.arena.problem, stage.search
    size = oracle.subject.network.size
    spending = Spending(budget)
    ledger = Ledger(spending, {oracle.identity(one): one.passes(size) for one in problem.metrics.values()})
    limit = budget.forwards if budget.forwards is not None else budget.terms
    by_passes = budget.forwards is not None
    archive = WatchedArchive(problem, ledger, math.inf if limit is None else limit, by_passes=by_passes)
    table = oracle.table
    flush = (lambda _: None) if table is None else (lambda _: table.flush())
    run = Run(problem, oracle, space, learner, racer, spending, ledger, flush)
    run.archive = archive
    return run, archive


def _best(archive: Archive) -> list[Judged]:
    """The best of each class, best first."""
    return sorted(archive.entrants(), key=lambda one: (archive.rank(one), one.id))


def _point(one: Improvement) -> Point:
    term, spent = one.judged.term, one.spent
    score = one.judged.outcome.objectives[0]
    return Point(spent.passes, spent.terms, spent.proposals, score, term.size, term_text(term))


def _accounting(run: Run) -> dict[str, int]:
    """Proposals by fate, and what the scores stand for: the same whatever was known before."""
    fates = {str(fate): run.fates[fate] for fate in Fate}
    return {
        "proposed": sum(run.fates.values()),
        **fates,
        "terms scored": run.spending.terms,
        "constants tuned": run.tuner.evaluations,
        "passes": run.spending.forwards,
        "passes in full": run.full_passes,
    }


def _scored(stage: Stage, judged: Sequence[Judged]) -> list[Scored]:
    """With the keys of their maps."""
    heat = stage.keyed([one.term for one in judged]) if judged else []
    return [
        Scored(maps.key, one.outcome.objectives[0], one.term.size, term_text(one.term))
        for maps, one in zip(heat, judged, strict=True)
    ]


def _front(stage: Stage, archive: Archive) -> list[Scored]:
    """Of the first objective and the size, the smallest first."""
    sign = 1 if stage.arena.problem.goals[0].direction == "min" else -1
    of_size = [(sign * one.outcome.objectives[0], float(size)) for size, one in archive.by_size.items()]
    return _scored(stage, [archive.by_size[int(size)] for _, size in front(of_size)])


def _held_out(stage: Stage, archive: WatchedArchive) -> list[tuple[float, tuple[float, ...]] | None]:
    """The leaders at each share of the budget on the held-out pictures."""
    judged: dict[Term, tuple[float, tuple[float, ...]] | None] = {}
    found = []
    for share in SHARES:
        leader = archive.leader_by(share)
        if leader is not None and leader.term not in judged:
            judged[leader.term] = stage.judge(leader.term)
        found.append(None if leader is None else judged[leader.term])
    if stage.search.table is not None:
        stage.search.table.flush()
    return found
