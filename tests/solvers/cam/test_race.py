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

PROPERTY = settings(max_examples=100)
IMAGES = 96
Table = np.ndarray[Any, np.dtype[np.float32]]


@dataclass
class Metric:
    """What a race reads of a metric."""

    direction: str = "min"
    low: float = 0
    high: float = 100
    joint: bool = False
    name: str = "own"


class Row(int):
    """The heat maps of a candidate: the number of its row."""

    @property
    def key(self) -> str:
        return str(int(self))


@dataclass
class Oracle:
    """Reads scores off a table."""

    table: Table
    asked: list[tuple[int, int]] = field(default_factory=list)

    def attempt(self, heat: list[int], _: Metric, index: torch.Tensor) -> Table:
        self.asked += [(row, int(picture)) for row in heat for picture in index]
        return self.table[np.ix_(heat, index.numpy())]


def run(racer: Racer, oracle: Oracle, rows: list[int], leader: Table | None, metric: Metric | None = None,
        known: Table | None = None) -> Table:  # fmt: skip
    nothing = np.full((len(rows), len(racer.order)), np.nan, np.float32)
    heat = [Row(row) for row in rows]
    found = cast("Any", racer).run(oracle, heat, metric or Metric(), nothing if known is None else known, leader)
    return cast("Table", found)


def order_of(racer: Racer, rows: list[int], metric: Metric | None = None) -> np.ndarray[Any, np.dtype[np.int64]]:
    order = cast("Any", racer).order_of([Row(row) for row in rows], metric or Metric())
    return cast("np.ndarray[Any, np.dtype[np.int64]]", order)


def prefix(racer: Racer, scores: Table, rows: list[int] | None = None) -> int:
    """How many pictures a row saw; they must be the first of the order of a race between these rows."""
    seen = ~np.isnan(scores)
    count = int(seen.sum())
    order = racer.order if rows is None else order_of(racer, rows)
    assert seen[order[:count]].all()
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


def test_betting_may_look_at_every_eight_pictures() -> None:
    looks = [Racer.of("betting", images, 0).looks for images in (1, 8, 9, 30)]
    assert looks == [[1], [8], [8, 9], [8, 16, 24, 30]]


def test_the_order_is_a_permutation_drawn_from_the_seed() -> None:
    racer = Racer.of("t", IMAGES, 3)
    assert sorted(racer.order) == list(range(IMAGES))
    assert np.array_equal(racer.order, Racer.of("t", IMAGES, 3).order)
    assert not np.array_equal(racer.order, Racer.of("t", IMAGES, 4).order)


# What is scored


@pytest.mark.parametrize("mode", ["off", "t", "bound", "betting"])
def test_without_a_leader_all_are_scored(mode: Mode) -> None:
    oracle = Oracle(tables(0, 4))
    assert np.array_equal(run(Racer.of(mode, IMAGES, 0), oracle, [0, 1, 2, 3], None), oracle.table)


def test_off_scores_everything() -> None:
    oracle = Oracle(np.concatenate([np.zeros((1, IMAGES)), np.full((3, IMAGES), 100.0)]).astype(np.float32))
    assert np.array_equal(run(Racer.of("off", IMAGES, 0), oracle, [1, 2, 3], oracle.table[0]), oracle.table[1:])


@pytest.mark.parametrize("mode", ["t", "bound", "betting"])
def test_a_joint_metric_is_scored_in_full(mode: Mode) -> None:
    oracle = Oracle(np.stack([np.zeros(IMAGES), np.full(IMAGES, 100)]).astype(np.float32))
    racer = Racer.of(mode, IMAGES, 0)
    assert not np.isnan(run(racer, oracle, [1], oracle.table[0], Metric(joint=True))).any()


