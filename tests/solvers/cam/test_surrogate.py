"""The surrogate finds the best of smooth scores in few proposals, reads lost races, and ends in a run of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from click.testing import CliRunner

from solvers.cam import pool
from solvers.cam.learner import Fate, Learner, Outcome, Proposal, Space
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.learners.random import Random
from solvers.cam.learners.surrogate import Surrogate
from solvers.cam.projection import Projection
from solvers.cam.testing import Search, space_for, terms
from sygus.app.cli import main
from sygus.language.terms import Term
from sygus.saliency.heatmap import unit_range

Judge = Callable[[Term], Outcome]


def scored(space: Space, value: Callable[[Term], float], feasible: Callable[[Term], bool] = lambda _: True) -> Judge:
    """Outcomes with a score for the first objective, zero for the others."""

    def judge(term: Term) -> Outcome:
        rest = (0.0,) * (len(space.goals) - 1)
        return Outcome(Fate.SCORED, (value(term), *rest), 96, feasible(term))

    return judge


def proposals_to(learner: Learner, judge: Judge, wanted: Callable[[Term], bool], limit: int = 2_000) -> int:
    """How many proposals it takes to come to what is wanted."""
    made = 0
    while made < limit and (asked := learner.ask(32)):
        for proposal in asked:
            made += 1
            if wanted(proposal.term):
                return made
            learner.tell(proposal, judge(proposal.term))
    return limit


@pytest.fixture(scope="module")
def space() -> Space:
    """Constraints are what a test makes them, so none is foreseen."""
    return replace(space_for("gradcam_plus", 8), foresee=None)


@pytest.fixture(scope="module")
def every(space: Space) -> list[Term]:
    return terms(Search(Enumerate(space)).go_on(10_000))


def smooth(space: Space, target: Term) -> Callable[[Term], float]:
    """How far the maps of a term are from those of a target: smooth in them, and known of nothing else."""
    wanted = unit_range(space.heat_maps([target])[0].maps)

    @cache
    def distance(term: Term) -> float:
        (heat,) = space.heat_maps([term])
        return float((unit_range(heat.maps) - wanted).square().mean())

    return distance


@pytest.mark.slow
def test_of_smooth_scores_the_best_is_found_in_a_fifth_of_the_proposals_of_random(
    space: Space, every: list[Term]
) -> None:
    needed: dict[type[Learner], list[int]] = {Surrogate: [], Random: []}
    for seed in range(3):
        chance = np.random.Generator(np.random.PCG64(seed))
        value = smooth(space, every[int(chance.integers(len(every) // 2, len(every)))])
        for made, counts in needed.items():
            learner = made(replace(space, seed=seed))
            counts.append(proposals_to(learner, scored(space, value), lambda term, value=value: value(term) < 1e-9))
    assert median(needed[Surrogate]) < median(needed[Random]) / 5
    assert median(needed[Surrogate]) < 40


def test_what_fails_a_constraint_is_behind_whatever_its_score(space: Space, every: list[Term]) -> None:
    """The best score of all is infeasible, and so is all near it; the search turns to the best of the others."""
    value = smooth(space, every[-1])
    ordered = sorted(every, key=value)
    values = [value(term) for term in ordered]
    limit = values[len(values) // 4]
    judge = scored(space, value, lambda term: value(term) >= limit)
    assert proposals_to(Surrogate(space), judge, lambda term: limit <= value(term) <= limit * 1.02) < len(every) / 4


def test_lost_races_teach_it_where_not_to_look(space: Space, every: list[Term]) -> None:
    """Each proposal worse than the leader sees 8 of 96 pictures, all of them hard ones; the best is found as soon."""
    value, metric = smooth(space, every[250]), space.goals[0].metric
    assert metric is not None
    level = np.linspace(0.5, -0.5, 96)
    best = [np.inf]

    def judge(term: Term) -> Outcome:
        scores = (value(term) + level).astype(np.float32)
        if value(term) < best[0]:
            best[0] = value(term)
            return Outcome(Fate.SCORED, (value(term), 0.0), 96, True, {metric: scores})
        scores[8:] = np.nan
        return Outcome(Fate.PRUNED, images=8, scores={metric: scores})

    assert proposals_to(Surrogate(space), judge, lambda term: value(term) < 1e-9) < 60


@pytest.mark.parametrize("derivations", [1 << 17, 50])
def test_every_term_comes_once_where_the_space_is_small(derivations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enumerated or, from some size on, drawn; the twins of equal maps too, which come last."""
    monkeypatch.setattr(pool, "DERIVATIONS", derivations)
    space = space_for("gradcam_plus", 6)
    space = replace(space, written=space.grammar)  # without other constants
    search = Search(Surrogate(space))
    found = terms(search.go_on(5_000))
    assert search.ended
    assert len(set(found)) == len(found)
    behaviours = {space.probes.signature(term) for term in found}
    assert behaviours == {space.probes.signature(term) for term in terms(Search(Enumerate(space)).go_on(5_000))}
    certified = search.learner.conclusion().startswith("best of all terms up to size 6")
    assert certified or derivations == 50


