"""The one loop: why it ends, and what it shows and tells a learner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from solvers.cam.budget import Budget, Spending
from solvers.cam.journal import JOURNAL, Journal
from solvers.cam.learner import Fate, Learner, Outcome, Proposal, Space
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.learners.random import Random
from solvers.cam.race import Racer
from solvers.cam.run import Ending, Run
from solvers.cam.search import search, space_of
from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, load_subjects
from sygus.language.elaborate import load_problem
from sygus.language.terms import Term
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem

Start = Callable[..., Run]
NO_LIMIT = Budget()
FEW = Settings(search_images=24, held_out_images=2, device="cpu", budget="size=3")


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    return load_subjects(FEW)


def problem_of(name: str, without_goals: bool = False) -> CamProblem:
    text = read_problem(name)[1]
    if without_goals:
        text = text[: text.index("(optimize-synth")] + "(check-synth)"
    return CamProblem(load_problem(text, name))


@pytest.fixture
def started(subjects: Subjects, tmp_path: Path) -> Iterator[Start]:
    """Makes a run of a learner, on few pictures."""
    with Journal(tmp_path / JOURNAL, FEW.search_images) as journal:

        def make(
            made: type[Learner], problem: CamProblem, budget: Budget = NO_LIMIT, mode: str = "t", size: int = 3
        ) -> Run:
            space = replace(space_of(problem, FEW, subjects.search), size=size)
            racer = Racer.of(mode, FEW.search_images, 0)
            return Run(problem, subjects.search, space, made(space), racer, Spending(budget), journal)

        yield make


class Interrupted(Random):
    """Is interrupted when it is asked again."""

    def ask(self, count: int) -> list[Proposal]:
        if self.draws.status()["drawn"]:
            raise KeyboardInterrupt
        return super().ask(count)


def test_why_a_search_ends_is_one_of_four(started: Start) -> None:
    run = started(Enumerate, problem_of("gradcam"))
    ending, words = run.execute()
    assert (ending, words) == (Ending.CONCLUDED, run.learner.conclusion())
    assert words.startswith("best of all terms up to size 3")
    assert started(Enumerate, problem_of("gradcam"), Budget(terms=1)).execute() == (
        Ending.BUDGET,
        "the budget's terms is spent",
    )
    assert started(Enumerate, problem_of("gradcam"), Budget(time=1e-9)).execute()[1] == "the budget's time is spent"
    satisfied = started(Enumerate, problem_of("channel_weights", without_goals=True))
    assert satisfied.execute() == (Ending.SATISFIED, "the first term that satisfies the constraints")
    assert satisfied.archive.leader is not None


def test_an_interrupt_is_an_ending_with_what_was_found(
    subjects: Subjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("solvers.cam.search.chosen_learner", lambda _: Interrupted)
    solution = search(problem_of("gradcam"), FEW, subjects, tmp_path)
    assert (solution.ending, solution.conclusion) == (Ending.INTERRUPTED, "interrupted")
    assert solution.best is not None


class Notes(Random):
    """Notes what it is told."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.asked: list[Term] = []
        self.told: list[tuple[Term, Outcome]] = []

    def ask(self, count: int) -> list[Proposal]:
        assert len(self.asked) == len(self.told), "asked again before all was told"
        found = super().ask(count)
        self.asked += [proposal.term for proposal in found]
        return found

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        self.told.append((proposal.term, outcome))


def test_every_proposal_is_told_once_in_order_with_its_scores(started: Start) -> None:
    run = started(Notes, problem_of("channel_weights"))
    run.execute()
    learner = run.learner
    assert isinstance(learner, Notes)
    assert [term for term, _ in learner.told] == learner.asked
    fates = {outcome.fate for _, outcome in learner.told}
    assert {Fate.SCORED, Fate.PRUNED, Fate.DUPLICATE} <= fates
    for _, outcome in learner.told:
        (scores,) = outcome.scores.values()
        seen = ~np.isnan(scores)
        assert seen.sum() == outcome.images
        assert outcome.complete == bool(seen.all())
        if outcome.complete:
            assert outcome.objectives[0] == pytest.approx(scores.mean(dtype=np.float64))
            assert run.archive.problem.goals[0].rank(outcome.objectives[0]) == learner.space.rank(outcome)[0]
        with pytest.raises(ValueError, match="read-only"):
            scores[0] = 0


def test_what_fails_a_settled_constraint_is_not_scored_further(started: Start) -> None:
    """Coverage takes no passes, so it is measured first; a map that covers too much is paid no masked pass."""
    run = started(Notes, problem_of("gradcam_plus"), size=6)
    run.execute()
    learner, problem = run.learner, run.problem
    assert isinstance(learner, Notes)
    by_name = {symbol.name: symbol for symbol in problem.metrics}
    assert next(iter(run.by_price))[0] == by_name["coverage"]
    failed = 0
    for term, outcome in learner.told:
        if outcome.fate is Fate.DUPLICATE:
            continue
        (heat,) = run.oracle.heat_maps([term])
        (covered,) = run.oracle.score([heat], problem.metric(by_name["coverage"]), torch.arange(FEW.search_images))
        fails = bool(covered.mean(dtype=np.float64) > 0.5)
        assert (outcome.scores.keys() == {by_name["coverage"]}) == fails
        assert not (fails and (outcome.complete or outcome.fate is not Fate.PRUNED))
        failed += fails
    assert failed > 3
    assert run.archive.leader is not None


class Looks(Random):
    """Draws the maps of what it proposes before it is told a score, and proposes no two of equal maps."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.keys: set[str] = set()

    def ask(self, count: int) -> list[Proposal]:
        found: list[Proposal] = []
        while not found and (drawn := super().ask(count)):
            for proposal, heat in zip(drawn, self.space.heat_maps([p.term for p in drawn]), strict=True):
                if heat.finite and heat.key not in self.keys:
                    self.keys.add(heat.key)
                    found.append(proposal)
        return found


def test_a_learner_may_look_at_maps_before_scores_are_paid(started: Start) -> None:
    plain, looking = (started(made, problem_of("gradcam"), mode="off") for made in (Random, Looks))
    for run in (plain, looking):
        run.execute()
    assert plain.fates[Fate.DUPLICATE] > 0
    assert looking.fates == {Fate.SCORED: plain.fates[Fate.SCORED]}
    assert looking.full_passes == plain.full_passes
