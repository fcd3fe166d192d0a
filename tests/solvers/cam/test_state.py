"""The state of a learner that did not write it out: every attribute, or an error that names the one that is none."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from solvers.cam.learner import Learner, Proposal
from solvers.cam.testing import space_for

SPACE = space_for("gradcam", 3)


class Keeps(Learner):
    """Keeps one thing."""

    def __init__(self, value: Any) -> None:
        super().__init__(SPACE)
        self.value = value

    def ask(self, _: int) -> list[Proposal]:
        return []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (0, 7),
        (0.5, float("inf")),
        ("", "words"),
        (None, [1, [2, "three"]]),
        ({}, {"a": {"b": 1.5}}),
        ((), (3.0, 4.0)),
        (set(), {5, 6}),
    ],
)
def test_plain_values_come_back_as_they_were(before: object, after: object) -> None:
    state = json.loads(json.dumps(Keeps(after).state_dict()))
    assert set(state) == {"value"}
    other = Keeps(before)
    other.load_state_dict(state)
    assert other.value == after
    assert type(other.value) is type(after)


def test_random_generators_go_on_where_they_were() -> None:
    for make, draw in (
        (lambda: random.Random(1), lambda g: g.random()),  # noqa: S311 - a learner's chance
        (lambda: np.random.Generator(np.random.PCG64(1)), lambda g: g.random()),
    ):
        one = Keeps(make())
        draw(one.value)
        state = json.loads(json.dumps(one.state_dict()))
        other = Keeps(make())
        other.load_state_dict(state)
        assert [draw(other.value) for _ in range(5)] == [draw(one.value) for _ in range(5)]


def test_what_has_a_state_of_its_own_gives_it() -> None:
    outer, other = Keeps(Keeps(3)), Keeps(Keeps(0))
    other.load_state_dict(json.loads(json.dumps(outer.state_dict())))
    assert other.value.value == 3


@pytest.mark.parametrize("value", [object(), {1: "a"}, np.zeros(3), [np.zeros(3)], (SPACE.grammar,), {"a": (1, 2)}])
def test_what_json_would_not_give_back_is_named(value: object) -> None:
    with pytest.raises(TypeError, match=r"Keeps\.value is no plain value: write state_dict and load_state_dict"):
        Keeps(value).state_dict()
