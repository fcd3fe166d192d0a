"""One trial: one learner, one seed, one task, one budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from solvers.cam.archive import Archive, Judged
from solvers.cam.budget import Budget, Spending
from solvers.cam.checked import started
from solvers.cam.contest.costs import Meter
from solvers.cam.contest.scores import NoJournal
from solvers.cam.contest.tasks import Stage
from solvers.cam.learner import Fate
from solvers.cam.learners import chosen_learner
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.race import Racer
from solvers.cam.run import Ending, Progress, Run
from sygus.errors import OptionError
from sygus.export.contest.numbers import front
from sygus.export.contest.trials import KEPT, SHARES, TOP, Exhaustive, Point, Scored, Trial
from sygus.language.terms import Term
from sygus.language.text import term_text


@dataclass
class _Watch:
    """Takes note of every improvement, and of what there was before the budget was overrun."""

    limit: float
    spent: Callable[[Spending], int]
    flush: Callable[[], None]
    leaders: list[tuple[Point, Term]] = field(default_factory=list)
    by_size: dict[int, Judged] = field(default_factory=dict)
    proposals: int = 0
    run: Run | None = None

    def __call__(self, progress: Progress) -> None:
        self.flush()
        spending, leader = progress.spending, progress.leader
        proposals = sum(progress.fates.values())
        if leader is not None:
            text = term_text(leader.term)
            if not self.leaders or self.leaders[-1][0].term != text:
                spent = (spending.forwards, spending.terms, proposals)
                self.leaders.append((Point(*spent, leader.outcome.objectives[0], leader.term.size, text), leader.term))
        if self.spent(spending) <= self.limit:
            assert self.run is not None
            self.by_size, self.proposals = dict(self.run.archive.by_size), proposals

    def entrants(self, archive: Archive) -> list[Judged]:
        """Those of the archive that were known within the budget, best first, each class once."""
        found = [one for one in archive.entrants() if one.id < self.proposals]
        return sorted(found, key=lambda one: (archive.rank(one), one.id))


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
    problem, budget, oracle = stage.arena.problem, stage.arena.settings.limits, stage.search
    paid, scoring = oracle.paid, oracle.scoring
    space = stage.space(seed)
    learner = started(chosen_learner(strategy), space, strategy)
    watch = _watch(stage, budget)
    run = Run(problem, oracle, space, learner, stage.arena.racer, Spending(budget), NoJournal(), watch)
    watch.run = run
    _, ending = run.execute()
    costs = dict(meter.read()) | {
        "scoring seconds": round(oracle.scoring - scoring, 4),
        "passes made": oracle.paid - paid,
    }
    best = watch.entrants(run.archive)[:KEPT]
    held_out = _held_out(stage, watch)
    return Trial(
        task=number,
        strategy=strategy,
        seed=seed,
        ending=ending,
        accounting=_accounting(run),
        costs=costs,
        trace=tuple(point for point, _ in watch.leaders),
        best=tuple(_scored(stage, best)),
        front=tuple(_front(stage, watch)),
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
    oracle, problem = stage.search, stage.arena.problem
    space = stage.space(stage.arena.settings.seed, size)
    learner, watch = Enumerate(space), _watch(stage, Budget(size=size))
    racer = Racer.of("off", len(oracle.subject.images), stage.arena.settings.seed)
    run = Run(problem, oracle, space, learner, racer, Spending(Budget(size=size)), NoJournal(), watch)
    watch.run = run
    ending, words = run.execute()
    if ending is not Ending.CONCLUDED or learner.bank.size < size:
        raise OptionError(f"--exhaustive: size {size} is too large ({words})", "give a smaller one")
    entrants = watch.entrants(run.archive)
    scores = tuple(one.outcome.objectives[0] for one in entrants)
    return Exhaustive(number, size, run.full_passes, scores, tuple(_scored(stage, entrants[:TOP])))


def _watch(stage: Stage, budget: Budget) -> _Watch:
    table = stage.search.table
    flush = (lambda: None) if table is None else table.flush
    if budget.forwards is not None:
        return _Watch(budget.forwards, lambda spending: spending.forwards, flush)
    return _Watch(float("inf") if budget.terms is None else budget.terms, lambda spending: spending.terms, flush)


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


def _front(stage: Stage, watch: _Watch) -> list[Scored]:
    """Of the first objective and the size, the smallest first."""
    sign = 1 if stage.arena.problem.goals[0].direction == "min" else -1
    of_size = {size: (sign * one.outcome.objectives[0], float(size)) for size, one in watch.by_size.items()}
    kept = [int(size) for _, size in front(list(of_size.values()))]
    return _scored(stage, [watch.by_size[size] for size in kept])


def _held_out(stage: Stage, watch: _Watch) -> list[tuple[float, tuple[float, ...]] | None]:
    """The leaders at each share of the budget on the held-out pictures."""
    by_passes = stage.arena.settings.limits.forwards is not None
    judged: dict[Term, tuple[float, tuple[float, ...]] | None] = {}
    found = []
    for share in SHARES:
        within = [
            term for point, term in watch.leaders if (point.passes if by_passes else point.terms) <= share * watch.limit
        ]
        term = within[-1] if within else None
        if term is not None and term not in judged:
            judged[term] = stage.judge(term)
        found.append(None if term is None else judged[term])
    watch.flush()
    return found
