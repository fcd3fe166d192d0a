"""A search that a metric's loophole wins is warned of, one whose file closes it is not."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import sygus
from sygus.app.cli import main
from sygus.export.gallery import Gallery
from sygus.export.record import SOLUTION, Record, RecordError
from sygus.export.report import report_page

FEW = ("--search-images", "24", "--held-out-images", "8", "--baselines", "gradcam", "--device", "cpu")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, [*arguments, *FEW])
    assert result.exit_code == 0, result.output
    return result


def warnings(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("warning: the answer's maps ")]


@pytest.fixture(scope="module")
def gamed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("gamed") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYCAM_SYGUS_CACHE", "")
        return out, run("gamed", "--out", str(out))


@pytest.mark.slow
def test_average_drop_without_constraints_is_won_by_a_map_of_everything_and_warned_of(
    gamed: tuple[Path, Result],
) -> None:
    out, result = gamed
    found = json.loads((out / SOLUTION).read_text())
    (fake,) = (row for row in found["table"] if row["method"] == "found expression")
    assert fake["held out"]["average-drop"]["value"] < 5
    assert found["sanity"]["coverage"] > 0.9
    assert found["sanity"]["pictures"] == 24
    said = "\n".join(warnings(result))
    assert "keep nearly the whole picture (coverage 0.9" in said
    assert "a constraint over coverage rules such maps out, as faithful.sy shows" in said
    assert "nearly the same for the most probable other class" in said
    assert "nearly the same when the layers after the one explained are drawn anew" in said
    assert warnings(result) == [note for note in found["notes"] if note.startswith("warning: the answer's maps ")]


@pytest.mark.slow
def test_the_same_grammar_with_constraints_is_not_warned_of(tmp_path: Path) -> None:
    result = run("faithful", "--budget", "size=5", "--out", str(tmp_path / "run"))
    assert warnings(result) == []
    found = json.loads((tmp_path / "run" / SOLUTION).read_text())
    assert found["found"] is not None
    assert set(found["sanity"]) == {"spread", "coverage", "class-agreement", "model-randomization", "pictures"}
    assert found["sanity"]["coverage"] < 0.35


def test_the_python_interface_warns_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = """(set-logic CAM) (set-feature :oracles true)
    (declare-oracle-fun energy ((-> Map Weight)) Real energy-pointing-game)
    (synth-fun w ((activation Map)) Weight ((W Weight)) ((W Weight ((gap activation)))))
    (optimize-synth ((! (energy w) :max)))"""
    few: dict[str, Any] = {"search_images": 8, "held_out_images": 4, "baselines": "gradcam", "device": "cpu"}
    with caplog.at_level(logging.INFO, "sygus"):
        found = sygus.solve(text, budget="size=3", out=str(tmp_path / "run"), **few)
    assert found.found is not None
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    warned = [note.removeprefix("warning: ") for note in found.record.notes if note.startswith("warning: the answer's")]
    assert [line for line in said if line.startswith("the answer's maps ")] == warned
    assert len(warned) == 2
    assert "class-agreement 1.000 on 8 search pictures" in warned[0]


def test_what_nobody_found_is_not_checked(tmp_path: Path) -> None:
    text = """(set-logic CAM) (set-feature :oracles true)
    (declare-oracle-fun iou ((-> Map Weight)) Real iou)
    (synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight ((gap gradient)))))
    (constraint (>= (iou w) 1))
    (optimize-synth ((! (iou w) :max)))"""
    (tmp_path / "none.sy").write_text(text)
    result = CliRunner().invoke(main, [str(tmp_path / "none.sy"), *FEW, "--out", str(tmp_path / "run")])
    assert result.stdout == "fail\n"
    record = Record.read(str(tmp_path / "run"))
    assert record.sanity == {}
    assert 'id="sanity"' not in report_page(record, None)


@pytest.mark.slow
def test_the_page_shows_each_number_and_what_fails(gamed: tuple[Path, Result]) -> None:
    out, _ = gamed
    record = Record.read(str(out))
    page = report_page(record, Gallery.read(out))
    section = page[page.index('<section id="sanity"') : page.index('<section id="gallery"')]
    assert '<a href="#sanity">Sanity</a>' in page
    assert section.count("<strong>") == 3
    assert section.count("pass") == 1
    for name in ("spread", "coverage", "class-agreement", "model-randomization"):
        assert f'<th scope="row">{name}</th><td class="number">{record.sanity[name]:.3g}</td>' in section


@pytest.mark.parametrize("value", [None, [], "x", 3, {"coverage": "0.5"}, {"coverage": float("nan")}, {"a": 10**400}])
def test_what_is_no_mapping_of_numbers_is_refused(gamed: tuple[Path, Result], value: Any) -> None:
    plain = json.loads((gamed[0] / SOLUTION).read_text())
    with pytest.raises(RecordError, match=r"run\.json: sanity"):
        Record.from_json(plain | {"sanity": value}, "run.json")


def test_unknown_names_and_absurd_numbers_are_shown_nowhere_or_shortly(gamed: tuple[Path, Result]) -> None:
    plain = json.loads((gamed[0] / SOLUTION).read_text())
    hostile = {"<script>alert(1)</script>": 1.0, "coverage": 1e100, "pictures": -1e99}
    record = Record.from_json(plain | {"sanity": hostile}, "run.json")
    assert record.sanity == hostile
    assert Record.from_json(json.loads(json.dumps(record.as_json()))) == record
    page = report_page(record, None)
    assert "alert(1)" not in page
    assert '<td class="number">1e+100</td>' in page
    assert page.count("not measured, see the notes") == 3
