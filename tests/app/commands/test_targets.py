"""What is explained, by the command line, by a problem's file and from Python: numbers, regions, classes, functions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

import sygus
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.app.cli import main
from sygus.errors import OptionError
from sygus.saliency.metrics import subject_of
from sygus.saliency.networks import load_network, read_target

MODULE = """
import torch
from torch import nn

from sygus.saliency.images import Preprocessing

SIZE = {"preprocessing": Preprocessing.square(64)}


def layers():
    torch.manual_seed(0)
    return nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 6, 3, 2, 1), nn.ReLU()


def regression():
    return nn.Sequential(*layers(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(96, 1)), SIZE


def segmentation():
    model = nn.Sequential(*layers(), nn.Conv2d(6, 3, 1), nn.Upsample(scale_factor=4))
    return model, {**SIZE, "classes": ("road", "sky", "car")}


def margin(logits):
    return logits[:, 0] - logits[:, 1]
"""

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
OPTION
(declare-oracle-fun goal ((-> FEATURE Map Weight)) Real METRIC)
(synth-fun w ((FIRST Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M)))
   (M Map    (FIRST gradient (relu M)))))
(optimize-synth ((! (goal w) :max)))
"""

FEW = {"search_images": 6, "held_out_images": 4, "device": "cpu", "budget": "size=3", "baselines": "gradcam"}
PICTURES = ("--search-images", "6", "--held-out-images", "4", "--device", "cpu")
QUICK = (*PICTURES, "--budget", "size=3", "--baselines", "gradcam")


def problem(option: str = "", metric: str = "energy-pointing-game", first: str = "activation") -> str:
    text = PROBLEM.replace("OPTION", option).replace("METRIC", metric)
    return text.replace("FIRST", first).replace("FEATURE", "Map")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a module of networks and a function."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "problem.sy").write_text(problem())
    yield tmp_path
    sys.modules.pop("mine", None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def ran(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def said(*arguments: str) -> str:
    """What a bad use says, in one line."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    return line


def solution(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "solution.json").read_text())
    return found


TARGETS = {
    "regression": ("mine:regression", "regression"),
    "region car": ("mine:segmentation", "region car"),
    "mine:margin": ("shapes-vgg", "mine:margin"),
}


@pytest.mark.parametrize("case", TARGETS)
def test_solve_scores_and_records_what_is_explained(case: str) -> None:
    network, target = TARGETS[case]
    answer = ran("problem.sy", "--network", network, "--target", target, "--out", "run", *QUICK)
    found = solution("run")
    assert found["settings"]["target"] == target
    assert found["held_out"]["targets"] == [target] * 4
    subjects = load_subjects(Settings(network=network, target=target, search_images=6, held_out_images=4, device="cpu"))
    assert subjects.search.subject.logits.shape == (6, 1)
    assert "(define-fun w" in answer
    if network == "shapes-vgg":
        plain = load_network(network, torch.device("cpu"))
        logits = plain.logits(subjects.search.subject.pictures)
        torch.testing.assert_close(subjects.search.subject.logits[:, 0], logits[:, 0] - logits[:, 1])


def test_the_file_may_say_what_is_explained_but_name_no_function() -> None:
    by_option = ran("problem.sy", "--network", "mine:regression", "--target", "regression", "--out", "one", *QUICK)
    Path("own.sy").write_text(problem('(set-option :target "regression")'))
    assert ran("own.sy", "--network", "mine:regression", "--out", "two", *QUICK) == by_option
    assert solution("one")["candidates"] == solution("two")["candidates"]
    sys.modules.pop("mine")
    Path("own.sy").write_text(problem('(set-option :target "mine:margin")'))
    line = said("own.sy", "--out", "three", *QUICK)
    assert "own.sy:4:1" in line
    assert ":target is 'mine:margin', which a file may not choose" in line
    assert "--target mine:margin, or --allow-file-options" in line
    assert "mine" not in sys.modules
    ran("own.sy", "--allow-file-options", "--out", "three", *QUICK)
    assert solution("three")["settings"]["target"] == "mine:margin"
    Path("own.sy").write_text(problem('(set-option :target "regresion")'))
    assert "own.sy:4:1" in said("own.sy", "--out", "four", *QUICK)


@pytest.mark.slow
def test_python_takes_the_function_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran("problem.sy", "--target", "mine:margin", "--out", "named", *QUICK)
    sys.modules.pop("mine")
    monkeypatch.syspath_prepend(str(folder))
    mine: ModuleType = __import__("mine")
    result = sygus.solve("problem.sy", target=mine.margin, out=folder / "given", **FEW)
    named, given = solution("named"), solution("given")
    for part in ("settings", "fingerprints", "candidates", "answer"):
        assert named[part] == given[part]
    assert isinstance(result, sygus.Result)
    again = sygus.solve("problem.sy", target=lambda logits: logits[:, 0], out=folder / "other", **FEW)
    assert isinstance(again, sygus.Result)
    assert solution("other")["fingerprints"]["network"] != named["fingerprints"]["network"]
    with pytest.raises(OptionError, match="solve: target is 3; give a text, as on the command line, or a function"):
        sygus.solve("problem.sy", target=3)


def test_a_run_of_another_target_is_not_continued() -> None:
    ran("problem.sy", "--target", "mine:margin", "--out", "run", *QUICK)
    line = said("problem.sy", "--target", "predicted", "--out", "run", "--resume", *QUICK)
    assert "--target: mine:margin there, predicted here" in line
    ran("problem.sy", "--target", "mine:margin", "--out", "run", "--resume", *QUICK)
    sys.modules.pop("mine")
    Path("mine.py").write_text(MODULE.replace("- logits[:, 1]", "- logits[:, 2]"))
    assert "fingerprints network" in said("problem.sy", "--target", "mine:margin", "--out", "run", "--resume", *QUICK)


@pytest.mark.slow
def test_scores_of_another_target_are_not_taken_over() -> None:
    """Maps that do not depend on what is explained are the same of both, and their scores are not."""
    Path("problem.sy").write_text(problem(metric="average-drop").replace(":max", ":min"))
    ran("problem.sy", "--target", "logit 0", "--out", "one", *QUICK)
    passes = {}
    for target in ("logit 0", "logit 1"):
        ran("problem.sy", "--target", target, "--reuse", "one", "--out", target, *QUICK)
        passes[target] = solution(target)["accounting"]["forwards"]
    assert passes["logit 0"] == 0 < passes["logit 1"]


def test_metrics_and_features_of_a_class_are_refused() -> None:
    regression = ("--network", "mine:regression", "--target", "regression")
    line = said("evaluate", "--metrics", "average-drop", *regression, *PICTURES)
    assert "the metric 'average-drop' needs the probability of a class, which 'mine:regression' does not give" in line
    assert "metrics that can be computed: coverage, " in line
    Path("problem.sy").write_text(problem(metric="insertion"))
    assert "the metric 'insertion' needs the probability of a class" in said("problem.sy", *regression, *QUICK)
    Path("problem.sy").write_text(problem(first="rival-gradient"))
    assert "the feature 'rival-gradient' needs the probability" in said("problem.sy", *regression, *QUICK)
    assert not Path("runs").exists()
    line = said("evaluate", "--methods", "finercam", "--metrics", "iou", *regression, *PICTURES)
    assert "--methods: 'finercam': the feature 'rival-gradient' needs the probability of a class" in line
    line = said("evaluate", "--methods", "scorecam(score=prob)", "--metrics", "iou", *regression, *PICTURES)
    assert "score=prob of Score-CAM needs the probability of a class" in line


@pytest.mark.slow
def test_evaluate_leaves_out_what_a_number_does_not_have() -> None:
    arguments = ("--network", "mine:regression", "--target", "regression", "--metrics", "all", "--format", "csv")
    result = run("evaluate", *arguments, *PICTURES)
    assert result.exit_code == 0, result.output
    rows = {line.split(",")[2] for line in result.stdout.splitlines()[1:]}
    assert {"iou", "equivariance", "max-sensitivity", "sparseness", "model-randomization"} <= rows
    assert not {"average-drop", "deletion", "road", "adcc", "arcc", "win", "contrast", "saliency-metric"} & rows
    assert "Finer-CAM is left out: the feature 'rival-gradient'" in result.stderr
    assert "the true classes are not used: 'mine:regression' gives no classes" in result.stderr


def test_one_class_in_every_picture() -> None:
    network = load_network("shapes-vgg", torch.device("cpu"), target=read_target("logit star"))
    images = load_subjects(Settings(search_images=6, held_out_images=4, device="cpu")).search.subject.images
    subject = subject_of(network, images)
    assert subject.targets.tolist() == [3] * 6
    expected = torch.softmax(network.logits(images.pictures), 1)[:, 3]
    torch.testing.assert_close(subject.probability, expected)
    ran("evaluate", "--target", "logit star", "--methods", "gradcam", *PICTURES)
    assert "'shapes-vgg' has no class 'start'; did you mean 'star'?" in said(
        "evaluate", "--target", "logit start", "--methods", "gradcam", *PICTURES
    )


def test_a_network_is_made_for_its_target() -> None:
    images = load_subjects(Settings(search_images=6, held_out_images=4, device="cpu")).search.subject.images
    network = load_network("mine:regression", torch.device("cpu"), target=read_target("regression"))
    with pytest.raises(OptionError, match="'mine:regression' was made for 'regression', not for 'predicted'"):
        subject_of(network, images, "predicted")


def test_regions_without_pixels_are_said() -> None:
    values = {}
    for name in ("road", "sky", "car"):
        result = run("evaluate", "--network", "mine:segmentation", "--target", f"region {name}", "--metrics", "iou",
                     "--methods", "gradcam", *PICTURES)  # fmt: skip
        assert result.exit_code == 0, result.output
        values[name] = f"gives no pixel of 10 of 10 pictures to '{name}'" in result.stderr
    assert True in values.values()
    assert False in values.values()


EXPLAINED = {
    "star": (("--target", "star"), "explained: star"),
    "3": (("--target", "3"), "explained: star"),
    "logit star": (("--target", "logit star"), "explained: star"),
    "function": (("--target", "mine:margin"), "shapes:0: mine:margin "),
    "number": (("--network", "mine:regression", "--target", "regression"), "shapes:0: regression "),
    "region": (("--network", "mine:segmentation", "--target", "region 0"), "shapes:0: region 0 "),
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_explain_draws_what_is_explained(case: str) -> None:
    arguments, fragment = EXPLAINED[case]
    printed = ran("explain", "shapes:0", "shapes:1", "--methods", "gradcam,uniform", *arguments)
    assert fragment in printed
    assert Path("explained", "heatmaps.png").is_file()


def test_explain_names_what_it_does_not_know() -> None:
    assert "'shapes-vgg' has no class 'stra'; did you mean 'star'?" in said("explain", "shapes:0", "--target", "stra")
    line = said("explain", "shapes:0", "--network", "mine:regression")
    assert "--target regression explains the number itself" in line
