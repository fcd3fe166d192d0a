"""``import sygus``: light, and the same results as the command line."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import sygus
from sygus.errors import OptionError, SycamError
from sygus.export.figures import overlay
from sygus.export.report import png_data
from sygus.saliency.networks import shapes

FEW = {"budget": "size=5", "search_images": 24, "held_out_images": 16, "device": "cpu"}


def test_import_is_light() -> None:
    code = "import sys, sygus; assert not {'torch', 'sympy', 'z3', 'matplotlib', 'solvers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_there() -> None:
    assert all(getattr(sygus, name) is not None for name in sygus.__all__)
    assert set(dir(sygus)) == set(sygus.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sove'"):
        sygus.sove  # noqa: B018 - a misspelling


def test_solve_gives_what_the_command_line_gives(
    finished_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sygus")
    result = sygus.solve("gradcam_plus", out=tmp_path / "run", **FEW)
    expected = sygus.load(finished_run)
    assert result.answer == expected.answer == (finished_run / "answer.sy").read_text().strip()
    assert result.record.table == expected.record.table
    assert result.record.candidates == expected.record.candidates
    assert result.folder == tmp_path / "run"
    assert any("shapes-vgg" in message for message in caplog.messages)


def test_scores_exports_and_the_report(finished_run: Path, tmp_path: Path) -> None:
    result = sygus.load(finished_run / "solution.json")
    row = result.record.found_row
    assert row is not None
    assert result.score() == row.held_out["average-drop"].value
    assert result.score("average-drop", held_out=False) == row.search["average-drop"].value
    assert result.export("sygus") == str(result) == result.answer
    assert result.export("latex").startswith(result.latex)
    assert result.report(tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    for wrong in (lambda: result.score("insertion"), lambda: result.export("word")):
        with pytest.raises(OptionError):
            wrong()


def test_it_explains_models(finished_run: Path) -> None:
    result = sygus.load(finished_run)
    assert result.gallery is not None
    model = shapes.load("shapes-vgg")
    pictures = result.gallery.pictures / 255
    with result.cam(model, [model.features]) as cam:
        maps = torch.from_numpy(cam(pictures))
    assert (maps * 255 - result.gallery.maps["found expression"]).abs().median() < 3
    with result.extractor(model, "features") as extract:
        scores = model(pictures)
        (low,) = extract(scores.argmax(1).tolist(), scores)
    assert low.shape[0] == len(pictures)


def test_notebooks_show_formula_scores_and_pictures(finished_run: Path) -> None:
    result = sygus.load(finished_run)
    shown = result._repr_html_()
    assert "<math" in shown
    assert "Grad-CAM++" in shown
    assert "Fake-CAM (control)" in shown
    assert result.gallery is not None
    first = overlay(result.gallery.pictures[0] / 255, result.gallery.maps["found expression"][0] / 255)
    assert png_data(first) in shown
    assert result._repr_latex_() == f"$$ {result.latex} $$"
    assert repr(result).startswith("Result(")


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"netwrk": "shapes-vgg"}, "unknown option 'netwrk'.*network"),
        ({"network": "nothing"}, "nothing"),
        ({"budget": "size=x"}, "--budget"),
    ],
)
def test_bad_options_are_named(options: dict[str, str], fragment: str, tmp_path: Path) -> None:
    with pytest.raises(SycamError) as caught:
        sygus.solve("gradcam_plus", out=tmp_path, **options)
    assert re.search(fragment, str(caught.value))


def test_problems_of_other_logics_are_refused(tmp_path: Path) -> None:
    problem = tmp_path / "max.sl"
    problem.write_text("(set-logic LIA)\n(synth-fun f ((x Int)) Int)\n(constraint (= (f 1) 1))\n(check-synth)\n")
    with pytest.raises(OptionError, match="logic LIA"):
        sygus.solve(problem, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_progress_is_shown_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sygus.solve("gradcam", out=tmp_path / "run", progress=True, **FEW | {"budget": "size=3"})
    assert "scored" in capsys.readouterr().err