@pytest.mark.parametrize("mode", ["t", "betting"])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_clearly_worse_candidates_are_dropped_at_the_first_look(mode: Mode, direction: str) -> None:
    table = tables(1, 5)
    table[0] = 10 if direction == "min" else 90
    table[1:] = 100 - table[0] + np.arange(IMAGES) % 3
    racer, oracle, rows = Racer.of(mode, IMAGES, 0), Oracle(table), [1, 2, 3, 4]
    scores = run(racer, oracle, rows, table[0], Metric(direction))
    assert [prefix(racer, row, rows) for row in scores] == [8] * 4
    assert len(oracle.asked) == 32


@pytest.mark.parametrize("mode", ["t", "bound", "betting"])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_better_and_equal_candidates_are_scored_in_full(mode: Mode, direction: str) -> None:
    table = tables(2, 3)
    table[1] = table[0]
    table[2] = table[0] + (-1 if direction == "min" else 1)
    scores = run(Racer.of(mode, IMAGES, 0), Oracle(table), [1, 2], table[0], Metric(direction))
    assert np.array_equal(scores, table[1:])


@PROPERTY
@given(
    st.integers(0, 10**6),
    st.sampled_from(["t", "bound", "betting"]),
    st.integers(1, 40),
    st.sampled_from(["min", "max"]),
)
def test_every_row_shows_a_prefix_of_the_order(seed: int, mode: Mode, images: int, direction: str) -> None:
    oracle = Oracle(tables(seed, 8, images))
    racer = Racer.of(mode, images, seed)
    rows = list(range(1, 8))
    scores = run(racer, oracle, rows, oracle.table[0], Metric(direction))
    seen = [prefix(racer, row, rows) for row in scores]
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


@pytest.mark.parametrize(("mode", "share"), [("t", 0.4), ("betting", 0.6)])
def test_the_best_of_many_is_kept_in_nearly_every_order_and_much_is_saved(mode: Mode, share: float) -> None:
    kept, spent = 0, 0
    for order in range(20):
        oracle = Oracle(tables(order, 150))
        racer = Racer.of(mode, IMAGES, order)
        leader = oracle.table[0]
        for candidate in range(1, 150):
            (scores,) = run(racer, oracle, [candidate], leader)
            if not np.isnan(scores).any() and scores.mean(dtype=float) < leader.mean(dtype=float):
                leader = scores
        kept += np.array_equal(leader, oracle.table[oracle.table.mean(1, dtype=float).argmin()])
        spent += len(oracle.asked)
    assert kept >= 19
    assert spent < share * 20 * 149 * IMAGES


# Betting


def test_betting_looks_again_once_a_pass_is_filled() -> None:
    table = np.full((40, IMAGES), 50, np.float32)
    table[0] = 10
    racer = Racer.of("betting", IMAGES, 0)
    seen = {len(rows): prefix(racer, run(racer, Oracle(table), rows, table[0])[0], rows) for rows in
            (list(range(1, 1 + count)) for count in (1, 2, 3, 4, 32))}  # fmt: skip
    assert seen == {1: 32, 2: 16, 3: 16, 4: 8, 32: 8}


