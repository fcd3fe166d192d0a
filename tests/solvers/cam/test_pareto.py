"""Non-dominated sorting and crowding, beside sets worked by hand and the definition."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from solvers.cam.pareto import Vector, best_first, crowding, fronts

# Three staircases, one behind the other, and a vector that repeats one of the first.
HAND = [(1.0, 5.0), (2.0, 3.0), (4.0, 1.0), (2.0, 5.0), (3.0, 4.0), (5.0, 2.0), (5.0, 5.0), (2.0, 3.0)]


def test_fronts_of_a_set_worked_by_hand() -> None:
    assert fronts(HAND) == [0, 0, 0, 1, 1, 1, 2, 0]
    assert fronts([]) == []
    assert fronts([(1.0,), (3.0,), (2.0,), (1.0,)]) == [0, 2, 1, 0]
    assert fronts([(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 1.0)]) == [0, 0, 0, 1]


def test_crowding_of_a_set_worked_by_hand() -> None:
    found = crowding([(0.0, 10.0), (1.0, 6.0), (2.0, 5.0), (10.0, 0.0)])
    assert found == [math.inf, 2 / 10 + 5 / 10, 9 / 10 + 6 / 10, math.inf]
    assert crowding([(1.0, 2.0)]) == [math.inf]
    assert crowding([]) == []
    assert crowding([(3.0, 1.0), (3.0, 1.0), (3.0, 1.0)])[1] == 0


def test_the_best_come_first_and_what_repeats_another_last() -> None:
    # Of the first front the ends are loneliest; (2, 3) is between them, its copy adds nothing.
    assert best_first(HAND) == [0, 2, 1, 3, 5, 4, 6, 7]
    assert best_first([(1.0, 1.0)] * 3) == [0, 1, 2]
    assert best_first([]) == []


VECTORS = st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), max_size=30)


@given(VECTORS)
def test_fronts_are_what_their_definition_says(vectors: list[Vector]) -> None:
    def dominates(one: Vector, other: Vector) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    expected: dict[int, int] = {}
    left, front = set(range(len(vectors))), 0
    while left:
        best = {i for i in left if not any(dominates(vectors[j], vectors[i]) for j in left)}
        expected |= dict.fromkeys(best, front)
        left, front = left - best, front + 1
    assert fronts(vectors) == [expected[i] for i in range(len(vectors))]


@given(VECTORS)
def test_an_order_is_one_of_all_and_no_front_comes_before_a_better_one(vectors: list[Vector]) -> None:
    order = best_first(vectors)
    assert sorted(order) == list(range(len(vectors)))
    distinct = [vectors[i] for i in order[: len(set(vectors))]]
    assert len(set(distinct)) == len(distinct)
    assert fronts(distinct) == sorted(fronts(distinct))
