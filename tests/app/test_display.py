"""Progress on stderr: a live view on terminals, plain lines elsewhere."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from rich.console import Console

from cam_terms import read
from solvers.cam.archive import Judged
from solvers.cam.budget import Budget, Spending
from solvers.cam.learner import Fate, Learner, Outcome, Proposal
from solvers.cam.run import Progress
from sygus.app.display import ROOM, Display, ProgressDisplay, score_table, show_scores
from sygus.export.record import Measure
from sygus.export.tables import Row, compared
from sygus.saliency.progress import track
from sygus.statistics import Mean


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
        assert "pictures: 2 of 3, about 1 s left" in written  # what was told last


def test_what_is_nested_stands_behind_what_it_is_a_part_of() -> None:
    def line(*told: tuple[str, int, int, float | None]) -> str:
        stream = io.StringIO()
        with Display(Console(file=stream, width=100)) as display:
            for one in told[:-1]:
                display.working(*one)
            display.last = -100.0  # so that the last is shown
            display.working(*told[-1])
        return stream.getvalue().splitlines()[-1]

    outer, inner = ("methods", 1, 3, 130.0), ("channels", 2, 5, 40.4)
    assert line(outer, inner) == "methods: 1 of 3, about 2 min left | channels: 2 of 5, about 40 s left"
    assert line(outer, inner, ("channels", 5, 5, 0.0), ("steps", 0, 9, None)).endswith("min left | steps: 0 of 9")
    assert line(outer, inner, ("methods", 2, 3, 9000.0)) == "methods: 2 of 3, about 2.5 h left"


IOU = Measure("iou", "max", "", "overlap")
SCORES = np.random.default_rng(0).uniform(0.4, 0.6, 30)


def scored(title: str, shift: float | None, *, control: bool = False) -> Row:
    means = {} if shift is None else {"iou": Mean.of(SCORES[::-1] + shift if shift == 0 else SCORES + shift)}
    return Row(title, means, means, control=control)


ROWS = [
    scored("Worse", -0.3),
    scored("Alike", 0),
    scored("Ahead", 0.3),
    scored("Everything", 0.4, control=True),
    scored("Not scored", None),
    Row("found expression", {"iou": Mean.of(SCORES)}, {"iou": Mean.of(SCORES)}),
]


def table_lines(**options: object) -> dict[str, str]:
    console = Console(file=io.StringIO(), width=100, color_system=None, legacy_windows=False)
    console.print(score_table(ROWS, [IOU], "30 search pictures", "30 held-out pictures", **options))
    cells = [line.split("\u2502") for line in console.file.getvalue().splitlines()]
    return {one[1].strip(): one[3].strip() for one in cells if len(one) == 5}


def test_a_table_marks_what_the_found_expression_is_better_than() -> None:
    lines = table_lines(tests={"iou": compared(ROWS[-1], ROWS[:-1], IOU)})
    marks = {title: cell[-1] for title, cell in lines.items()}
    assert marks == {
        "Worse": "+",
        "Alike": "~",
        "Ahead": "-",
        "Everything (control)": "-",
        "Not scored": "-",
        "found expression": "]",
    }
    assert lines["Not scored"] == "-"
    assert lines["Ahead"].endswith("] -")


def test_a_table_without_a_found_expression_has_no_marks() -> None:
    assert all(cell.endswith("]") or cell == "-" for cell in table_lines().values())


def test_of_many_metrics_the_means_are_shown_with_their_marks_and_whole_titles() -> None:
    names = ("iou", "dice", "pearson", "contrast")
    metrics = [Measure(name, "max", "", name) for name in names]
    rows = [
        Row(
            r.title,
            {n: m for n in names for m in r.search.values()},
            {n: m for n in names for m in r.held_out.values()},
            control=r.control,
        )
        for r in ROWS
    ]
    console = Console(file=io.StringIO(), width=80, color_system=None, legacy_windows=False)
    tests = {metric.name: compared(rows[-1], rows[:-1], metric) for metric in metrics}
    show_scores(console, rows, metrics, (30, 30), tests)
    text = console.file.getvalue()
    assert text.startswith("mean score on 30 search pictures / on 30 held-out pictures")
    assert max(map(len, text.splitlines())) <= 80
    lines = {row.title: [line for line in text.splitlines() if row.title in line] for row in rows}
    counted = {title: [sum(line.count(mark) for line in found) for mark in "+~"] for title, found in lines.items()}
    assert counted["Worse"] == [len(names), 0]
    assert counted["Alike"] == [0, len(names)]
    assert all("(control)" in line and line.count("-") == line.count("/") for line in lines["Everything"])
    assert sum(line.count("- / -") for line in lines["Not scored"]) == len(names)
    assert counted["found expression"] == counted["Not scored"] == [0, 0]
