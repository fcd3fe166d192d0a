"""Racing: what is dropped had lost, what could win is kept, and what is skipped is never asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.cam.race import Mode, Racer, mean

PROPERTY = settings(derandomize=True, deadline=None, max_examples=100)
IMAGES = 96
Table = np.ndarray[Any, np.dtype[np.float32]]


@dataclass
class Metric:
    """What a race reads of a metric."""

    direction: str = "min"
    low: float = 0
    high: float = 100
    joint: bool = False


@dataclass
class Oracle:
    """Reads scores off a table; a heat map is the number of its row."""

    table: Table
    asked: list[tuple[int, int]] = field(default_factory=list)

    def score(self, heat: list[int], _: Metric, index: torch.Tensor) -> Table:
        self.asked += [(row, int(picture)) for row in heat for picture in index]
        return self.table[np.ix_(heat, index.numpy())]


def run(racer: Racer, oracle: Oracle, rows: list[int], leader: Table | None, metric: Metric | None = None,
        known: Table | None = None) -> Table:  # fmt: skip
    nothing = np.full((len(rows), len(racer.order)), np.nan, np.float32)
    found = cast("Any", racer).run(oracle, rows, metric or Metric(), nothing if known is None else known, leader)
    return cast("Table", found)


def prefix(racer: Racer, scores: Table) -> int:
    """How many pictures a row saw; they must be the first of the order."""
    seen = ~np.isnan(scores)
    count = int(seen.sum())
    assert seen[racer.order[:count]].all()
    assert count in racer.looks
    return count


def tables(seed: int, candidates: int, images: int = IMAGES, spread: float = 8) -> Table:
    """Scores in [0, 100]: a candidate's quality, a picture's difficulty, and noise."""
    generator = np.random.default_rng(seed)
    quality = generator.normal(50, spread, (candidates, 1))
    difficulty = generator.normal(0, 20, (1, images))
    noise = generator.normal(0, 12, (candidates, images))
    return np.clip(quality + difficulty + noise, 0, 100).astype(np.float32)


# Looks


@pytest.mark.parametrize(
    ("images", "looks"),
    [(1, [1]), (5, [5]), (8, [8]), (9, [8, 9]), (16, [8, 16]), (17, [8, 16, 17]), (96, [8, 16, 32, 64, 96]),
     (200, [8, 16, 32, 64, 128, 200])],
)  # fmt: skip
def test_looks_double(images: int, looks: list[int]) -> None:
    assert Racer.of("t", images, 0).looks == looks
    assert Racer.of("bound", images, 0).looks == looks
    assert Racer.of("off", images, 0).looks == [images]


def test_the_order_is_a_permutation_drawn_from_the_seed() -> None:
    racer = Racer.of("t", IMAGES, 3)
    assert sorted(racer.order) == list(range(IMAGES))
    assert np.array_equal(racer.order, Racer.of("t", IMAGES, 3).order)
    assert not np.array_equal(racer.order, Racer.of("t", IMAGES, 4).order)


# What is scored


@pytest.mark.parametrize("mode", ["off", "t", "bound"])
def test_without_a_leader_all_are_scored(mode: Mode) -> None:
    oracle = Oracle(tables(0, 4))
    assert np.array_equal(run(Racer.of(mode, IMAGES, 0), oracle, [0, 1, 2, 3], None), oracle.table)


def test_off_scores_everything() -> None:
    oracle = Oracle(np.concatenate([np.zeros((1, IMAGES)), np.full((3, IMAGES), 100.0)]).astype(np.float32))
    assert np.array_equal(run(Racer.of("off", IMAGES, 0), oracle, [1, 2, 3], oracle.table[0]), oracle.table[1:])


def test_a_joint_metric_is_scored_in_full() -> None:
    oracle = Oracle(np.stack([np.zeros(IMAGES), np.full(IMAGES, 100)]).astype(np.float32))
    racer = Racer.of("t", IMAGES, 0)
    assert not np.isnan(run(racer, oracle, [1], oracle.table[0], Metric(joint=True))).any()


@pytest.mark.parametrize("direction", ["min", "max"])
def test_a_clearly_worse_candidate_is_dropped_at_the_first_look(direction: str) -> None:
    table = tables(1, 3)
    table[0] = 10 if direction == "min" else 90
    table[1:] = 100 - table[0] + np.arange(IMAGES) % 3
    racer, oracle = Racer.of("t", IMAGES, 0), Oracle(table)
    scores = run(racer, oracle, [1, 2], table[0], Metric(direction))
    assert [prefix(racer, row) for row in scores] == [8, 8]
    assert len(oracle.asked) == 16


@pytest.mark.parametrize("mode", ["t", "bound"])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_better_and_equal_candidates_are_scored_in_full(mode: Mode, direction: str) -> None:
    table = tables(2, 3)
    table[1] = table[0]
    table[2] = table[0] + (-1 if direction == "min" else 1)
    scores = run(Racer.of(mode, IMAGES, 0), Oracle(table), [1, 2], table[0], Metric(direction))
    assert np.array_equal(scores, table[1:])


@PROPERTY
@given(st.integers(0, 10**6), st.sampled_from(["t", "bound"]), st.integers(1, 40), st.sampled_from(["min", "max"]))
def test_every_row_shows_a_prefix_of_the_order(seed: int, mode: Mode, images: int, direction: str) -> None:
    oracle = Oracle(tables(seed, 8, images))
    racer = Racer.of(mode, images, seed)
    scores = run(racer, oracle, list(range(1, 8)), oracle.table[0], Metric(direction))
    seen = [prefix(racer, row) for row in scores]
    assert np.array_equal(scores[~np.isnan(scores)], oracle.table[1:][~np.isnan(scores)])
    assert len(oracle.asked) == len(set(oracle.asked)) == sum(seen)


def test_what_is_known_is_not_asked_for() -> None:
    oracle = Oracle(tables(4, 3))
    racer = Racer.of("t", IMAGES, 0)
    known = np.full((2, IMAGES), np.nan, np.float32)
    known[0] = oracle.table[1]
    known[1, racer.order[:16]] = oracle.table[2, racer.order[:16]]
    before = known.copy()
    scores = run(racer, oracle, [1, 2], oracle.table[1], known=known)
    assert all(row == 2 and picture not in racer.order[:16] for row, picture in oracle.asked)
    assert np.array_equal(scores[0], oracle.table[1])
    assert np.array_equal(known, before, equal_nan=True)


# What is dropped


@PROPERTY
@given(st.integers(0, 10**6), st.sampled_from(["min", "max"]), st.integers(9, 60))
def test_the_exact_bound_never_drops_what_could_win(seed: int, direction: str, images: int) -> None:
    table = tables(seed, 30, images, spread=40)
    scores = run(Racer.of("bound", images, seed), Oracle(table), list(range(1, 30)), table[0], Metric(direction))
    sign = 1 if direction == "min" else -1
    dropped = np.isnan(scores).any(1)
    assert (sign * table[1:][dropped].mean(1, dtype=float) > sign * table[0].mean(dtype=float)).all()


def test_the_exact_bound_drops_as_soon_as_a_perfect_rest_is_too_late() -> None:
    """The leader sums to 48; at 100 a picture that is passed after one picture, at 5 after ten."""
    leader = np.full(16, 3.0, np.float32)
    hopeless, close = np.full(16, 7.0, np.float32), np.full(16, 6.0, np.float32)
    racer = Racer.of("bound", 16, 0)
    scores = run(racer, Oracle(np.stack([hopeless, close])), [0, 1], leader)
    assert [prefix(racer, row) for row in scores] == [8, 16]
    unbounded = run(racer, Oracle(np.stack([hopeless, close])), [0, 1], leader, Metric(low=-np.inf))
    assert [prefix(racer, row) for row in unbounded] == [16, 16]


def test_the_t_test_keeps_its_level() -> None:
    """Candidates whose mean over all pictures equals the leader's are dropped with probability at most alpha."""
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 10, (2000, IMAGES))
    table = (50 + noise - noise.mean(1, keepdims=True)).astype(np.float32)
    leader = np.full(IMAGES, 50, np.float32)
    scores = run(Racer.of("t", IMAGES, 0), Oracle(table), list(range(2000)), leader, Metric(low=-np.inf))
    dropped = np.isnan(scores).any(1).mean()
    assert 0 < dropped <= 0.0125


def test_the_best_of_many_is_kept_in_nearly_every_order_and_much_is_saved() -> None:
    kept, spent = 0, 0
    for order in range(20):
        oracle = Oracle(tables(order, 150))
        racer = Racer.of("t", IMAGES, order)
        leader = oracle.table[0]
        for candidate in range(1, 150):
            (scores,) = run(racer, oracle, [candidate], leader)
            if not np.isnan(scores).any() and scores.mean(dtype=float) < leader.mean(dtype=float):
                leader = scores
        kept += np.array_equal(leader, oracle.table[oracle.table.mean(1, dtype=float).argmin()])
        spent += len(oracle.asked)
    assert kept >= 19
    assert spent < 0.4 * 20 * 149 * IMAGES


def test_the_mean_is_over_the_pictures_seen() -> None:
    assert mean(np.array([1.0, np.nan, 4.0], np.float32)) == (2.5, 2)
