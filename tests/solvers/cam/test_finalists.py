"""The choice of the answer: who becomes a finalist, who is dropped, who wins, and what is said of it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from picture_folders import picture
from solvers.cam.archive import Archive, Judged
from solvers.cam.finalists import APART, Choice, Finals, finalists_of
from solvers.cam.journal import JOURNAL, Journal
from solvers.cam.learner import Fate, Outcome
from sygus.app.cli import main
from sygus.language.elaborate import load_problem
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.expressions import parse_expression
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem
from sygus.saliency.images import Preprocessing, load_images
from sygus.saliency.metrics import Metric

SEARCH, VALIDATION = 40, 200
NAMES = ["gradient", "alpha", "(relu gradient)", "(relu alpha)", "(* gradient alpha)", "(* gradient gradient)"]
PROBLEM = CamProblem(replace(load_problem(*reversed(read_problem("gradcam_plus"))), constraints=()))
(SYMBOL, METRIC), *_ = PROBLEM.metrics.items()
PARETO = CamProblem(replace(PROBLEM.problem, lexicographic=False))


class Given(CamOracle):
    """Scores that a test makes up: of each term, of each picture."""

    def __init__(self, terms: Sequence[Term], scores: Scores) -> None:
        self.rows = {term: row for row, term in enumerate(terms)}
        self.scores = scores
        self.subject: Any = type("Pictures", (), {"images": range(scores.shape[1])})
        self.forwards = 0

    def heat_maps(self, terms: Sequence[Term]) -> list[HeatMaps]:
        return [HeatMaps(torch.empty(0), str(self.rows[term]), 0, True) for term in terms]

    def identity(self, metric: Metric) -> str:
        return metric.name

    def attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: torch.Tensor) -> Scores:  # noqa: ARG002
        self.forwards += len(heat) * len(index)
        return self.scores[np.ix_([int(one.key) for one in heat], index.numpy())]


def terms_of(count: int) -> list[Term]:
    shapes = [f"(relu (cam (gap {name})))" for name in NAMES] + [f"(relu (cam {name}))" for name in NAMES]
    return [parse_expression(shape, "test") for shape in shapes[:count]]


Scored = Callable[..., tuple[Archive, Given, Given, list[Judged]]]


def scored(
    means: Sequence[float], shift: Sequence[float], noise: float = 5.0, problem: CamProblem = PROBLEM, seed: int = 0
) -> tuple[Archive, Given, Given, list[Judged]]:
    """Terms of these true means (average drop, lower is better), each off by a shift on the search pictures."""
    rng = np.random.default_rng(seed)
    terms, true = terms_of(len(means)), np.array(means)[:, None]

    def draws(count: int, off: np.ndarray) -> Scores:
        values = rng.normal(0, noise, (len(means), count))
        values -= values.mean(1, keepdims=True)
        return (50 + true + off + values).astype(np.float32)

    search, validation = draws(SEARCH, np.array(shift)[:, None]), draws(VALIDATION, np.zeros((len(means), 1)))
    archive = Archive(problem)
    entries = []
    for row, term in enumerate(terms):
        objectives = (float(search[row].mean(dtype=np.float64)), float(term.size))
        entries.append(Judged(row, term, Outcome(Fate.SCORED, objectives, SEARCH, True, {SYMBOL: search[row]})))
        archive.consider(entries[-1])
    return archive, Given(terms, search), Given(terms, validation), entries


def chosen(folder: Path, archive: Archive, search: Given, validation: Given, problem: CamProblem = PROBLEM) -> Choice:
    with Journal(folder / JOURNAL, SEARCH) as journal:
        return Finals(problem, search, validation, journal, 0).choose(archive)


def test_finalists_are_the_front_and_all_that_a_paired_test_cannot_tell_from_the_leader() -> None:
    archive, _, _, entries = scored([0, 0.5, 2, 2.6, 30, 40], [0] * 6, noise=5)
    leader = archive.leader
    assert leader is not None
    expected = set()
    for one in entries:
        worse = one.outcome.scores[SYMBOL].astype(float) - leader.outcome.scores[SYMBOL].astype(float)
        if worse.mean() <= APART * worse.std(ddof=1) / np.sqrt(SEARCH):
            expected.add(one.id)
    found = finalists_of(PROBLEM, archive)
    assert {one.id for one in found} == expected | {one.id for one in archive.front()}
    assert {4, 5}.isdisjoint(one.id for one in found if one not in archive.front())
    assert [one.outcome.objectives for one in found] == sorted(one.outcome.objectives for one in found)


def test_their_number_is_bounded_but_the_front_is_whole() -> None:
    archive, *_ = scored(np.linspace(0, 0.5, 12).tolist(), [0] * 12)
    assert len(finalists_of(PROBLEM, archive)) == 12
    few = finalists_of(PROBLEM, archive, most=2)
    assert set(archive.front()) <= set(few)
    assert len(few) <= len(archive.front()) + 2


def test_terms_that_differ_in_a_constant_alone_are_one_idea() -> None:
    archive, *_, entries = scored([0, 0.1], [0, 0])
    body = entries[0].outcome
    for number, constant in enumerate(("0.5", "0.6", "0.7", "2.0")):
        term = parse_expression(f"(power (relu (cam (gap gradient))) {constant})", "test")
        noise = np.random.default_rng(number).normal(0.1 * number, 1, SEARCH).astype(np.float32)
        scores = body.scores[SYMBOL] + noise - noise.mean() + np.float32(0.01 * (number + 1))
        outcome = replace(body, objectives=(float(scores.mean(dtype=float)), 6.0), scores={SYMBOL: scores})
        archive.consider(Judged(10 + number, term, outcome))
    found = [one.id for one in finalists_of(PROBLEM, archive)]
    assert [one for one in found if one >= 10] == [10]


def test_a_lucky_winner_loses_to_the_better_of_the_finalists(tmp_path: Path) -> None:
    """True means 2 and 0; luck of 3 on the search pictures makes the first lead there."""
    archive, search, validation, _ = scored([2, 0, 1, 40], [-3, 0, 0, 0], noise=8)
    assert archive.leader is not None
    assert archive.leader.id == 0
    choice = chosen(tmp_path, archive, search, validation)
    assert choice.leader is not None
    assert choice.leader.id == 1
    best = choice.finalists[0]
    assert best.judged.id == 1
    pooled = np.concatenate([best.judged.outcome.scores[SYMBOL], best.scores[SYMBOL]])
    assert best.objectives[0] == pytest.approx(pooled.mean(dtype=np.float64))
    assert choice.leader.outcome.objectives == best.objectives
    assert sum(one.probability for one in choice.finalists) == pytest.approx(1)


def test_who_is_left_alone_sees_every_picture(tmp_path: Path) -> None:
    archive, search, validation, _ = scored([0, 4, 4, 4], [0, -4, -4, -4], noise=6)
    choice = chosen(tmp_path, archive, search, validation)
    assert [one.complete for one in choice.finalists] == [True, *[False] * (len(choice.finalists) - 1)]
    for one in choice.finalists[1:]:
        assert int((~np.isnan(one.scores[SYMBOL])).sum()) == one.images < VALIDATION
        assert one.probability == 0
    assert choice.finalists[0].images == VALIDATION
    assert choice.passes == sum(one.images for one in choice.finalists)


def test_probabilities_are_the_shares_of_bootstrap_samples(tmp_path: Path) -> None:
    """Two finalists: the share in which one wins is the normal probability of the paired mean, up to resampling."""
    archive, search, validation, _ = scored([0, 0.35], [0, 0], noise=5)
    choice = chosen(tmp_path, archive, search, validation)
    first, second = (
        np.concatenate([one.judged.outcome.scores[SYMBOL], one.scores[SYMBOL]]).astype(float)
        for one in choice.finalists
    )
    worse = second - first
    rng = np.random.default_rng(7)
    samples = worse[rng.integers(0, len(worse), (20_000, len(worse)))].mean(1)
    assert choice.finalists[0].probability == pytest.approx((samples > 0).mean(), abs=0.03)
    assert 0.5 < choice.finalists[0].probability < 0.95


def test_without_an_order_every_member_sees_everything_and_the_set_is_formed_anew(tmp_path: Path) -> None:
    archive, search, validation, _ = scored([5, 3, 0], [-6, 0, 0], problem=PARETO)
    choice = chosen(tmp_path, archive, search, validation, PARETO)
    assert all(one.complete for one in choice.finalists)
    pooled = {one.judged.id: one.objectives for one in choice.finalists}
    expected = {
        number
        for number, mine in pooled.items()
        if not any(
            theirs != mine and all(a <= b for a, b in zip(theirs, mine, strict=True)) for theirs in pooled.values()
        )
    }
    assert {one.id for one in choice.front} == expected
    assert all(one.probability > 0 for one in choice.finalists if one.judged.id in expected)


def bounded() -> CamProblem:
    """The average drop must be at most 50."""
    text = read_problem("gradcam_plus")[1].replace("(<= (coverage h) 0.5)", "(<= (average-drop h) 50.0)")
    problem = load_problem(text, "bounded.sy")
    return CamProblem(replace(problem, constraints=problem.constraints[2:3]))


def test_what_breaks_a_constraint_over_all_pictures_is_no_answer(tmp_path: Path) -> None:
    problem = bounded()
    archive, search, validation, _ = scored([3, 4], [-5, -6], noise=1)
    with Journal(tmp_path / JOURNAL, SEARCH) as journal:
        choice = Finals(problem, search, validation, journal, 0).choose(archive)
    assert choice.leader is None
    assert not any(one.feasible for one in choice.finalists)
    assert [one.probability for one in choice.finalists] == [0, 0]


def test_the_next_best_come_in_where_the_best_break_a_constraint(tmp_path: Path) -> None:
    """The first ten lead on the search pictures by luck and break the bound; the last two, far behind, keep it."""
    problem = bounded()
    archive, search, validation, _ = scored([8] * 10 + [-2, -3], [-36] * 10 + [1, 1], noise=1)
    assert not {10, 11} & {one.id for one in finalists_of(problem, archive) if one not in archive.front()}
    choice = chosen(tmp_path, archive, search, validation, problem)
    assert choice.leader is not None
    assert choice.leader.id == 11
    assert [one.judged.id for one in choice.finalists if one.feasible] == [11, 10]
    assert choice.finalists[0].objectives[0] == pytest.approx(47.2, abs=0.1)


def test_scores_are_read_from_the_journal_and_give_the_same_choice(tmp_path: Path) -> None:
    archive, search, validation, _ = scored([0, 0.5, 1, 1, 5], [0] * 5)
    first = chosen(tmp_path, archive, search, validation)
    spent = validation.forwards
    again = chosen(tmp_path, archive, search, validation)
    assert validation.forwards == spent > 0
    assert [vars(one).keys() for one in first.finalists] == [vars(one).keys() for one in again.finalists]
    for one, other in zip(first.finalists, again.finalists, strict=True):
        assert (one.judged.id, one.objectives, one.probability) == (
            other.judged.id,
            other.objectives,
            other.probability,
        )
        np.testing.assert_array_equal(one.scores[SYMBOL], other.scores[SYMBOL])
    with sqlite3.connect(tmp_path / JOURNAL) as journal:
        rows = journal.execute("SELECT id, images, probability FROM finalists ORDER BY id").fetchall()
    assert rows == sorted((one.judged.id, one.images, one.probability) for one in first.finalists)


# Whole runs


def solve(out: Path, *options: str) -> Result:
    few = ["--search-images", "16", "--held-out-images", "8", "--budget", "size=5", "--baselines", "gradcam"]
    result = CliRunner().invoke(main, ["deletion", "--out", str(out), *few, *options])
    assert result.exit_code == 0, result.stderr
    return result


def record_in(folder: Path) -> Any:
    return json.loads((folder / "solution.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("finalists") / "run"
    return folder, solve(folder)


def test_the_record_has_each_finalist_on_three_disjoint_sets(run: tuple[Path, Result]) -> None:
    record = record_in(run[0])
    ids = [set(record[part]["ids"]) for part in ("search", "validation", "held_out")]
    assert [len(one) for one in ids] == [16, 64, 8]
    assert len(set.union(*ids)) == 16 + 64 + 8
    assert len(record["finalists"]) > 1
    assert record["found"]["id"] == record["finalists"][0]["id"]
    assert record["found"]["objectives"] == record["finalists"][0]["objectives"]
    for one in record["finalists"]:
        scores = {part: one["scores"][part]["deletion(top=30)"] for part in ("search", "validation", "held_out")}
        assert [scores["search"]["images"], scores["held_out"]["images"]] == [16, 8]
        seen = scores["search"]["scores"] + scores["validation"]["scores"]
        assert one["objectives"][0] == pytest.approx(np.mean(seen), abs=1e-6)
    row = record["table"][-1]["held out"]["deletion(top=30)"]["value"]
    assert record["finalists"][0]["scores"]["held_out"]["deletion(top=30)"]["value"] == pytest.approx(row, abs=1e-6)


def test_the_terminal_says_how_the_answer_was_chosen(run: tuple[Path, Result]) -> None:
    said = " ".join(run[1].stderr.split())
    record = record_in(run[0])
    count, probability = len(record["finalists"]), record["finalists"][0]["probability"]
    assert f"choice: {count} finalists on 64 validation pictures" in said
    assert f"with probability {probability:.2f} the best of them" in said
    gap = record["finalists"][0]["scores"]
    search, held_out = (gap[part]["deletion(top=30)"]["value"] for part in ("search", "held_out"))
    optimism = re.search(r"than held out: (\S+), median finalist (\S+)", said)
    assert optimism is not None
    assert float(optimism[1]) == pytest.approx(held_out - search, abs=6e-4)


@pytest.mark.slow
def test_a_resumed_run_chooses_the_same(run: tuple[Path, Result], tmp_path: Path) -> None:
    folder, result = run
    before = record_in(folder)
    again = solve(folder, "--resume")
    after = record_in(folder)
    assert again.stdout == result.stdout
    assert after["finalists"] == before["finalists"]
    assert after["accounting"]["validation forwards"] <= 64  # of what the constraint compares with
    elsewhere = solve(tmp_path / "other", "--reuse", str(folder))
    assert elsewhere.stdout == result.stdout
    assert record_in(tmp_path / "other")["finalists"] == before["finalists"]


def test_none_is_said_to_be_luck(tmp_path: Path) -> None:
    said = " ".join(solve(tmp_path / "run", "--validation-images", "0").stderr.split())
    record = record_in(tmp_path / "run")
    assert record["finalists"] == []
    assert record["validation"] is None
    assert "the search pictures alone chose the answer, so its score on them is partly luck" in said


@pytest.mark.parametrize("count", ["1", "-1"])
def test_a_number_that_is_none(count: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["deletion", "--validation-images", count, "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert "--validation-images" in result.stderr


def test_copies_are_in_no_two_sets(tmp_path: Path) -> None:
    """Twelve files in two folders, each file in both: six pictures."""
    for index in range(6):
        for folder in ("a", "b"):
            picture(tmp_path / folder / f"{index}.png", index)
    split = load_images(
        str(tmp_path), search=2, held_out=2, validation=None, seed=3, preprocessing=Preprocessing.square(4)
    )
    assert split.validation is not None
    parts = (split.search, split.held_out, split.validation)
    pixels = [one.numpy().tobytes() for part in parts for one in part.pictures]
    assert len(pixels) == len(set(pixels)) == 6
    copies = [one for part in parts for one in part.copies]
    assert len(copies) == 6
    assert all(re.fullmatch(r"[ab]/(\d)\.png is [ab]/\1\.png", one) for one in copies)


def test_who_lost_to_one_that_breaks_a_constraint_in_the_end_has_not_lost(tmp_path: Path) -> None:
    """The first is far ahead on the pictures that are looked at first, and over the bound once all are seen."""
    problem = bounded()
    archive, search, validation, _ = scored([0, -1], [-12, -11], noise=0.5)
    order = np.random.Generator(np.random.PCG64(0)).permutation(VALIDATION)
    validation.scores[0, order[:64]] -= 20
    validation.scores[0, order[64:]] += 25
    choice = chosen(tmp_path, archive, search, validation, problem)
    assert choice.leader is not None
    assert choice.leader.id == 1
    assert all(one.complete for one in choice.finalists)
    assert [one.judged.id for one in choice.finalists if one.feasible] == [1]


def test_maps_that_are_not_finite_make_no_finalist(tmp_path: Path) -> None:
    archive, search, validation, _ = scored([0, 0.1, 0.2], [0, 0, 0])
    leader = archive.leader
    assert leader is not None
    drawn = validation.heat_maps

    def broken(terms: Sequence[Term]) -> list[HeatMaps]:
        return [replace(heat, finite=term != leader.term) for term, heat in zip(terms, drawn(terms), strict=True)]

    validation.heat_maps = broken  # type: ignore[method-assign]
    choice = chosen(tmp_path, archive, search, validation)
    assert choice.broken == 1
    assert leader.id not in {one.judged.id for one in choice.finalists}
    assert choice.leader is not None


def test_of_an_objective_that_no_picture_has_alone_the_best_by_rank_come_in() -> None:
    """A sum of metrics: no paired comparison, so the next best are finalists too."""
    text = read_problem("gradcam_plus")[1].replace(
        "(! (average-drop h) :min)", "(! (+ (average-drop h) (* 10.0 (coverage h))) :min)"
    )
    problem = CamProblem(replace(load_problem(text, "sum.sy"), constraints=()))
    archive, *_ = scored([0, 1, 2, 3, 4], [0] * 5, problem=problem)
    assert len(finalists_of(problem, archive)) == 5


def test_a_picture_that_a_manifest_names_twice_is_in_one_set(tmp_path: Path) -> None:
    for index in range(8):
        picture(tmp_path / f"{index}.png", index)
    lines = ["file,class_name", *(f"{index % 8}.png,circle" for index in range(16))]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    split = load_images(
        str(tmp_path), search=2, held_out=2, validation=None, seed=1, preprocessing=Preprocessing.square(4)
    )
    parts = [one for one in (split.search, split.held_out, split.validation) if one is not None]
    ids = [name for part in parts for name in part.ids]
    assert len(ids) == len(set(ids))
    assert sum(len(part.copies) for part in parts) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation": None}, "validation pictures"),
        ({"found": None}, "none of the finalists"),
        ({"probability": 1.5}, "share between 0 and 1"),
        ({"images": -5}, "validation pictures"),
    ],
)
def test_damaged_finalists_are_named(run: tuple[Path, Result], tmp_path: Path, change: Any, message: str) -> None:
    record = record_in(run[0])
    first = record["finalists"][1]
    if "probability" in change:
        first |= change
    elif "images" in change:
        first["scores"]["validation"]["deletion(top=30)"] |= change
    else:
        record |= change
    (tmp_path / "solution.json").write_text(json.dumps(record))
    result = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert result.exit_code == 2
    assert message in result.stderr
