"""Where nothing meets all constraints, which one was broken, how often, and how nearly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main
from sygus.export.record import Record

FILE = """
(set-logic CAM)
(set-feature :oracles true)
(set-option :budget "size=4")
(declare-oracle-fun average-drop ((-> Map Map Weight)) Real average-drop)
(declare-oracle-fun coverage ((-> Map Map Weight)) Real coverage)
(define-fun gradcam ((activation Map) (gradient Map)) Weight (gap gradient))
(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (relu W)))
   (M Map    (activation gradient (relu M)))))
(constraint (<= (average-drop w) (* FACTOR (average-drop gradcam))))
(constraint (<= (coverage w) 0.9))
(check-synth)
"""
FEW = ("--search-images", "16", "--held-out-images", "2", "--baselines", "gradcam", "--device", "cpu")


def solved(folder: Path, factor: str) -> tuple[str, str, Record]:
    path = folder / "file.sy"
    path.write_text(FILE.replace("FACTOR", factor))
    result = CliRunner().invoke(main, [str(path), *FEW, "--out", str(folder / "run")])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr, Record.read(str(folder / "run"))


def test_a_failed_search_says_which_constraint_and_how_nearly(tmp_path: Path) -> None:
    answer, messages, record = solved(tmp_path, "0.5")
    assert answer == "fail\n"
    (line,) = (note for note in record.notes if note.startswith("the constraint"))
    assert f"note: {line}" in messages
    found = re.fullmatch(
        r"the constraint \(<= \(average-drop w\) \(\* 0\.5 \(average-drop gradcam\)\)\) is met by 0 of the (\d) terms "
        r"that came to it; nearest of the others on 16 of 16 pictures, by (\S+): (\(.*\)), "
        r"where (\S+) <= (\S+) is wanted",
        line,
    )
    assert found is not None, line
    judged, by, term, left, right = found.groups()
    assert int(judged) >= 3
    assert float(by) == pytest.approx(float(left) - float(right), rel=1e-3)
    (gradcam,) = (row for row in record.table if row.title == "Grad-CAM")
    assert float(right) == pytest.approx(0.5 * gradcam.search["average-drop"].value, rel=1e-5)
    assert term.startswith("(gap ")


def test_an_answer_leaves_nothing_to_say(tmp_path: Path) -> None:
    answer, messages, _ = solved(tmp_path, "2")
    assert "define-fun w" in answer
    assert "is met by" not in messages
