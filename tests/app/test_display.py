"""Progress on stderr: a live view on terminals, plain lines elsewhere."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from cam_terms import read
from solvers.cam.archive import Judged
from solvers.cam.budget import Budget, Spending
from solvers.cam.learner import Fate, Learner, Outcome, Proposal
from solvers.cam.run import Progress
from sygus.app.display import ROOM, Display, ProgressDisplay
from sygus.saliency.progress import track


class Still(Learner):
    """Proposes nothing, whatever the space."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts

    def ask(self, _: int) -> list[Proposal]:
        return []

    def status(self) -> dict[str, int]:
        return self.counts


def judged(number: int, text: str, value: float) -> Judged:
    return Judged(number, read(text), Outcome(Fate.SCORED, (value, float(number)), 8, True))


def progress(front: int, counts: dict[str, int]) -> Progress:
    members = [judged(number, f"(gap (* {number} gradient))", 40.0 - number) for number in range(front)]
    spending = Spending(Budget(time=100.0), forwards=7)
    return Progress(members[-1] if members else None, members, Counter({Fate.SCORED: front}), spending, Still(counts))


def shown(terminal: bool, front: int, *, verbose: bool = False, quiet: bool = False, **counts: int) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, quiet=quiet, color_system=None)
    with ProgressDisplay(console, ("average-drop", "size"), quiet, verbose) as display:
        display(progress(front, counts))
    return console.file.getvalue()


def test_a_terminal_shows_the_leader_the_front_and_the_time_left() -> None:
    text = shown(True, 3)
    assert "best so far: average-drop 38, size 2: (gap (* 2 gradient))" in text
    assert "on the front too:" in text
    assert "  average-drop 40, size 0" in text
    assert "s of 100 s, 100 s left" in text


def test_a_long_front_is_cut() -> None:
    text = shown(True, ROOM + 4)
    assert "  and 3 more" in text


def test_elsewhere_a_line_is_shown() -> None:
    (line,) = shown(False, 3).splitlines()
    assert "3 scored" in line
    assert "best so far" in line
    assert "\x1b" not in line


def test_the_size_is_shown_of_learners_that_go_by_size() -> None:
    assert shown(False, 3, size=4).startswith("size 4: 3 scored;")
    assert shown(False, 3, drawn=9).startswith("3 scored;")


def test_verbose_keeps_each_new_best() -> None:
    assert "new best: average-drop 38" in shown(False, 3, verbose=True)


@pytest.mark.parametrize("front", [0, 3])
def test_quiet_shows_nothing(front: int) -> None:
    assert shown(False, front, quiet=True) == ""


def test_before_anything_is_scored() -> None:
    assert "best so far" not in shown(True, 0)


@pytest.mark.parametrize(("terminal", "quiet"), [(True, False), (False, False), (False, True)])
def test_long_work_is_shown_wherever_it_runs(terminal: bool, quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sygus.saliency.progress.PATIENCE", -1.0)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100)
    with Display(console, quiet):
        for _ in track(range(3), 3, "pictures"):
            for _ in track(range(2), 2, "channels"):
                pass
    written = stream.getvalue()
    if quiet:
        assert written == ""
    elif not terminal:
        assert written == "pictures: 0 of 3\n"  # the next plain line comes seconds later
    else:
        assert "channels: 1 of 2" in written  # what was told last
