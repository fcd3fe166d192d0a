"""The learners ``pcfg``, ``cross-entropy`` and ``mcts``: what they learn, by hand, and what comes of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from solvers.cam import testing
from solvers.cam.budget import Budget, Spending
from solvers.cam.drawing import Sampler, built, probabilities
from solvers.cam.journal import JOURNAL, Journal
from solvers.cam.learner import Fate, Learner, Outcome, Proposal, Space
from solvers.cam.learners import pcfg
from solvers.cam.learners.cross_entropy import CrossEntropy, followed, pairs
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.learners.mcts import TreeSearch
from solvers.cam.learners.pcfg import JustInTime
from solvers.cam.learners.random import Random
from solvers.cam.race import Racer
from solvers.cam.run import Run
from solvers.cam.search import space_of
from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, load_subjects
from solvers.cam.testing import Search, space_for, terms
from sygus.language.elaborate import load_problem
from sygus.language.problem import Production
from sygus.language.terms import Term
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem

LEARNERS = (JustInTime, CrossEntropy, TreeSearch)

Score = Callable[[Term], float]


def tiny_space(size: int, equivalence: Equivalence = Equivalence.NONE) -> Space:
    """W is (gap M) or a sum, M one of two features: two terms of size 2, four of size 5."""
    groups = "((W Weight) (M Map)) ((W Weight ((gap M) (+ W W))) (M Map (activation gradient)))"
    problem = CamProblem(load_problem(testing._file(groups), "tiny"))
    settings = Settings(budget=f"size={size}", equivalence=equivalence)
    return space_of(problem, settings, testing.few_pictures().search)


def production_of(space: Space, text: str) -> Production:
    every = [p for productions in space.grammar.productions.values() for p in productions]
    (found,) = (p for p in every if repr(p.template) == text)
    return found


def judge(learner: Learner, proposals: list[Proposal], score: Score) -> None:
    """Tell the score, the smaller the better, as that of every picture."""
    for proposal in proposals:
        rest = (float(proposal.term.size),) * (len(learner.space.goals) - 1)
        learner.tell(proposal, Outcome(Fate.SCORED, (score(proposal.term), *rest), 96, True))


# Ends


@pytest.mark.parametrize("made", LEARNERS)
@pytest.mark.parametrize("equivalence", [Equivalence.NONE, Equivalence.MAP])
@pytest.mark.parametrize(("name", "size"), [("gradcam", 4), ("renamings in a circle", 4), ("strict divisions", 5)])
def test_a_small_space_is_exhausted_and_covers_what_enumeration_finds(
    made: type[Learner], name: str, size: int, equivalence: Equivalence
) -> None:
    space = space_for(name, size, equivalence)
    search = Search(made(space))
    found = terms(search.go_on(100_000))
    enumerated = terms(Search(Enumerate(space)).go_on(100_000))
    assert search.ended
    if equivalence is Equivalence.NONE:
        assert Counter(found) == Counter(enumerated)
    else:
        smallest = {space.probes.signature(term): term.size for term in found}  # of each, the last is the smallest
        assert smallest == {space.probes.signature(term): term.size for term in enumerated}
    claim = f"best of all terms up to size {size}, up to equivalence by {equivalence}: "
    assert search.learner.conclusion().startswith(claim)


@pytest.mark.parametrize("made", LEARNERS)
def test_a_prior_is_where_it_begins(made: type[Learner]) -> None:
    space = space_for("channel_weights", 7)
    rare = {p: 1e-6 for ps in space.grammar.productions.values() for p in ps if "activation" in repr(p.template)}
    first = made(replace(space, prior=rare)).ask(20)
    assert len(first) == 20
    assert all("activation" not in repr(proposal.term) for proposal in first)
    assert any("activation" in repr(proposal.term) for proposal in made(space).ask(20))


# pcfg


def test_costs_are_learnt_and_terms_come_in_their_order_from_then_on() -> None:
    space = space_for("gradcam_plus", 9)
    learner = JustInTime(space)
    loved = [p for p in learner.first if repr(p.template) in ("alpha", "(above-mean N)")]

    def score(term: Term) -> float:
        return -float(sum(p in loved for p in space.productions(term)))

    while not learner.status()["begun anew"]:
        batch = learner.ask(32)
        judge(learner, batch, score)
    found = learner.probabilities
    for production in loved:
        assert learner.fits[production] == 1  # both occur in the best terms
        (others,) = (ps for ps in space.grammar.productions.values() if production in ps)
        assert found[production] == max(found[p] for p in others)
    assert all(p > 0 for p in found.values())
    for productions in space.grammar.productions.values():
        assert sum(found[p] for p in productions) == pytest.approx(1)
    costs = [-sum(np.log2(found[p]) for p in space.productions(proposal.term)) for proposal in batch]
    assert all(one <= following + 1e-9 for one, following in pairwise(costs))


def test_fits_and_probabilities_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcfg, "PERIOD", 4)
    space = tiny_space(5)
    learner = JustInTime(space)
    assert set(learner.probabilities.values()) == {0.5}
    small, sums = learner.ask(2), learner.ask(2)
    assert repr(sums[0].term) == "(+ (gap activation) (gap activation))"
    judge(learner, small, lambda term: 4.0 if "activation" in repr(term) else 2.0)
    judge(learner, sums, lambda term: 6.0 if "gradient" in repr(term) else 0.0)
    assert len(learner.ask(1)) == 1
    # Told: 0, 2, 4 and 6. The median is the third, 4. Gradient's best is 2, half way; all others were in the best, 0.
    assert {repr(p.template): fit for p, fit in learner.fits.items()} == {
        "(gap M)": 1,
        "(+ W W)": 1,
        "activation": 1,
        "gradient": 0.5,
    }
    found = {repr(production.template): p for production, p in learner.probabilities.items()}
    assert found == pytest.approx({"(gap M)": 0.5, "(+ W W)": 0.5, "activation": 16 / 20, "gradient": 4 / 20})


# cross-entropy


def test_pairs_are_productions_with_the_one_above() -> None:
    space = tiny_space(5)
    gap, plus, activation, gradient = (
        production_of(space, text) for text in ("(gap M)", "(+ W W)", "activation", "gradient")
    )
    found = pairs((plus, gap, activation, gap, gradient))
    assert found == [(None, plus), (plus, gap), (gap, activation), (plus, gap), (gap, gradient)]


def test_an_update_by_hand() -> None:
    space = tiny_space(5)
    gap, plus, activation, gradient = (
        production_of(space, text) for text in ("(gap M)", "(+ W W)", "activation", "gradient")
    )
    first = probabilities(space.grammar, {})
    elite = [pairs((plus, gap, activation, gap, activation)), pairs((gap, activation)), pairs((gap, gradient))]
    table = followed(space.grammar, {}, first, elite)
    # W anywhere: gap 4 of 5. At the root: gap 2 of 3, with two uses' worth of 4/5 as backing: (2 + 1.6) / 5.
    assert table[None][gap] == pytest.approx(0.95 * (0.5 * 0.5 + 0.5 * 0.72) + 0.05 * 0.5)
    # Below plus: gap 2 of 2, so (2 + 1.6) / 4.
    assert table[plus][gap] == pytest.approx(0.95 * (0.25 + 0.5 * 0.9) + 0.025)
    # Below gap: activation 3 of 4, as anywhere.
    assert table[gap][activation] == pytest.approx(0.95 * (0.25 + 0.375) + 0.025)
    assert set(table) == {None, gap, plus}
    for weights in table.values():
        for pair in ((gap, plus), (activation, gradient)):
            assert sum(weights.get(p, 0) for p in pair) in (0, pytest.approx(1))
    again = followed(space.grammar, table, first, elite)
    assert again[plus][gap] == pytest.approx(0.95 * (0.5 * table[plus][gap] + 0.45) + 0.025)
    for _ in range(200):
        table = followed(space.grammar, table, first, elite[1:2])
    # The elite never uses plus: what is left of it is the floor, ε p₀ / (1 - (1 - ε)(1 - α)).
    assert table[None][plus] == pytest.approx(0.05 * 0.5 / (1 - 0.95 * 0.5))


def test_weights_that_bring_nothing_new_begin_anew() -> None:
    space = space_for("gradcam_plus", 7)
    learner = CrossEntropy(space)
    search = Search(learner)
    search.go_on(100_000)
    assert learner.status()["updates"] > 0
    assert learner.status()["begun anew"] > 0
    assert search.ended


# mcts


def test_a_tree_of_two_terms_by_hand() -> None:
    learner = TreeSearch(tiny_space(2))
    root = learner.root
    assert (root.choices, root.visits, root.children) == (2, 0, {})  # (gap M) is no choice: the sum does not fit
    (first,) = learner.ask(1)
    assert (root.visits, root.pending, len(root.children), root.exhausted) == (1, 1, 1, False)
    judge(learner, [first], lambda _: 2.0)
    assert (root.pending, root.best) == (0, ((0.0, 2.0),))
    (second,) = learner.ask(1)
    assert {repr(first.term), repr(second.term)} == {"(gap activation)", "(gap gradient)"}
    assert (root.exhausted, root.children) == (True, {})
    judge(learner, [second], lambda _: 5.0)
    assert (root.visits, root.best) == (2, ((0.0, 2.0),))  # the best, not the last or the mean
    assert learner.ask(1) == []
    assert learner.conclusion() == (
        "best of all terms up to size 2, up to equivalence by none: 2 walks made each of their derivations"
    )


def test_the_best_goes_up_and_what_is_exhausted_is_closed() -> None:
    space = tiny_space(5)
    learner = TreeSearch(space)

    def score(term: Term) -> float:
        return 1.0 if repr(term) == "(+ (gap gradient) (gap activation))" else 3.0

    while proposals := learner.ask(2):
        judge(learner, proposals, score)
        for node in learner.root.children.values():
            below = [child.best for child in node.children.values() if child.best is not None]
            assert node.best is not None
            assert all(node.best <= best for best in below)
            assert not (node.exhausted and node.children)
    assert learner.root.exhausted
    assert learner.root.best == ((0.0, 1.0),)
    assert learner.status()["distinct"] == 6


def test_walks_that_wait_for_an_outcome_part_ways() -> None:
    space = space_for("gradcam_plus", 9)
    learner = TreeSearch(space)
    judge(learner, learner.ask(64), lambda _: 1.0)
    learner.ask(32)
    root = learner.root
    assert root.pending == 32
    assert sum(node.pending for node in root.children.values()) == 32
    node, waiting = root, {32}
    while node.children:  # nothing but one place would be asked for again and again
        node = max(node.children.values(), key=lambda child: child.pending)
        waiting.add(node.pending)
    assert min(waiting) < 8


# Together


def similarity(space: Space, seed: int) -> Score:
    """How many of the pairs of productions a term shares with a random large one, as a loss from 0 to -1."""
    sampler, chance = Sampler(space.grammar, space.size), np.random.Generator(np.random.PCG64(1000 + seed))
    target = built(sampler.draw(chance))
    while target.size < space.size - 1:
        target = built(sampler.draw(chance))
    wanted = Counter(pairs(space.productions(target)))

    @cache
    def score(term: Term) -> float:
        there = Counter(pairs(space.productions(term)))
        return -(there & wanted).total() / (there | wanted).total()

    return score


def best_of(made: type[Learner], space: Space, score: Score, proposals: int) -> float:
    learner, found = made(space), [0.0]
    while len(found) <= proposals:
        asked = learner.ask(32)
        judge(learner, asked, score)
        found += [score(proposal.term) for proposal in asked]
    return min(found)


@pytest.mark.slow
def test_each_finds_better_terms_than_random_at_equal_proposals() -> None:
    space, seeds = space_for("gradcam_plus", 11), range(7)
    scores = [similarity(space, seed) for seed in seeds]
    found = {
        made: median(best_of(made, replace(space, seed=seed), scores[seed], 160) for seed in seeds)
        for made in (Random, *LEARNERS)
    }
    for made in LEARNERS:
        assert found[made] < found[Random], found


# In a run

FEW = Settings(search_images=16, held_out_images=2, device="cpu", budget="size=9")


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    return load_subjects(FEW)


@pytest.fixture
def proposed(subjects: Subjects, tmp_path: Path) -> Callable[[type[Learner], str, int], list[Term]]:
    """What a run with a journal of this name proposes, until so many terms are scored."""

    def execute(made: type[Learner], journal: str, scored: int) -> list[Term]:
        problem = CamProblem(load_problem(*reversed(read_problem("gradcam_plus"))))
        space = space_of(problem, FEW, subjects.search)
        found: list[Term] = []

        class Noted(made):  # type: ignore[misc, valid-type]
            def ask(self, count: int) -> list[Proposal]:
                asked: list[Proposal] = super().ask(count)
                found.extend(terms(asked))
                return asked

        with Journal(tmp_path / f"{journal}-{JOURNAL}", FEW.search_images) as opened:
            racer, spending = Racer.of("t", FEW.search_images, 0), Spending(Budget(terms=scored))
            run = Run(problem, subjects.search, space, Noted(space), racer, spending, opened)
            run.execute()
            assert run.archive.leader is not None
        return found

    return execute


@pytest.mark.slow
@pytest.mark.parametrize("made", LEARNERS)
def test_a_run_that_was_cut_off_goes_on_as_it_would_have(
    made: type[Learner], proposed: Callable[[type[Learner], str, int], list[Term]]
) -> None:
    whole = proposed(made, "whole", 60)
    assert len(whole) >= 60
    part = proposed(made, "part", 30)
    assert part == whole[: len(part)]
    assert len(part) < len(whole)
    assert proposed(made, "part", 60) == whole


@pytest.mark.parametrize("made", LEARNERS)
def test_a_state_after_much_learning_goes_on(made: type[Learner]) -> None:
    space = space_for("gradcam_plus", 11)
    score = similarity(space, 3)
    one, other = made(space), made(space)
    for _ in range(5):
        judge(one, one.ask(32), score)
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for _ in range(3):
        proposals = [learner.ask(32) for learner in (one, other)]
        assert terms(proposals[0]) == terms(proposals[1])
        for learner in (one, other):
            judge(learner, proposals[0], score)
    assert one.state_dict() == other.state_dict()
