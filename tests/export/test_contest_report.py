"""What a comparison's tables, figures and page say of trials that are known by hand."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contests import contest_of, quickly, task_of
from sygus.export.contest.figures import figures
from sygus.export.contest.findings import findings
from sygus.export.contest.measures import TARGETS, Measures
from sygus.export.contest.power import needs
from sygus.export.contest.report import report_page
from sygus.export.contest.tables import improvements_csv, summary_csv, table_latex
from sygus.export.contest.trials import Exhaustive, Protocol, Scored, Trial
from sygus.export.contest.words import paragraph
from sygus.export.nodes import Node, RecordError

GOOD = [[(10, 40.0), (20, 20.0)], [(10, 30.0), (60, 22.0)], [(10, 40.0), (90, 20.0)]]
POOR = [[(10, 40.0), (110, 5.0)], [(30, 36.0)], [(101, 20.0)]]
HOSTILE = "<script>alert('x')</script>&{{ 7 * 7 }}"


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    quickly(monkeypatch)


def test_what_comes_after_the_budget_does_not_count() -> None:
    found = Measures(contest_of({"good": GOOD, "poor": POOR}))
    assert found.costs(0, "poor").tolist() == [40.0, 36.0, math.inf]
    assert found.costs(0, "good", 0.5).tolist() == [20.0, 30.0, 40.0]
    assert found.held_out(0, "poor") == [41.0, 37.0]
    assert found.scales[0].best == 20.0


def test_regrets_are_shares_of_the_way_from_grad_cam_to_the_best() -> None:
    found = Measures(contest_of({"good": GOOD, "poor": POOR}))
    assert found.regrets(0, "good").tolist() == [0.0, 0.1, 0.0]
    assert found.regrets(0, "poor").tolist() == [1.0, 0.8, math.inf]
    hits = found.hits(0, "good", (1.0, 0.5, 0.1, 0.01))
    assert hits.tolist() == [[10, 20, 20, 20], [10, 10, 60, math.inf], [10, 90, 90, 90]]
    assert len(TARGETS) == 51
    assert (TARGETS[0], TARGETS[-1]) == (1, pytest.approx(0.01))


def test_larger_scores_may_be_better() -> None:
    up = [[(passes, -score) for passes, score in steps] for steps in GOOD]
    found = findings(contest_of({"good": up, "other": up}, [task_of(direction="max", unit="", reference=-40.0)]))
    last = found.budgets[3]
    assert (last.median, last.worst) == (-20.0, -22.0)
    assert last.median_interval == (-22.0, -20.0)
    assert found.measures.regrets(0, "good").tolist() == [0.0, 0.1, 0.0]


def test_without_a_reference_the_worst_first_score_is_the_anchor() -> None:
    found = Measures(contest_of({"good": GOOD}, [task_of(reference=None)]))
    assert (found.scales[0].anchor, found.scales[0].by_reference) == (40.0, False)


def test_ranks_in_the_exhaustive_table() -> None:
    top = (Scored("19.0", 19.0, 4, "a"), Scored("20.0", 20.0, 5, "b"))
    table = Exhaustive(0, 5, 1000, (19.0, 20.0, 21.0, 30.0), top)
    found = findings(contest_of({"good": GOOD, "poor": POOR}, tables={0: table}))
    good, poor = found.recalls
    assert (good.rank, good.best, good.hits, good.classes) == (2.0, 0, 0.5, 4)
    assert (poor.rank, poor.hits) == (5.0, 0.0)
    assert found.measures.scales[0].best == 19.0


def test_the_front_names_who_found_its_points() -> None:
    found = findings(contest_of({"good": GOOD, "poor": POOR}))
    assert [(one.score, one.size, dict(one.by)) for one in found.front] == [
        (30.0, 3, {"good": 1}),
        (20.0, 4, {"good": 2}),
    ]


def test_a_clear_difference_is_told_and_a_small_one_is_not() -> None:
    many = [[(10, 20.0 + 0.1 * seed)] for seed in range(12)]
    poor = [[(10, 30.0 + 0.1 * seed)] for seed in range(12)]
    alike = [[(10, 30.05 + 0.1 * seed)] for seed in range(12)]
    said = paragraph(findings(contest_of({"a": many, "b": poor, "c": alike})))
    assert "In 2 of 3 tests two strategies are told apart" in said
    assert "a is better than b, c." in said
    assert "no proof of being alike" in said
    assert "Friedman's test is not made" in said
    same = paragraph(findings(contest_of({"a": many, "b": many})))
    assert "No two strategies are told apart" in same


def test_over_tasks_the_block_is_a_task() -> None:
    tasks = [task_of(f"toy {index} on net") for index in range(6)]
    many, poor = ([[(10, low + 0.1 * seed)] for seed in range(4)] for low in (20.0, 30.0))
    worst = [[(10, 35.0 + 0.1 * seed)] for seed in range(4)]
    found = findings(contest_of({"a": many, "b": poor, "c": worst}, tasks))
    first = found.across[0]
    assert (first.first, first.second, first.better) == ("a", "b", 6)
    assert first.p == pytest.approx(2 / 2**6)
    assert found.friedman == pytest.approx(math.exp(-6))


def test_the_improvements_have_the_columns_of_iohinspector() -> None:
    rows = list(csv.DictReader(io.StringIO(improvements_csv(contest_of({"good": GOOD, "=poor": POOR})))))
    assert len(rows) == 6 + 4
    first = rows[0]
    assert (first["data_id"], first["algorithm_name"], first["function_name"]) == ("1", "good", "toy on net")
    assert (first["evaluations"], first["raw_y"], first["run_id"], first["instance"]) == ("10", "40.0", "1", "0")
    assert first["dimension"] == "9"
    assert rows[-1]["algorithm_name"] == "'=poor", "a spreadsheet would take it for a formula"


def test_tables_and_page_show_texts_as_texts() -> None:
    contest = contest_of(
        {HOSTILE: GOOD, "poor & 5 %": POOR}, [task_of(f"{HOSTILE} on net", metric=HOSTILE)], term=HOSTILE
    )
    found = findings(contest)
    page = report_page(found, figures(found))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "{{ 7 * 7 }}" in page
    assert page.count("<script>") == 1
    assert "default-src 'none'" in page
    assert "\\textless{}script" in table_latex(found)
    assert "poor \\& 5 \\%" in table_latex(found)


def test_the_summary_has_every_number_that_does_not_depend_on_the_machine() -> None:
    text = summary_csv(findings(contest_of({"good": GOOD, "poor": POOR})))
    rows = {(row["strategy"], row["quantity"], row["at"]): row["value"] for row in csv.DictReader(io.StringIO(text))}
    assert rows["good", "median", "1"] == "20.0"
    assert rows["poor", "trials with a score", "1"] == "2"
    assert rows["good", "expected running time", "0.5"] == "40.0"
    assert rows["poor", "successes", "0.5"] == "0"
    assert "seconds" not in text


def test_a_pilot_asks_for_more_where_there_is_more_noise() -> None:
    quiet, loud = ([[(10, 30.0 + width * (seed % 5))] for seed in range(10)] for width in (0.5, 4.0))
    few = needs(contest_of({"a": quiet, "b": quiet}), 0.2)[0].seeds[0]
    many = needs(contest_of({"a": loud, "b": loud}), 0.2)[0].seeds[0]
    assert few is not None
    assert many is None or many > few
    assert needs(contest_of({"a": quiet, "b": quiet}), 0.8)[0].seeds[0] <= few  # type: ignore[operator]


def changed(*path: Any, value: Any) -> Callable[[Any], Any]:
    def change(plain: Any) -> Any:
        if not path:
            return value
        found = list(plain) if isinstance(plain, list | tuple) else dict(plain)
        found[path[0]] = changed(*path[1:], value=value)(found[path[0]])
        return found

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("seed", value=-1),
        changed("strategy", value=3),
        changed("trace", value={}),
        changed("trace", 1, "passes", value=1),
        changed("trace", 0, "score", value="40"),
        changed("held_out", value=[None]),
        changed("best", value=[1] * 101),
        changed("accounting", value={"scored": True}),
        changed("costs", value={"seconds": None}),
    ],
)
def test_a_trial_that_is_none_is_refused(change: Callable[[Any], Any]) -> None:
    trial = contest_of({"good": GOOD}).trials[0]
    plain = json.loads(json.dumps(trial.as_json()))
    assert Trial.of_json(Node(plain, "trial.json")) == trial
    with pytest.raises(RecordError, match=r"trial\.json"):
        Trial.of_json(Node(change(plain), "trial.json"))


def test_a_protocol_that_was_changed_is_refused() -> None:
    protocol = contest_of({"good": GOOD}).protocol
    assert Protocol.of_json(Node(protocol.as_json(), "protocol.json")).digest == protocol.digest
    assert replace(protocol, limit=101).digest != protocol.digest
    for change in (
        changed("limit", value=101),
        changed("seeds", value=[0, 1]),
        changed("conditions", "cache", value=""),
    ):
        with pytest.raises(RecordError, match="its digest is of another protocol"):
            Protocol.of_json(Node(change(protocol.as_json()), "protocol.json"))
    for change in (changed("tasks", value=[]), changed("unit", value="seconds"), changed("strategies", value={})):
        with pytest.raises(RecordError):
            Protocol.of_json(Node(change(protocol.as_json()), "protocol.json"))
