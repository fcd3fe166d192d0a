"""Formulas that are known already are proposed before the learner is asked."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(define-fun gradcam ((gradient Map)) Weight (gap gradient))
(define-fun layercam ((gradient Map)) Map (relu gradient))
(define-fun deep ((gradient Map)) Heatmap (above-mean (above-mean (relu (cam (gap (relu gradient)))))))
(define-fun other ((activation Map)) Heatmap (channel-max activation))
(declare-oracle-fun m ((-> Map Heatmap)) Real iou :t 0.5)
(synth-fun h ((gradient Map)) Heatmap ((H Heatmap) (W Weight) (M Map))
  ((H Heatmap ((relu (cam W)) (above-mean H)))
   (W Weight ((gap M)))
   (M Map (gradient (relu M)))))
(optimize-synth ((! (m h) :max)))
"""
FEW = ["--search-images", "3", "--held-out-images", "3", "--baselines", "uniform"]


def run(folder: Path, size: int, *options: str) -> Result:
    file = folder / "problem.sy"
    file.write_text(PROBLEM)
    told = [*FEW, "--budget", f"size={size}", "--out", str(folder / "run"), *options]
    return CliRunner().invoke(main, ["solve", str(file), *told])


def journal(folder: Path) -> tuple[list[Any], dict[str, str]]:
    with sqlite3.connect(folder / "run" / "journal.sqlite") as connection:
        rows = connection.execute("SELECT term, fate FROM proposals ORDER BY id").fetchall()
        (stated,) = connection.execute("SELECT value FROM meta WHERE name = 'starts'").fetchone()
    return rows, json.loads(stated)


def test_what_the_grammar_derives_of_the_files_own_comes_first_and_is_marked(tmp_path: Path) -> None:
    result = run(tmp_path, 6)
    assert result.exit_code == 0, result.stderr
    rows, stated = journal(tmp_path)
    own = {
        "gradcam": "(relu (cam (gap gradient)))",
        "deep": "(above-mean (above-mean (relu (cam (gap (relu gradient))))))",
    }
    assert stated == own  # maps as weights are not in the grammar
    assert [term for term, _ in rows].index(own["gradcam"]) == 0
    assert own["deep"] not in [term for term, _ in rows]  # it has 7 nodes
    assert "1 given at the start" in " ".join(result.stderr.split())
    again = run(make(tmp_path / "larger"), 7)
    assert again.exit_code == 0
    rows, stated = journal(tmp_path / "larger")
    assert stated == own
    assert [term for term, _ in rows[:2]] == list(own.values())
    assert sum(term == own["deep"] for term, _ in rows) == 2  # the learner meets it too, and pays nothing
    assert rows[-1][1] in ("duplicate", "pruned", "scored")


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_persons_formulas_are_proposed_too_and_those_that_cannot_be_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.sy").write_text(
        """(set-logic CAM)
        (define-fun mine ((gradient Map)) Weight (gap (relu gradient)))
        (define-fun far ((score Weight)) Weight score)"""
    )
    result = run(tmp_path, 5, "--start", str(tmp_path / "mine.sy"))
    assert result.exit_code == 0, result.stderr
    _, stated = journal(tmp_path)
    assert set(stated) == {"gradcam", "deep", "mine"}
    said = " ".join(result.stderr.split())
    assert "--start: 'far' is not proposed: the grammar does not derive it" in said


def test_a_run_with_other_formulas_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "mine.sy").write_text("(set-logic CAM)(define-fun mine ((gradient Map)) Weight (gap (relu gradient)))")
    assert run(tmp_path, 5).exit_code == 0
    result = run(tmp_path, 5, "--start", str(tmp_path / "mine.sy"), "--resume")
    assert result.exit_code == 2
    assert "starts mine" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(set-logic CAM)(define-fun f ((gradient Map)) Weight (gap gradien))", "gradien"),
        ("(define-fun", "mine.sy:1"),
    ],
)
def test_a_wrong_file_is_an_error_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.sy").write_text(text)
    result = run(tmp_path, 5, "--start", str(tmp_path / "mine.sy"))
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_missing_file_names_the_option(tmp_path: Path) -> None:
    result = run(tmp_path, 5, "--start", str(tmp_path / "none.sy"))
    assert result.exit_code == 2
    assert "--start: there is no file" in result.stderr
