"""Runs seen by an onlooker: what is said of them is what they say of themselves; nothing is left in their folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from places import ROOT
from solvers.cam.journal import JOURNAL
from solvers.cam.watching import Asked, Candidate, Standing, Watched
from sygus.errors import OptionError
from sygus.export.record import Record
from watched_runs import edited, execute, going, stated_in, traces, unfinished


def test_a_finished_run_is_what_its_record_says(finished_run: Path) -> None:
    before = traces(finished_run)
    state = Watched(str(finished_run)).refresh()
    record = Record.read(str(finished_run))
    assert record.found is not None
    assert (state["error"], state["state"], state["ending"]) == ("", "finished", record.ending)
    assert state["found"] == record.found.id
    assert state["goals"] == [{"label": one.label, "direction": one.direction} for one in record.objectives]
    assert state["ordered"] is record.ordered
    assert state["proposed"] == record.accounting["proposed"]
    assert state["fates"]["scored"] == record.accounting["scored"]
    assert state["terms"] == record.accounting["scored"] + record.accounting["pruned"]
    assert state["seconds"] == record.accounting["seconds"]
    best = min((entry for entry in record.candidates if entry.feasible), key=lambda one: (one.objectives, one.id))
    assert (state["leaders"][0]["id"], state["leaders"][0]["term"]) == (best.id, best.term)
    assert state["curve"][-1][1] == best.objectives[0]
    assert [value for _, value in state["curve"]] == sorted((value for _, value in state["curve"]), reverse=True)
    assert {one["id"] for one in state["finalists"]} <= {one.id for one in record.finalists}
    assert state["finalists"][0]["probability"] == max(one.probability for one in record.finalists)
    sizes = [one["size"] for one in state["front"]]
    assert sizes == sorted(set(sizes))
    assert {one["limit"] for one in state["budget"]} == {5}
    assert traces(finished_run) == before


def test_a_run_that_goes_is_followed_and_not_disturbed(finished_run: Path, tmp_path: Path) -> None:
    whole = Watched(str(finished_run)).refresh()
    with going(finished_run, tmp_path / "run", 20) as run:
        watched = Watched(str(tmp_path / "run"))
        run.write(10)
        before = traces(tmp_path / "run")
        state = watched.refresh()
        assert traces(tmp_path / "run") == before
        assert (state["state"], state["proposed"], state["found"]) == ("running", 30, None)
        run.write(1 << 30)  # nobody holds anything that the writer would wait for
        state = watched.refresh()
        assert state["proposed"] == whole["proposed"]
        assert [state[name] for name in ("curve", "leaders", "front")] == [
            whole[name] for name in ("curve", "leaders", "front")
        ]
    assert watched.refresh()["state"] == "stopped"
    assert not (tmp_path / "run" / f"{JOURNAL}-wal").exists()  # no onlooker kept the writer from tidying up


def test_a_killed_run_is_read_with_what_it_wrote_last(finished_run: Path, tmp_path: Path) -> None:
    with going(finished_run, tmp_path / "run", 20) as run:
        run.write(10)
        run.end(killed=True)
    before = traces(tmp_path / "run")
    assert f"{JOURNAL}-wal" in before
    state = Watched(str(tmp_path / "run")).refresh()
    assert (state["state"], state["proposed"]) == ("stopped", 30)
    assert traces(tmp_path / "run") == before
    (tmp_path / "run" / f"{JOURNAL}-shm").unlink()
    before = traces(tmp_path / "run")
    assert "resume the run once" in Watched(str(tmp_path / "run")).refresh()["error"]
    assert traces(tmp_path / "run") == before


def test_a_journal_of_a_comparison_is_none_of_a_search(finished_run: Path, tmp_path: Path) -> None:
    folder = edited(finished_run, tmp_path / "run")
    execute(folder, "DELETE FROM meta WHERE name <> 'problem'")
    assert "is not of a search" in Watched(str(folder)).refresh()["error"]
    execute(folder, "DELETE FROM meta")
    assert "does not say yet of which run it is" in Watched(str(folder)).refresh()["error"]


@pytest.mark.parametrize("how", ["cut", "text", "empty", "link", "trigger"])
def test_what_is_no_journal_is_an_error_in_words(how: str, finished_run: Path, tmp_path: Path) -> None:
    journal = tmp_path / "run" / JOURNAL
    unfinished(finished_run, tmp_path / "run", 20)
    if how == "cut":
        os.truncate(journal, journal.stat().st_size // 2)
    elif how == "text":
        journal.write_text("not a database" * 1000)
    elif how == "empty":
        journal.write_bytes(b"")
    elif how == "link":
        shutil.move(journal, tmp_path / "elsewhere")
        journal.symlink_to(tmp_path / "elsewhere")
    else:
        execute(tmp_path / "run", "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM scores; END")
    before = traces(tmp_path / "run")
    watched = Watched(str(tmp_path / "run"))
    state = watched.refresh()
    assert state["error"].startswith(f"cannot read the journal {journal}")
    assert watched.refresh() == state
    assert traces(tmp_path / "run") == before


def test_rows_that_no_run_wrote_are_left_out_and_counted(finished_run: Path, tmp_path: Path) -> None:
    whole = Watched(str(finished_run)).refresh()
    folder = edited(finished_run, tmp_path / "run")
    execute(folder, "UPDATE proposals SET objectives = '[0.0, 0.0]' WHERE id = 5")
    state = Watched(str(folder)).refresh()
    assert state["proposed"] == whole["proposed"] - 1
    assert any(note.startswith("1 rows of the journal are not what a run wrote") for note in state["notes"])


@pytest.mark.parametrize("objectives", ["[1e999, 1.0]", "[" + "9" * 401 + ", 1.0]"])
def test_no_number_of_a_journal_is_too_large_to_be_shown(objectives: str, finished_run: Path, tmp_path: Path) -> None:
    folder = edited(finished_run, tmp_path / "run")
    execute(folder, f"UPDATE proposals SET objectives = '{objectives}' WHERE fate = 'scored'")  # noqa: S608 - of this file
    json.dumps(Watched(str(folder)).refresh(), allow_nan=False)


def test_a_record_of_an_earlier_search_is_none_of_this(finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    execute(folder, "DELETE FROM proposals WHERE id = (SELECT max(id) FROM proposals)")
    state = Watched(str(folder)).refresh()
    assert (state["state"], state["found"]) == ("stopped", None)
    assert any(note.startswith("The record is of an earlier search") for note in state["notes"])


def test_a_journal_of_an_earlier_version_is_read_by_its_record(finished_run: Path, tmp_path: Path) -> None:
    whole = Watched(str(finished_run)).refresh()
    folder = edited(finished_run, tmp_path / "run")
    execute(folder, "DELETE FROM meta WHERE name = 'objectives'")
    assert "does not say whether large or small scores are better" in Watched(str(folder)).refresh()["error"]
    shutil.copy(finished_run / "solution.json", folder)
    state = Watched(str(folder)).refresh()
    assert state["leaders"] == whole["leaders"]


def test_what_a_journal_states_is_checked_by_its_kind(finished_run: Path, tmp_path: Path) -> None:
    for index, objectives in enumerate(({"ordered": 1, "goals": []}, {"ordered": True, "goals": [["a", "up"]]}, [], 7)):
        folder = edited(finished_run, tmp_path / str(index), stated={"objectives": objectives})
        assert str(folder / JOURNAL) in Watched(str(folder)).refresh()["error"]
    settings = stated_in(finished_run)["settings"]
    folder = edited(finished_run, tmp_path / "odd", stated={"settings": settings | {"budget": "x" * 9999, "seed": []}})
    state = Watched(str(folder)).refresh()
    assert (state["error"], state["budget"], state["facts"]["seed"]) == ("", [], "[]")


def row(number: int, values: list[float], size: int = 3, **further: Any) -> dict[str, Any]:
    plain = {"alias": None, "key": f"k{number}", "images": 8, "feasible": 1, "fate": "scored", "term": f"t{number}"}
    return {"id": number, "size": size, "objectives": values} | plain | further


def test_the_pareto_set_and_directions_count() -> None:
    standing = Standing(Asked((("a", "max"), ("b", "min")), ordered=False))
    for number, values in enumerate([[1.0, 1.0], [2.0, 2.0], [2.0, 1.5], [0.5, 3.0], [float("nan"), 0.0], [3.0, 9.0]]):
        standing.consider(row(number, values))
    standing.consider(row(9, [9.0, 0.0], feasible=0))
    assert [one.id for one in standing.front()] == [5, 2, 0]
    assert [one.id for one in standing.leaders] == [5, 2, 1, 0, 3]
    assert list(standing.curve) == [(1, 1.0), (2, 2.0), (3, 2.0), (6, 3.0)]
    assert standing.asked.rank(Candidate(0, 1, "", (2.0, 1.0))) == (-2.0, 1.0)


def test_terms_are_counted_as_the_budget_counts_them() -> None:
    for by_score, expected in ((False, 2), (True, 3)):
        standing = Standing(Asked((("a", "min"),), ordered=True), by_score)
        standing.consider(row(0, [1.0]))
        standing.consider(row(1, [], fate="pruned", images=4))
        standing.consider(row(2, [1.0], fate="duplicate", alias=0))  # equal scores, which had to be paid for
        standing.consider(row(3, [1.0], fate="duplicate", alias=0, key="k0"))
        standing.consider(row(4, [], fate="unsafe", key=None))
        assert standing.terms == expected
        assert standing.fates == {"scored": 1, "pruned": 1, "duplicate": 2, "unsafe": 1}
        assert [one.id for one in standing.leaders] == [0]


def test_a_run_must_be_there(tmp_path: Path, finished_run: Path) -> None:
    (tmp_path / "file").touch()
    for run, said in (
        (tmp_path / "nowhere", "there is no"),
        (tmp_path, "there is no run in"),
        (tmp_path / "file", "is no folder of a run"),
    ):
        with pytest.raises(OptionError, match=rf"^RUN: .*{said}"):
            Watched(str(run))
    assert Watched(str(finished_run / JOURNAL)).folder == finished_run


@pytest.mark.slow
def test_a_search_that_is_watched_gives_the_same_answer(finished_run: Path, tmp_path: Path) -> None:
    few = ["--budget", "size=5", "--search-images", "24", "--held-out-images", "16", "--device", "cpu", "--quiet"]
    code = "import sys; from sygus.app.start import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "channel_weights", *few, "--out", str(tmp_path / "run")]
    search = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)})
    states: list[dict[str, Any]] = []
    watched = None
    while search.poll() is None:
        if watched is None and (tmp_path / "run" / JOURNAL).exists():
            watched = Watched(str(tmp_path / "run"))
        if watched is not None:
            states.append(watched.refresh())
        time.sleep(0.02)
    assert search.returncode == 0
    assert watched is not None
    states.append(watched.refresh())
    assert any(state.get("state") == "running" and state["terms"] > 0 for state in states)
    counts = [state["proposed"] for state in states if not state["error"]]
    assert counts == sorted(counts)
    whole = Watched(str(finished_run)).refresh()
    assert [states[-1][name] for name in ("leaders", "front", "finalists", "curve", "found", "state")] == [
        whole[name] for name in ("leaders", "front", "finalists", "curve", "found", "state")
    ]
    assert (tmp_path / "run" / "answer.sy").read_text() == (finished_run / "answer.sy").read_text()
    mine, other = (json.loads((folder / "solution.json").read_text()) for folder in (tmp_path / "run", finished_run))
    assert [mine[name] for name in ("candidates", "front", "table")] == [
        other[name] for name in ("candidates", "front", "table")
    ]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(p.name for p in finished_run.iterdir())
