"""The record of a run: complete, read back as written, and safe to read whatever stands in it."""

from __future__ import annotations

import contextlib
import copy
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from places import ROOT
from sygus.errors import OptionError, SycamError
from sygus.export.gallery import GALLERY, PICTURES, Gallery
from sygus.export.record import SOLUTION, Record, RecordError
from sygus.oracles.expressions import read_expression


@pytest.fixture(scope="module")
def plain(finished_run: Path) -> Any:
    return json.loads((finished_run / SOLUTION).read_text())


def test_it_reads_back_as_written(finished_run: Path, plain: Any) -> None:
    record = Record.read(str(finished_run))
    assert json.loads(json.dumps(record.as_json())) == plain
    for name in ("journal.sqlite", SOLUTION):
        assert Record.read(str(finished_run / name)) == record


def test_it_holds_what_a_reader_needs_to_repeat_the_run(finished_run: Path) -> None:
    record = Record.read(str(finished_run))
    assert {"torch", "python", "sycam-sygus"} <= set(record.versions)
    assert {"network", "layer", "search images", "held-out images"} <= set(record.fingerprints)
    assert record.settings["seed"] == 0
    assert record.problem["text"] == (ROOT / "grammars" / "channel_weights.sy").read_text()
    assert (len(record.search.ids), len(record.held_out.ids)) == (24, 16)
    assert set(record.search.ids).isdisjoint(record.held_out.ids)


def test_means_are_those_of_the_pictures(finished_run: Path) -> None:
    record = Record.read(str(finished_run))
    for row in record.table:
        for mean, count in ((row.search["average-drop"], 24), (row.held_out["average-drop"], 16)):
            assert len(mean.scores) == mean.images == count
            assert sum(mean.scores) / count == pytest.approx(mean.value, rel=1e-12)
    assert record.found is not None
    assert record.found_row is not None
    search, validation = (record.finalists[0].scores[part]["average-drop"] for part in ("search", "validation"))
    assert search.value == record.found_row.search["average-drop"].value
    assert record.found.objectives[0] == pytest.approx(np.mean(search.scores + validation.scores), abs=1e-5)
    assert {row.title for row in record.table if row.control} == {"Fake-CAM", "Random-CAM"}


def test_candidates_and_duplicates_are_those_of_the_journal(finished_run: Path) -> None:
    record = Record.read(str(finished_run))
    with sqlite3.connect(finished_run / "journal.sqlite") as journal:
        fates = dict(journal.execute("SELECT fate, count(*) FROM proposals GROUP BY fate").fetchall())
    assert len(record.candidates) == fates["scored"] == record.accounting["scored"]
    assert sum(record.duplicates.values()) == fates["duplicate"]
    assert record.found.id in {entry.id for entry in record.candidates}
    assert record.found.objectives == min(one.objectives for one in record.finalists if one.probability > 0)
    assert read_expression(record.answer).head.body.size == record.found.size


def test_a_baseline_may_lack_a_metric_on_both_sets_of_pictures(plain: Any) -> None:
    gap = copy.deepcopy(plain)
    gap["table"][2]["search"], gap["table"][2]["held out"] = {}, {}
    record = Record.from_json(gap)
    assert (
        record.table[2].mean("search", record.measures[0])
        is record.table[2].mean("held_out", record.measures[0])
        is None
    )
    assert json.loads(json.dumps(record.as_json())) == gap


@pytest.mark.parametrize(("place", "parts"), [(2, ["search"]), (2, ["held out"]), (-1, ["search", "held out"])])
def test_half_a_cell_and_a_found_expression_without_scores_are_damage(plain: Any, place: int, parts: list[str]) -> None:
    damaged = copy.deepcopy(plain)
    for part in parts:
        damaged["table"][place][part] = {}
    title = damaged["table"][place]["method"]
    with pytest.raises(RecordError, match=f"the row '{title}' lacks average-drop of the"):
        Record.from_json(damaged)


MUTANTS = st.sampled_from([None, True, -1, 1.5, "<script>", [], {}, [1], {"a": 1}, float("nan")])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_record_is_an_error_that_says_where(plain: Any, data: st.DataObject) -> None:
    damaged = {name: value for name, value in plain.items() if name != "candidates"}
    damaged = copy.deepcopy(damaged) | {"candidates": copy.deepcopy(plain["candidates"][:2])}
    place: Any = damaged
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        below = place[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            break
        place = below
    if data.draw(st.booleans()) and isinstance(place, dict):
        del place[key]
    else:
        place[key] = data.draw(MUTANTS)
    with contextlib.suppress(RecordError):  # what is still well-formed is read, all else is this error
        Record.from_json(damaged, "mutant.json")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("answer", 3, "run.json: answer is no text"),
        ("found", {"id": 0}, "run.json: found: 'term' is missing"),
        ("front", [{"id": 0.5}], r"run.json: front\[0\]: id is no whole number"),
        ("accounting", {"seconds": float("inf")}, "run.json: accounting: seconds is no finite number"),
        ("objectives", [], r"run.json: front\[0\] has 2 objectives"),
        ("table", [], "run.json: the table lacks the found expression"),
    ],
)
def test_the_error_says_where(plain: Any, name: str, value: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        Record.from_json(plain | {name: value}, "run.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"schema": 2}', "\x00"])
def test_what_is_no_record_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / SOLUTION).write_text(text)
    with pytest.raises(RecordError, match=SOLUTION):
        Record.read(str(tmp_path))


def test_a_missing_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="RUN: there is no"):
        Record.read(str(tmp_path / "nowhere"))
    with pytest.raises(OptionError, match="there is no run in"):
        Record.read(str(tmp_path))
    (tmp_path / "journal.sqlite").touch()
    with pytest.raises(OptionError, match="--resume"):
        Record.read(str(tmp_path))


def test_the_gallery_reads_back_and_a_damaged_one_is_an_error(finished_run: Path, tmp_path: Path) -> None:
    gallery = Gallery.read(finished_run)
    assert gallery is not None
    assert list(gallery.maps) == [row.title for row in Record.read(str(finished_run)).table]
    assert gallery.pictures.shape == (PICTURES, 3, 64, 64)
    gallery.write(tmp_path)
    again = Gallery.read(tmp_path)
    assert again is not None
    assert torch.equal(again.pictures, gallery.pictures)
    assert all(torch.equal(again.maps[title], maps) for title, maps in gallery.maps.items())
    assert list(again.candidates) == sorted(gallery.candidates)
    assert all(torch.equal(again.candidates[number], maps) for number, maps in gallery.candidates.items())
    assert Gallery.read(tmp_path / "nowhere") is None
    save_file({"pictures": torch.zeros(2, 3, 4, 4)}, tmp_path / GALLERY, {"titles": "[]"})
    with pytest.raises(SycamError, match="no pictures with their maps"):
        Gallery.read(tmp_path)
    (tmp_path / GALLERY).write_bytes(b"\xff" * 100)
    with pytest.raises(SycamError, match="cannot read"):
        Gallery.read(tmp_path)
