"""Records do what dataclasses do: each case is made both ways and compared."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sygus.records import record

MAKERS = (dataclass, record)


def pair(define: Callable[[Any], type]) -> tuple[Any, Any]:
    """One class as a dataclass and as a record."""
    made, other = map(define, MAKERS)
    return made, other


def plain(maker: Any) -> type:
    @maker
    class Plain:
        """Mutable, with defaults."""

        first: int
        second: list[int] = field(default_factory=list)
        third: str = field(default="x", compare=False)
        fourth: str = field(default="hidden", repr=False)
        made: list[int] = field(default_factory=list, init=False)

    return Plain


def frozen(maker: Any) -> type:
    @maker(frozen=True, slots=True)
    class Frozen:
        """Hashable, with slots."""

        first: Any
        second: Any = 2

    return Frozen


def inherited(maker: Any) -> type:
    @maker(frozen=True, kw_only=True)
    class Base:
        """By name alone."""

        late: int = 5

    @maker(frozen=True)
    class Derived(Base):
        """By place too, and finished by hand."""

        early: int
        total: int = field(init=False, default=0)

        def __post_init__(self) -> None:
            object.__setattr__(self, "total", self.early + self.late)

    return Derived


def own(maker: Any) -> type:
    @maker(frozen=True)
    class Own:
        """Methods of its own stay."""

        first: int
        second: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, type(self)) and other.first == self.first

        def __hash__(self) -> int:
            return self.first

        def __repr__(self) -> str:
            return "Own"

    return Own


def empty(maker: Any) -> type:
    @maker(frozen=True, slots=True)
    class Empty:
        """Nothing."""

    return Empty


@record(frozen=True, slots=True)
class Kept:
    """At the top of a module, where pickle finds it."""

    first: int
    second: tuple[int, ...] = ()


CASES = [
    (plain, [((1,), {}), ((1, [2]), {"third": "y"}), ((), {"first": 1, "fourth": "z"}), ((1,), {"second": [3]})]),
    (frozen, [((1,), {}), ((1, 2), {}), ((float("nan"),), {"second": ()}), ((), {"second": 1, "first": "a"})]),
    (inherited, [((1,), {}), ((1,), {"late": 2}), ((), {"late": 1, "early": 2})]),
    (own, [((1, 2), {}), ((1, 3), {}), ((2, 2), {})]),
    (empty, [((), {}), ((), {})]),
]


@pytest.mark.parametrize(("define", "calls"), CASES)
def test_records_are_made_shown_compared_and_changed_alike(define: Callable[[Any], type], calls: list[Any]) -> None:
    both = pair(define)
    expected, found = ([kind(*values, **named) for values, named in calls] for kind in both)
    assert list(map(repr, found)) == list(map(repr, expected))
    assert [[a == b for a in found] for b in found] == [[a == b for a in expected] for b in expected]
    assert [asdict(one) for one in found] == [asdict(one) for one in expected]
    assert repr(list(map(replace, found))) == repr(list(map(replace, expected)))
    assert [one.name for one in fields(both[1])] == [one.name for one in fields(both[0])]
    assert both[1].__match_args__ == both[0].__match_args__
    assert (both[1].__hash__ is None) == (both[0].__hash__ is None)
    if both[0].__hash__ is not None:
        assert list(map(hash, found)) == list(map(hash, expected))
    assert found[0] != expected[0]
    assert hasattr(found[0], "__dict__") == hasattr(expected[0], "__dict__")
    assert inspect.signature(both[1]).parameters.keys() == inspect.signature(both[0]).parameters.keys()


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"first": 1}), ((1,), {"third": 1}), ((), {"second": 1})]
)
def test_wrong_arguments_are_refused_alike(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for kind in pair(frozen):
        with pytest.raises(TypeError, match="Frozen"):
            kind(*values, **named)


def test_defaults_that_can_change_are_not_shared() -> None:
    _, kind = pair(plain)
    one, other = kind(1), kind(1)
    one.second.append(2)
    one.made.append(3)
    assert (other.second, other.made) == ([], [])
    one.first = 4
    assert one.first == 4


def test_what_is_frozen_stays() -> None:
    for define in (frozen, inherited):
        for kind in pair(define):
            one = kind(1)
            name = fields(kind)[0].name
            with pytest.raises(FrozenInstanceError):
                setattr(one, name, 2)
            with pytest.raises(FrozenInstanceError):
                delattr(one, name)


def test_the_signature_is_that_of_a_dataclass() -> None:
    expected, found = (inspect.signature(kind) for kind in pair(inherited))
    assert [(p.name, p.kind, p.default) for p in found.parameters.values()] == [
        (p.name, p.kind, p.default) for p in expected.parameters.values()
    ]


@given(st.integers(), st.lists(st.integers()).map(tuple))
def test_copies_are_equal(first: int, second: tuple[int, ...]) -> None:
    one = Kept(first, second)
    for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):  # noqa: S301 - our own bytes
        assert other == one
        assert hash(other) == hash(one)


def test_what_shows_itself_within_itself_ends() -> None:
    _, kind = pair(plain)
    one = kind(1)
    one.second.append(one)
    assert repr(one).count("...") == 1
