"""Rows of combinations, and the first of equal keys, against the definitions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from solvers.levels import Chosen, blocks, contains, dealt, distinct, rows_of


@pytest.mark.parametrize("count", [0, 1, 2, 17, 1000, 5000])
@pytest.mark.parametrize("different", [1, 3, 10_000])
def test_distinct_keys_are_found_where_they_come_first(count: int, different: int) -> None:
    generator = np.random.default_rng(count + different)
    keys = generator.integers(-(1 << 62), 1 << 62, different)[generator.integers(0, different, count)]
    found, first = distinct(keys)
    expected, places = np.unique(keys, return_index=True)
    assert found.tolist() == expected.tolist()
    assert first.tolist() == places.tolist()
    assert contains(found, keys).all()
    assert not contains(found, keys[~np.isin(keys + 1, keys)] + 1).any()


@pytest.mark.parametrize("room", [1, 4, 7, 60, 1000])
def test_blocks_are_all_combinations_in_order_and_rows_say_which(room: int) -> None:
    counts, sizes = (3, 4, 5), (2, 1, 4)
    cut = [list(product(*ranges)) for ranges in blocks(counts, room)]
    assert [one for block in cut for one in block] == list(product(*map(range, counts)))
    assert max(map(len, cut)) <= max(room, 1)
    chosen = [
        Chosen(7, sizes, ranges, np.arange(len(block)), 100 * number + np.arange(len(block)))
        for number, (ranges, block) in enumerate(zip(blocks(counts, room), cut, strict=True))
    ]
    every_third = np.arange(0, 60, 3)
    rows = rows_of(chosen, every_third, 4)
    assert [tuple(row) for row in rows.children.tolist()] == [(*c, 0) for c in product(*map(range, counts))][::3]
    assert (rows.child_sizes == (*sizes, 0)).all()
    assert (rows.production == 7).all()
    assert rows.keys.tolist() == np.concatenate([one.keys for one in chosen])[::3].tolist()


@pytest.mark.parametrize("kept", [1.0, 0.3, 0.0])
def test_rows_of_batches_are_dealt_as_of_one_array(kept: float) -> None:
    generator = np.random.default_rng(0)
    batches = [generator.random((count, 3)) for count in (4, 0, 7, 1)]
    whole = np.concatenate(batches)
    rows = np.flatnonzero(generator.random(len(whole)) <= kept)
    found = np.full((len(rows), 3), np.nan)
    for batch, place, own in dealt(batches, rows):
        found[place] = batch[own]
    assert batches == []
    np.testing.assert_array_equal(found, whole[rows])
