"""The learners that move from term to term, ``genetic`` and ``mcmc``: what both must do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
import pytest

import sygus
from solvers.cam.derivations import Growth
from solvers.cam.drawing import built
from solvers.cam.learner import Fate, Learner, Outcome, Proposal
from solvers.cam.learners import find_learner
from solvers.cam.run import Progress
from solvers.cam.search import search
from solvers.cam.settings import Settings
from solvers.cam.solution import Solution
from solvers.cam.starts import starts_of
from solvers.cam.subjects import Subjects, load_subjects
from solvers.cam.testing import space_for
from sygus.language.elaborate import load_problem
from sygus.language.terms import Term, subterms
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.expressions import read_expression
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem

BOTH = ("genetic", "mcmc")

Judge = Callable[[Term], Outcome]


def judged(learner: Learner, judge: Judge, most: int, batch: int = 16) -> list[Proposal]:
    """What a learner proposes, at most about so many, each told what the judge says."""
    found: list[Proposal] = []
    while len(found) < most and (asked := learner.ask(batch)):
        for proposal in asked:
            learner.tell(proposal, judge(proposal.term))
        found += asked
    return found


def scored(*objectives: float, feasible: bool = True) -> Outcome:
    return Outcome(Fate.SCORED, objectives, 8, feasible)


def distance(one: Term, other: Term) -> float:
    """The share of sub-terms that two terms do not share."""
    mine, theirs = set(subterms(one)), set(subterms(other))
    return 1 - len(mine & theirs) / len(mine | theirs)


def nearest(name: str, seed: int) -> float:
    """How near a learner comes to a term that it does not know, being told how near each proposal is."""
    space = space_for("channel_weights", 9, seed=seed)
    chance = Random(1000 + seed)  # noqa: S311 - nothing that is drawn is secret
    target = built(Growth(space.grammar, {}).exactly(chance, space.grammar.start, 9))
    found = judged(find_learner(name)(space), lambda term: scored(distance(term, target), term.size), PROPOSALS)
    return min(distance(proposal.term, target) for proposal in found[:PROPOSALS])


SEEDS, PROPOSALS = range(7), 200


@pytest.fixture(scope="module")
def by_chance() -> list[float]:
    return [nearest("random", seed) for seed in SEEDS]


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
def test_it_comes_nearer_to_a_term_than_chance_does(name: str, by_chance: list[float]) -> None:
    found = [nearest(name, seed) for seed in SEEDS]
    assert median(found) < median(by_chance) - 0.05
    assert sum(mine < theirs for mine, theirs in zip(found, by_chance, strict=True)) >= 5


@pytest.mark.parametrize("equivalence", [Equivalence.MAP, Equivalence.NONE])
@pytest.mark.parametrize(("problem", "size"), [("gradcam", 4), ("strict divisions", 5), ("renamings in a circle", 6)])
@pytest.mark.parametrize("name", BOTH)
def test_a_small_space_is_exhausted_and_covers_what_enumeration_finds(
    name: str, problem: str, size: int, equivalence: Equivalence
) -> None:
    found, learners = {}, {}
    for one in (name, "enumerate"):
        space = space_for(problem, size, equivalence)
        learners[one] = find_learner(one)(space)
        goals = len(space.goals)
        proposals = judged(learners[one], lambda term, goals=goals: scored(*[term.size % 3] * goals), 10_000)
        by_value = equivalence.is_by_value
        found[one] = {space.probes.signature(p.term) if by_value else p.term: p.term.size for p in proposals}
    assert found[name] == found["enumerate"]  # of each behaviour the last is the smallest
    conclusion = learners[name].conclusion()
    assert conclusion.startswith(f"best of all terms up to size {size}, up to equivalence by {equivalence}: each of ")


@pytest.mark.parametrize("name", BOTH)
def test_the_formulas_given_come_first(name: str) -> None:
    texts = ("(relu (cam (gap gradient)))", "(relu (cam (gap (* alpha (relu gradient)))))")
    starts = tuple(read_expression(text) for text in texts)
    learner = find_learner(name)(replace(space_for("gradcam_plus", 9), starts=starts))
    assert [proposal.term for proposal in learner.ask(5)[:2]] == list(starts)
    outside = replace(space_for("gradcam_plus", 9), starts=(read_expression("(gap gradient)"),))
    assert find_learner(name)(outside).ask(5)


@pytest.mark.parametrize("name", BOTH)
def test_a_prior_is_obeyed(name: str) -> None:
    space = space_for("gradcam_plus", 9)
    every = [p for productions in space.grammar.productions.values() for p in productions]
    favoured = [p for p in every if "above-mean" in repr(p.template)]
    shares = []
    for prior in ({}, dict.fromkeys(favoured, 20.0)):
        proposals = find_learner(name)(replace(space, prior=prior)).ask(32)
        shares.append(np.mean(["above-mean" in repr(proposal.term) for proposal in proposals]))
    assert shares[1] > shares[0]


@pytest.mark.parametrize("name", BOTH)
def test_what_has_no_score_does_not_end_the_search(name: str) -> None:
    for outcome in (Outcome(Fate.FAILED), Outcome(Fate.PRUNED, images=8), scored(1.0, 2.0, feasible=False)):
        space = space_for("channel_weights", 7)
        assert len(judged(find_learner(name)(space), lambda _, told=outcome: told, 100)) >= 100


def objectives_of(term: Term) -> tuple[float, ...]:
    """Two wishes that conflict: many gradients, and few nodes."""
    return (-float(repr(term).count("gradient")), float(term.size))


@pytest.mark.parametrize("name", BOTH)
def test_objectives_that_are_equals_are_all_pursued(name: str) -> None:
    space = space_for("pareto", 12)
    assert not space.ordered
    found = judged(find_learner(name)(space), lambda term: scored(*objectives_of(term)), 300)
    chance = judged(find_learner("random")(space), lambda _: scored(0, 0), 300)
    many, few = ([objectives_of(proposal.term) for proposal in one] for one in (found, chance))
    assert sum(volume(many, size) for size in range(2, 13)) > sum(volume(few, size) for size in range(2, 13))


def volume(found: list[tuple[float, ...]], size: int) -> float:
    """The most gradients in a term of at most so many nodes."""
    return max((-first for first, second in found if second <= size), default=0)


# In a run

FEW = Settings(search_images=16, held_out_images=2, device="cpu", validation_images=0, budget="size=7,terms=60")


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    return load_subjects(FEW)


def proposed(out: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(out / "journal.sqlite") as connection:
        return connection.execute("SELECT term, fate, objectives FROM proposals ORDER BY id").fetchall()


class Stop:
    """Interrupts a run after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def __call__(self, _: Progress) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