def test_by_betting_every_race_has_an_order_of_its_own_and_always_the_same() -> None:
    racer = Racer.of("betting", IMAGES, 3)
    orders = [order_of(racer, [1, 2]), order_of(racer, [1, 3]), order_of(racer, [1, 2], Metric(name="other")),
              order_of(Racer.of("betting", IMAGES, 4), [1, 2])]  # fmt: skip
    assert all(sorted(order) == list(range(IMAGES)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert np.array_equal(orders[0], order_of(Racer.of("betting", IMAGES, 3), [1, 2]))
    assert np.array_equal(order_of(Racer.of("t", IMAGES, 3), [1, 2]), Racer.of("t", IMAGES, 3).order)


def test_by_betting_a_race_ends_alike_whatever_is_known_before() -> None:
    oracle = Oracle(tables(6, 9))
    racer, rows = Racer.of("betting", IMAGES, 0), list(range(1, 9))
    known = np.full((8, IMAGES), np.nan, np.float32)
    known[:5] = oracle.table[1:6]
    known[5:, ::2] = oracle.table[6:, ::2]
    leader = oracle.table[oracle.table.mean(1).argmin()]
    scores = run(racer, oracle, rows, leader)
    assert np.isnan(scores).any(1).sum() > 3
    assert np.array_equal(run(racer, oracle, rows, leader, known=known), scores, equal_nan=True)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_betting_needs_a_best_score_and_no_worst_one(direction: str) -> None:
    table = np.stack([np.full(IMAGES, 45), np.full(IMAGES, 55)]).astype(np.float32)
    table = table if direction == "min" else 100 - table
    limited = {"low": 0.0, "high": np.inf} if direction == "min" else {"low": -np.inf, "high": 100.0}
    limitless = {"low": -np.inf, "high": 100.0} if direction == "min" else {"low": 0.0, "high": np.inf}
    racer = Racer.of("betting", IMAGES, 0)
    assert np.isnan(run(racer, Oracle(table), [1], table[0], Metric(direction, **limited))).any()
    assert not np.isnan(run(racer, Oracle(table), [1], table[0], Metric(direction, **limitless))).any()


def test_the_statement_names_what_is_scored_in_full() -> None:
    metrics = cast(
        "Any", [Metric(name="limited"), Metric(name="limitless", low=-np.inf), Metric(name="all", joint=True)]
    )
    said = Racer.of("betting", IMAGES, 0, alpha=0.05).statement(3, 7, metrics)
    assert "3 of the 7 passes" in said
    assert "at most 0.05, whatever the scores" in said
    assert said.endswith("scored in full: limitless, all")
    assert "in full:" not in Racer.of("betting", IMAGES, 0).statement(3, 7, metrics[:1])


@pytest.mark.parametrize("direction", ["min", "max"])
def test_betting_keeps_its_level(direction: str) -> None:
    """Of 2000 candidates as good as the leader, each racing alone, at most 5 % are dropped, and some are."""
    generator = np.random.default_rng(0)
    noise = generator.choice([-20, -20, -20, 60], (2000, IMAGES))
    table = np.clip(50 + noise - noise.mean(1, keepdims=True), 0, None).astype(np.float32)
    leader = np.full(IMAGES, 50, np.float32)
    sign = 1 if direction == "min" else -1
    oracle, racer = Oracle(sign * table), Racer.of("betting", IMAGES, 0, alpha=0.05)
    metric = Metric(direction, low=0, high=0 if direction == "max" else np.inf)
    lost = [np.isnan(run(racer, oracle, [row], sign * leader, metric)).any() for row in range(2000)]
    assert 0.01 < np.mean(lost) <= 0.05


def test_betting_keeps_its_level_against_one_who_knows_what_earlier_races_saw() -> None:
    """Candidates as good as the leader, but worse on the pictures that the race before saw first.

    In an order that races share, as the t test's, all of them are dropped.
    """
    leader = np.full(IMAGES, 50, np.float32)

    def lost(racer: Racer, row: int, first: np.ndarray[Any, np.dtype[np.int64]]) -> bool:
        table = np.full((row + 1, IMAGES), 20, np.float32)
        table[row, first] = 110 + np.arange(32) % 2 - 0.5
        assert table[row].sum() == leader.sum()
        return bool(np.isnan(run(racer, Oracle(table), [row], leader, Metric(high=np.inf))).any())

    racer, shared = Racer.of("betting", IMAGES, 0, alpha=0.05), Racer.of("t", IMAGES, 0, alpha=0.05)
    dropped = [lost(racer, row, order_of(racer, [row - 1])[:32]) for row in range(1, 401)]
    assert np.mean(dropped) <= 0.05
    assert all(lost(shared, row, shared.order[:32]) for row in (1, 2, 3))


def test_the_mean_is_over_the_pictures_seen() -> None:
    assert mean(np.array([1.0, np.nan, 4.0], np.float32)) == (2.5, 2)
