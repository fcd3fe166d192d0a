"""Which known method an answer is most like: by the correlation of maps, in the record, the terminal and the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main
from sygus.export.gallery import PICTURES, Gallery
from sygus.export.notebook import notebook_html
from sygus.export.record import SOLUTION, Record
from sygus.export.report import report_page

COUNTS = ("--search-images", "8", "--held-out-images", str(PICTURES), "--validation-images", "0", "--device", "cpu")
GRAMMAR = """(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun drop ((-> Map Weight)) Real average-drop)
(synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight ({term}))))
{constraint}
(optimize-synth ((! (drop w) :min)))
"""


def searched(term: str, folder: Path, *options: str) -> Result:
    (folder / "one.sy").write_text(GRAMMAR.format(term=term, constraint=""))
    result = CliRunner().invoke(main, [str(folder / "one.sy"), *COUNTS, "--out", str(folder / "run"), *options])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.slow
def test_the_correlations_are_those_of_the_maps(tmp_path: Path) -> None:
    result = searched("(gmp (abs gradient))", tmp_path, "--baselines", "gradcam,gradcam++,uniform,hirescam")
    record, gallery = Record.read(str(tmp_path / "run")), Gallery.read(tmp_path / "run")
    assert gallery is not None
    found = gallery.maps["found expression"].flatten(1).double().numpy()
    assert set(record.alike) == set(gallery.maps) - {"found expression"}
    for title, correlation in record.alike.items():
        other = gallery.maps[title].flatten(1).double().numpy()
        each = [np.corrcoef(a, b)[0, 1] if np.ptp(a) and np.ptp(b) else 0 for a, b in zip(found, other, strict=True)]
        assert correlation == pytest.approx(np.mean(each), abs=5e-3)  # the gallery has eight bits
    nearest = max(record.alike, key=record.alike.__getitem__)
    value = f"{record.alike[nearest]:.2f}"
    line = f"nearest known method: {nearest}, mean correlation of maps {value} on {PICTURES} held-out pictures"
    assert line in result.stderr
    verdict, _ = record.verdict
    told = result.stderr
    assert told.index(verdict) < told.index(line) < told.index("best by size") < told.index("mean score")
    assert "in disguise" not in result.stderr
    for page in (report_page(record, gallery), notebook_html(record, gallery, ())):
        assert line[1:] in page


def test_a_known_method_in_other_words_is_called_so(tmp_path: Path) -> None:
    result = searched("(gap (+ gradient gradient))", tmp_path, "--baselines", "gradcam++,gradcam,uniform")
    assert "nearest known method: Grad-CAM, mean correlation of maps 1.00" in result.stderr
    assert "this is Grad-CAM in disguise" in result.stderr
    record = Record.read(str(tmp_path / "run"))
    assert record.alike["Grad-CAM"] == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_without_an_answer_nothing_is_nearest(tmp_path: Path) -> None:
    (tmp_path / "none.sy").write_text(
        GRAMMAR.format(term="(gap gradient)", constraint="(constraint (<= (drop w) -1.0))")
    )
    result = CliRunner().invoke(main, [str(tmp_path / "none.sy"), *COUNTS, "--out", str(tmp_path / "run")])
    assert "nearest known method" not in result.output
    assert json.loads((tmp_path / "run" / SOLUTION).read_text())["alike"] == {}