def test_a_run_that_was_stopped_goes_on_as_it_would_have(name: str, subjects: Subjects, tmp_path: Path) -> None:
    stated = CamProblem(load_problem(read_problem("channel_weights")[1], "channel_weights"))
    starts = starts_of(stated, (), 7).found
    settings = replace(FEW, strategy=name)

    def run(out: Path, report: Callable[[Progress], None] = lambda _: None) -> Solution:
        out.mkdir(exist_ok=True)
        return search(stated, settings, subjects, out, report, starts=starts)

    whole = run(tmp_path / "whole")
    assert run(tmp_path / "stopped", Stop(2)).conclusion == "interrupted"
    before = proposed(tmp_path / "stopped")
    again = run(tmp_path / "stopped")
    rows = proposed(tmp_path / "whole")
    assert 0 < len(before) < len(rows)
    assert rows[: len(before)] == before
    assert proposed(tmp_path / "stopped") == rows
    assert whole.best is not None
    assert again.best is not None
    assert again.best.term is whole.best.term
    fates = [fate for _, fate, _ in rows]
    assert "pruned" in fates  # races were lost, and told
    assert whole.accounting["scored"] + whole.accounting["pruned"] >= 60


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
def test_it_solves_a_shipped_problem(name: str, tmp_path: Path) -> None:
    few = {"search_images": 24, "held_out_images": 2, "validation_images": 0, "baselines": "gradcam", "device": "cpu"}
    result = sygus.solve("gradcam_plus", strategy=name, budget="terms=60", out=tmp_path / "run", **few)
    assert "(define-fun h " in result.answer
    record = json.loads((tmp_path / "run" / "solution.json").read_text())
    assert record["settings"]["strategy"] == name
    assert record["accounting"]["distinct"] > 20
