"""What a budget may say, and when it is spent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.cam import budget
from solvers.cam.budget import Budget, Spending
from solvers.cam.settings import Settings, resolve
from sygus.app.commands.compare import DEFAULT_BUDGET
from sygus.app.options import BY_NAME
from sygus.errors import OptionError
from sygus.language.elaborate import load_problem
from sygus.resources import grammar_names, read_problem

PROPERTY = settings(max_examples=200)
COUNTS = st.none() | st.integers(1, 10**9)
BUDGETS = st.builds(
    Budget, size=COUNTS, forwards=COUNTS, terms=COUNTS, time=st.none() | st.integers(1, 10**8).map(lambda n: n / 100)
).filter(lambda found: found != Budget())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size=7,time=100s", Budget(size=7, time=100)),
        ("time=60s,forwards=50000,size=9,terms=1000", Budget(9, 60, 50000, 1000)),
        ("time=90", Budget(time=90)),
        ("time=1.5m", Budget(time=90)),
        ("time=2h", Budget(time=7200)),
        ("time=0.25s", Budget(time=0.25)),
        ("size=7.0", Budget(size=7)),
        (" size=3 , terms=4\n", Budget(size=3, terms=4)),
        ("size=3 terms=4", Budget(size=3, terms=4)),
    ],
)
def test_it_reads(text: str, expected: Budget) -> None:
    assert Budget.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (" , ", "it is empty"),
        ("sise=7", "cannot read 'sise=7'"),
        ("size", "cannot read 'size'"),
        ("size=", "cannot read 'size='"),
        ("size=-1", "cannot read 'size=-1'"),
        ("size=1e3", "cannot read 'size=1e3'"),
        ("size=7s", "cannot read 'size=7s'"),
        ("time=5d", "cannot read 'time=5d'"),
        ("started=5", "cannot read 'started=5'"),
        ("size=0", "size is zero"),
        ("time=0s", "time is zero"),
        ("terms=2.5", "terms must be a whole number"),
        ("size=3,size=4", "size is given twice"),
    ],
)
def test_it_refuses(text: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        Budget.parse(text)
    assert caught.value.message == f"--budget: {message}"
    assert caught.value.hint


@PROPERTY
@given(BUDGETS)
def test_what_it_prints_it_reads(given_budget: Budget) -> None:
    assert Budget.parse(str(given_budget)) == given_budget


def test_it_prints_what_is_limited() -> None:
    assert str(Budget.parse("terms=5,time=1m")) == "time=60s,terms=5"
    assert str(Budget(time=1234567.5)) == "time=1234567.5s"
    assert str(Budget()) == ""


def test_the_first_limit_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(budget.time, "monotonic", lambda: now)
    spending = Spending(Budget(time=5, forwards=10, terms=3), started=now)
    assert spending.exhausted() is None
    spending.forwards, spending.terms = 9, 2
    assert spending.exhausted() is None
    spending.terms = 3
    assert spending.exhausted() == "terms"
    spending.forwards = 11
    assert spending.exhausted() == "forwards"
    now = 104.9
    assert spending.seconds == pytest.approx(4.9)
    assert spending.exhausted() == "forwards"
    now = 105.0
    assert spending.exhausted() == "time"


def test_without_limits_nothing_is_exhausted() -> None:
    assert Spending(Budget(size=3), forwards=10**9, terms=10**9).exhausted() is None


@pytest.mark.parametrize("name", sorted(set(grammar_names()) - {"methods"}))
def test_no_shipped_grammar_has_a_limit_in_seconds(name: str) -> None:
    """On a slow or busy machine it gives the answer that it gives on a fast one."""
    file, text = read_problem(name)
    settings, notes = resolve(load_problem(text, file), {})
    assert notes == []
    assert settings.limits.time is None
    assert settings.limits.size is not None


def test_no_default_has_a_limit_in_seconds() -> None:
    for limits in (Settings().limits, Budget.parse(DEFAULT_BUDGET)):
        assert limits.time is None
        assert limits.size is not None
        assert limits.rationed
    assert Settings(budget="time=1s").limits.time == 1.0
    assert "time" in BY_NAME["budget"].help  # it stays an option
