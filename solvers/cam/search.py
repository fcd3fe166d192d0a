"""Sets up learner, oracles and race for a problem, runs the search, and says what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from solvers.cam.budget import Spending
from solvers.cam.checked import started
from solvers.cam.finalists import Choice, Finals
from solvers.cam.foresight import Foresight
from solvers.cam.journal import JOURNAL, Journal
from solvers.cam.learner import Space
from solvers.cam.learners import chosen_learner
from solvers.cam.prior import NO_PRIOR, Prior
from solvers.cam.protocol import describe
from solvers.cam.race import Mode, Racer
from solvers.cam.run import Ending, Progress, Run
from solvers.cam.settings import Settings
from solvers.cam.solution import Solution
from solvers.cam.starts import Start
from solvers.cam.subjects import Subjects
from sygus.errors import WARNING, listed
from sygus.language.terms import Term
from sygus.language.text import term_text
from sygus.oracles.cam import UNSCORED, CamOracle, probes
from sygus.oracles.certificate import Certificate, certify
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.objective import CamProblem
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle

_CHOSEN_AFTER = (Ending.CONCLUDED, Ending.BUDGET)
"""The endings after which finalists are judged: whoever interrupts wants no further work."""

SECOND_DRAW = 0x5EC0
"""Added to the seed for the second, independent draw of the probes."""


def space_of(problem: CamProblem, settings: Settings, oracle: CamOracle) -> Space:
    """What a learner may know of a problem, on the network and pictures of an oracle."""
    target, nonnegative = problem.problem.target, oracle.subject.network.nonnegative
    layers = {name: oracle.layers[name].nonnegative for name in problem.layers}
    first, second = (
        probes(target.function.parameters, nonnegative=nonnegative, seed=seed, layers=layers)
        for seed in (settings.seed, settings.seed + SECOND_DRAW)
    )
    size = settings.limits.size
    assert size is not None
    return Space(
        grammar=target.grammar,
        written=target.written,
        size=size,
        probes=first,
        second=second,
        safety=SafetyOracle(domains(nonnegative, layers)),
        equivalence=Equivalence(settings.equivalence),
        goals=problem.goals,
        ordered=problem.is_ordered,
        seed=settings.seed,
        heat_maps=oracle.heat_maps,
        foresee=Foresight(problem, oracle) or None,
        rationed=settings.limits.rationed,
    )


def search(
    problem: CamProblem,
    settings: Settings,
    subjects: Subjects,
    out: Path,
    report: Callable[[Progress], None] = lambda _: None,
    reuse: Sequence[Path] = (),
    starts: Sequence[Start] = (),
    certify_aliases: bool = False,
    prior: Prior = NO_PRIOR,
) -> Solution:
    """Search for the best term.

    A KeyboardInterrupt ends the search; the solution then holds the best so far and says so.

    Args:
        problem: what is asked.
        settings: the options.
        subjects: from :func:`solvers.cam.subjects.load_subjects`.
        out: an existing folder, for the journal.
        report: called after every batch.
        reuse: folders of other runs whose scores may be used; a score depends on nothing that its key does not hold.
        starts: formulas that are proposed before the learner is asked, where they are no larger than the budget says.
        certify_aliases: ask Z3 about every term that was pruned because it behaves like the answer.
        prior: weights of productions that the learner may use.

    Raises:
        JournalError: the folder holds the journal of another run.
        OptionError: the learner fails, or proposes what it may not.
    """
    oracle = subjects.search
    validation = subjects.validation
    space = space_of(problem, settings, oracle)
    given = tuple(start.term for start in starts if start.term.size <= space.size)
    space = replace(space, starts=given, prior=prior.weights)
    learner = started(chosen_learner(settings.strategy), space, settings.strategy)
    racer = Racer.of(cast("Mode", settings.race), len(oracle.subject.images), settings.seed)
    protocol = describe(problem, settings, subjects)
    spending = Spending(settings.limits)
    with Journal(out / JOURNAL, len(oracle.subject.images), [run / JOURNAL for run in reuse]) as journal:
        stated = {name: protocol[name] for name in ("problem", "settings", "fingerprints", "versions")}
        begun = {"starts": {start.name: term_text(start.term) for start in starts}, "prior": prior.stated}
        journal.begin(stated | begun | {"objectives": _objectives(problem)})
        run = Run(problem, oracle, space, learner, racer, spending, journal, report)
        try:
            ending, conclusion = run.execute()
        except KeyboardInterrupt:
            ending, conclusion = Ending.INTERRUPTED, Ending.INTERRUPTED.value
        choice = None
        if validation is not None and problem.goals and run.archive.leader is not None and ending in _CHOSEN_AFTER:
            finals = Finals(problem, oracle, validation, journal, settings.seed)
            try:
                choice = finals.choose(run.archive)
            except KeyboardInterrupt:
                ending = Ending.INTERRUPTED
                conclusion = f"{conclusion}; interrupted while the finalists were judged, so the search pictures chose"
    conclusion = "; ".join(filter(None, (conclusion, learner.plan())))
    leader, front = run.archive.leader, run.archive.front()
    if choice is not None and choice.leader is not None:
        leader, front = choice.leader, choice.front
    accounting = {
        "proposed": sum(run.fates.values()),
        **({"given at the start": len(given)} if given else {}),
        **{str(fate): count for fate, count in run.fates.items()},
        **({"constants tuned": run.tuner.evaluations} if run.tuner.evaluations else {}),
        **learner.status(),
        "forwards": spending.forwards,
        **({"finalists": len(choice.finalists), "validation forwards": choice.passes} if choice is not None else {}),
        "seconds": round(spending.seconds, 2),
    }
    racing = racer.statement(run.passes, run.full_passes, problem.metrics.values())
    certificates = None
    if certify_aliases and leader is not None:
        aliases = (alias for alias in learner.aliases(leader.term) if alias is not leader.term)
        certificates = list[tuple[Term, Certificate]]()
        try:
            for alias in aliases:
                certificates.append((alias, certify(leader.term, alias, space.safety.domains)))
        except KeyboardInterrupt:
            ending, conclusion = Ending.INTERRUPTED, f"{conclusion}; interrupted while Z3 compared the answer"
    missed = () if run.archive.leader is not None else run.misses.lines(len(oracle.subject.images))
    cut = "interrupted" if ending is Ending.INTERRUPTED else "the time limit was reached" if run.limit == "time" else ""
    passes = run.passes + (0 if choice is None else _passes(choice, problem, oracle))
    return Solution(
        problem,
        settings,
        leader,
        front,
        ending,
        conclusion,
        racing,
        accounting,
        protocol,
        passes,
        certificates,
        choice,
        cut,
        missed,
        _unscored([part for part in (oracle, validation) if part is not None]),
    )


def _unscored(oracles: Sequence[CamOracle]) -> tuple[str, ...]:
    """A warning that names what could not be scored."""
    terms = dict.fromkeys(repr(term) for oracle in oracles for term in oracle.failed.values())
    if not terms:
        return ()
    what = "1 expression" if len(terms) == 1 else f"{len(terms)} expressions"
    return (f"{WARNING}{what} could not be scored and counts as failed: {UNSCORED}: {listed(list(terms), _NAMED)}",)


_NAMED = 3
"""Expressions that a warning names."""


def _objectives(problem: CamProblem) -> dict[str, Any]:
    """What an onlooker must know to tell the best: the objectives' labels and directions, and their order."""
    return {"ordered": problem.is_ordered, "goals": [[goal.label, goal.direction] for goal in problem.goals]}


def _passes(choice: Choice, problem: CamProblem, oracle: CamOracle) -> int:
    """Masked passes that the scores of the finalists stand for, the same where they were known from an earlier try."""
    each = sum(metric.passes(oracle.subject.network.size) for metric in problem.metrics.values())
    return each * sum(finalist.images for finalist in choice.finalists)