def test_equal_objectives_are_weighed_anew_each_time() -> None:
    """Both ends of a Pareto set are found."""
    space = space_for("pareto", 5)
    every = terms(Search(Enumerate(space)).go_on(10_000))
    one, other = (smooth(space, every[len(every) * third // 3]) for third in (1, 2))
    sign = [1 if goal.direction == "min" else -1 for goal in space.goals]
    learner, seen = Surrogate(space), []
    for _ in range(12):
        for proposal in learner.ask(4):
            numbers = (one(proposal.term), other(proposal.term), *[0.0] * (len(sign) - 2))
            values = tuple(s * number for s, number in zip(sign, numbers, strict=True))
            learner.tell(proposal, Outcome(Fate.SCORED, values, 96, True))
            seen.append(numbers[:2])
    assert min(a for a, _ in seen) < 1e-3
    assert min(b for _, b in seen) < 1e-3


def test_what_a_constraint_is_foreseen_to_fail_of_is_proposed_last(space: Space) -> None:
    """Here all that is larger than five nodes. Terms with the maps of an earlier one wait as well."""
    small = replace(space, size=6, written=space.grammar)
    limited = replace(small, foresee=lambda heat: [(5.5 - one.term.size,) for one in heat if one.term is not None])
    search = Search(Surrogate(limited))
    found = [term.size <= 5 for term in terms(search.go_on(5_000))]
    assert search.ended
    assert len(found) == len(terms(Search(Surrogate(small)).go_on(5_000)))
    status = search.learner.status()
    ahead = found.index(False)
    assert ahead > 5
    assert sum(found[ahead:]) <= status["of equal maps"]
    assert found.count(False) - status["of equal maps"] <= status["foreseen to fail"] <= found.count(False)


def test_where_every_constraint_fails_it_proposes_all_the_same(space: Space) -> None:
    """A run has to say which constraints are never met."""
    hopeless = replace(space, size=5, written=space.grammar, foresee=lambda heat: [(-1.0,)] * len(heat))
    assert terms(Search(Surrogate(hopeless)).go_on(20))


def test_a_constant_at_the_edge_of_a_constraint_is_found(space: Space, every: list[Term]) -> None:
    """Scores fall with the mean of the map, which a constraint holds to 0.6: the best lies where it is just met."""

    def mean(term: Term) -> float:
        (heat,) = space.heat_maps([term])
        return float(unit_range(heat.maps).mean())

    edge = replace(space, foresee=lambda heat: [(0.6 - float(unit_range(one.maps).mean()),) for one in heat])
    learner = Surrogate(edge)
    assert learner.tunes
    best = 0.0
    for _ in range(30):
        for proposal in learner.ask(4):
            found = mean(proposal.term)
            learner.tell(proposal, Outcome(Fate.SCORED, (-found, 0.0), 4, found <= 0.6, margins=(0.6 - found,)))
            best = max(best, found if found <= 0.6 else 0.0)
            assert space.written.derive(proposal.term) is not None
            assert proposal.term.size <= space.size
    of_the_file = max(found for found in map(mean, every) if found <= 0.6)
    assert 0.6 - best < (0.6 - of_the_file) / 2
    assert learner.status()["other constants"] > 0


def test_distances_between_maps_are_kept(space: Space) -> None:
    heat = space.heat_maps(terms(Search(Enumerate(space)).go_on(60)))
    maps = np.stack([unit_range(one.maps).numpy().ravel() for one in heat]).astype(float)
    points = Projection(0)(heat).astype(float)
    exact, kept = (np.linalg.norm(rows[:, None] - rows[None], axis=2) for rows in (maps, points))
    far = exact > 1e-3 * exact.max()
    assert np.abs(kept[far] / exact[far] - 1).max() < 0.35
    np.testing.assert_array_equal(Projection(0)(heat), Projection(0)(heat))


SMALL = ["--search-images", "12", "--held-out-images", "4", "--validation-images", "0", "--baselines", "uniform"]


def run(out: Path, *more: str) -> dict[str, object]:
    arguments = ["gradcam_plus", "--strategy", "surrogate", "--device", "cpu", *SMALL, "--out", str(out)]
    result = CliRunner().invoke(main, [*arguments, *more])
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads((out / "solution.json").read_text())
    return found


@pytest.mark.slow
def test_where_nothing_is_an_objective_it_goes_on_by_the_constraints(tmp_path: Path) -> None:
    text = """(set-logic CAM) (set-feature :oracles true)
    (declare-oracle-fun average-drop ((-> Map Map Weight)) Real average-drop)
    (synth-fun w ((activation Map) (gradient Map)) Weight ((W Weight) (M Map))
      ((W Weight ((gap M) (relu W) (* W W) (+ W W))) (M Map (activation gradient (relu M) (abs M) (* M M)))))
    (constraint (<= (average-drop w) 1.0))
    (check-synth)"""
    (tmp_path / "file.sy").write_text(text)
    options = [
        "--strategy",
        "surrogate",
        "--budget",
        "size=7,terms=40",
        "--search-images",
        "4",
        "--held-out-images",
        "4",
    ]
    result = CliRunner().invoke(main, [str(tmp_path / "file.sy"), *options, "--out", str(tmp_path / "run")])
    assert result.exit_code == 3, result.output
    assert "40 terms proposed" in result.stderr or "the budget's terms is spent" in result.stderr
    assert "is met by 0 of the" in result.stderr


@pytest.mark.slow
def test_a_run_that_is_resumed_is_the_run_in_one_piece(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", "--budget", "terms=24,size=7")
    run(tmp_path / "parts", "--budget", "terms=9,size=7")
    resumed = run(tmp_path / "parts", "--budget", "terms=24,size=7", "--resume")
    assert (tmp_path / "whole" / "answer.sy").read_text() == (tmp_path / "parts" / "answer.sy").read_text()
    counts = whole["accounting"], resumed["accounting"]
    for one in counts:
        assert isinstance(one, dict)
        assert one["known to the model"] > 15
    assert counts[0]["proposed"] == counts[1]["proposed"]


def test_a_proposal_that_it_did_not_ask_about_teaches_nothing(space: Space) -> None:
    learner = Surrogate(space)
    (first,) = learner.ask(1)
    before = learner.status()["known to the model"]
    learner.tell(Proposal(first.term), Outcome(Fate.UNSAFE))
    learner.tell(first, Outcome(Fate.SCORED, (1.0, 2.0), 96, feasible=True))
    assert learner.status()["known to the model"] == before
