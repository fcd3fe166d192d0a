"""Progress of long work: told to who listens, and silent where nobody does."""

import pytest

from sygus.saliency import progress
from sygus.saliency.progress import reported_to, track


def test_a_listener_is_told_once_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.5, 3.0, 4.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    told: list[tuple[str, int, int, float | None]] = []
    with reported_to(lambda *what: told.append(what)):
        assert list(track("abc", 3, "letters")) == ["a", "b", "c"]
    assert told == [("letters", 1, 3, 5.0), ("letters", 2, 3, 1.5), ("letters", 3, 3, 0.0)]


def test_seconds_left_go_by_what_items_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 3.0, 4.0, 16.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    told: list[float | None] = []
    with reported_to(lambda *what: told.append(what[-1])):
        list(track("abc", 3, "methods", costs=[1, 3, 4]))
    assert told == [None, 28.0, 16.0, 0.0]  # 4 s for 1 of 8, then 16 s for 4 of 8


def test_nobody_is_told_afterwards_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with reported_to(lambda *_: pytest.fail("told too early")):
        list(track([1], 1, "quick"))
    assert list(track([1, 2], 2, "unheard")) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_the_listener_is_forgotten_after_an_error() -> None:
    with pytest.raises(ValueError, match="inside"), reported_to(lambda *_: None):
        raise ValueError("inside")
    assert progress._listener.get() is None


def test_nested_work_draws_no_second_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two live displays at once would be an error."""
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    pairs = [(outer, inner) for outer in track("ab", 2, "outer") for inner in track("xy", 2, "inner")]
    assert pairs == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    assert "inner" not in capsys.readouterr().err
    assert progress._listener.get() is None
