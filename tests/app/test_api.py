"""``import sygus``: light, and the same results as the command line."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import sygus
from sygus.errors import OptionError, SycamError
from sygus.export.figures import overlay
from sygus.export.report import png_data
from sygus.resources import read_problem
from sygus.saliency.metrics import find_metric
from sygus.saliency.networks import embedded

FEW = {"budget": "size=5", "search_images": 24, "held_out_images": 16, "device": "cpu"}


def test_import_is_light() -> None:
    code = "import sys, sygus; assert not {'torch', 'sympy', 'z3', 'matplotlib', 'solvers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_there() -> None:
    assert all(getattr(sygus, name) is not None for name in sygus.__all__)
    assert set(dir(sygus)) == set(sygus.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sove'"):
        sygus.sove  # noqa: B018 - a misspelling


@pytest.mark.slow
def test_solve_gives_what_the_command_line_gives(
    finished_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sygus")
    result = sygus.solve("channel_weights", out=tmp_path / "run", **FEW)
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
    model = embedded.load("shapes-vgg")
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
        sygus.solve("channel_weights", out=tmp_path, **options)
    assert re.search(fragment, str(caught.value))


def test_the_text_of_a_problem_in_place_of_its_file(tmp_path: Path) -> None:
    text = read_problem("gradcam")[1]
    result = sygus.solve(f"; mine\n{text}", out=tmp_path / "run", **FEW | {"budget": "size=2"})
    assert isinstance(result, sygus.Result)
    assert (result.status, result.found) == ("solved", True)
    assert result.record.problem["file"] == "text"


@pytest.mark.slow
def test_nothing_found_is_said(tmp_path: Path) -> None:
    text = read_problem("channel_weights")[1].replace(
        "(optimize-synth", "(constraint (< (average-drop w) 0))\n(optimize-synth"
    )
    for budget, status in (("size=3", "fail"), ("terms=1", "spent")):
        result = sygus.solve(text, out=tmp_path / status, **FEW | {"budget": budget})
        assert (result.status, result.found, result.answer) == (status, False, "fail")


def test_progress_is_shown_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sygus.solve("gradcam", out=tmp_path / "run", progress=True, **FEW | {"budget": "size=3"})
    assert "scored" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": len}, "network is of the type builtin_function_or_method; give its name, a torch.nn.Module, (mod"),
        ({"metric": len}, "metric is of the type builtin_function_or_method, no metric; give its name"),
        ({"metric": 3}, "metric is 3; give its name"),
        ({"search_images": "8"}, "search_images is '8'; give a whole number"),
        ({"seed": True}, "seed is True; give a whole number"),
        ({"seed": 1.5}, "seed is 1.5; give a whole number"),
        ({"budget": {"size": 3}}, "budget is {'size': 3}; give a text, as 'size=7,time=60s'"),
        (
            {"images": [1, 2]},
            "images is [1, 2]; give the name of an image set, a folder, a tensor (N, C, H, W), a list",
        ),
        ({"strict": "no"}, "strict is 'no'; give True or False"),
        ({"resume": 1}, "resume is 1; give True or False"),
        ({"reuse": "runs/a"}, "reuse is 'runs/a'; give a list of the folders of runs"),
        ({"device": torch.device("cpu")}, "device is of the type device; give a text, as on the command line"),
        ({"file": 3}, "file is 3; give a path, or the bare name of a shipped grammar"),
        ({"file": ""}, "file is ''; give a path, or the bare name of a shipped grammar, or the text of a problem"),
    ],
)
def test_arguments_of_another_type(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as error:
        sygus.solve(**({"file": "gradcam"} | options))
    assert str(error.value).startswith(f"solve: {message}")


def test_a_metric_may_be_its_function(tmp_path: Path) -> None:
    function = find_metric("average-gain").function
    few = FEW | {"budget": "size=2", "search_images": np.int64(8), "layer": None}
    problem = tmp_path / "gain.sy"
    text = read_problem("gradcam")[1].replace(":min", ":max", 1)
    problem.write_text(text)
    with pytest.raises(OptionError, match="a constraint of the file is made for average-drop"):
        sygus.solve(problem, out=tmp_path / "run", metric=function, **few)  # by which large is the worse
    problem.write_text("\n".join(line for line in text.splitlines() if not line.startswith("(constraint")))
    result = sygus.solve(problem, out=tmp_path / "run", metric=function, **few)
    assert result.record.settings["metric"] == "average-gain"
