"""Progress on stderr: a live view on terminals, plain lines elsewhere."""

from __future__ import annotations

import io
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console, Group
from rich.text import Text

from cam_terms import read
from solvers.cam.archive import Judged
from solvers.cam.budget import Budget, Spending
from solvers.cam.learner import Fate, Learner, Outcome, Proposal
from solvers.cam.run import Progress
from sygus.app.display import ROOM, Display, ProgressDisplay, accounting_line, score_table, show_scores
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
    assert "3 scored on all pictures" in line
    assert "best so far" in line
    assert "\x1b" not in line


def test_the_size_is_shown_of_learners_that_go_by_size() -> None:
    assert "terms of 4 nodes; 7 passes" in shown(False, 3, size=4)
    assert "nodes;" not in shown(False, 3, drawn=9)


def lines_at_80(spending: Spending, *, working: bool = False) -> list[str]:
    """What a terminal of 80 columns shows of a long run, without what moves the cursor."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)
    fates = dict.fromkeys(Fate, 123_456)
    members = [judged(number, f"(gap (* {number} gradient))", 40.0 - number) for number in range(ROOM + 5)]
    state = Progress(members[-1], members, Counter(fates), spending, Still({"size": 11}))
    with ProgressDisplay(console, ("average-drop", "coverage"), quiet=False) as display:
        assert display.live is not None
        seen: list[Group] = []
        display.live.update = seen.append  # type: ignore[assignment,method-assign]
        display(state)
        if working:
            display.working("pictures measured", 3, 9)
        return [line.plain for line in seen[-1].renderables if isinstance(line, Text)]


def test_budget_and_time_left_are_whole_at_80_columns_and_stay() -> None:
    budget = Budget(size=13, time=86_400.0, forwards=10_000_000, terms=1_000_000)
    spending = Spending(budget, forwards=9_999_999, terms=999_999, started=time.monotonic() - 3600)
    first, *others = lines_at_80(spending)
    assert first.startswith("3600 s of 86400 s, 82800 s left; terms of 11 nodes of at most 13")
    assert "9999999 passes of 10000000" in others[0]
    assert "999999 terms scored of 1000000" in others[0]
    assert max(len(first), len(others[0])) <= 80
    assert len(others) < 24
    assert lines_at_80(spending, working=True)[:2] == [first, others[0]]
    assert lines_at_80(spending, working=True)[2] == "pictures measured: 3 of 9"


def test_without_a_limit_in_time_the_time_spent_is_shown() -> None:
    (first, *_) = lines_at_80(Spending(Budget(size=9), forwards=12, started=time.monotonic() - 7))
    assert first == "7 s; terms of 11 nodes of at most 9; 12 passes"


def test_what_became_of_terms_is_said_in_words() -> None:
    text = " ".join(lines_at_80(Spending(Budget(size=9))))
    for words in ("123456 maps not finite", "123456 lost a race", "123456 alike", "123456 with unsafe divisions"):
        assert words in text
    assert "failed" not in text
    counts = {
        "proposed": 9,
        "failed": 6,
        "pruned": 2,
        "size": 7,
        "forwards": 3,
        "distinct": 4,
        "own": 5,
        "seconds": 1.5,
    }
    line = accounting_line(SimpleNamespace(accounting=counts))  # type: ignore[arg-type]
    assert line == (
        "9 terms proposed, 6 maps not finite, 2 lost a race, enumerated up to 7 nodes, 3 masked passes, "
        "4 distinct in value, 5 own; 1.5 s"
    )


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
