"""``plan``: a pilot on few pictures, as table and as JSON; and what no plan is made for."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from picture_folders import picture
from sygus.app.cli import main

FEW = ("--candidates", "10", "--pilot-images", "8", "--device", "cpu")
SMALL = (*FEW, "--budget", "size=4")


def plan(*words: str) -> Result:
    return CliRunner().invoke(main, ["plan", *words])


def planned(*words: str) -> dict[str, Any]:
    result = plan(*words, "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_table_ends_with_what_to_type() -> None:
    result = plan("gradcam_plus", *SMALL, "--seed", "0")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("pilot: ")
    assert "on 8 pictures, by average-drop, in %\n" in result.stdout
    assert result.stdout.count("\n│") == 5 * 5 + 5
    assert "note: the plan is for the choice by average-drop alone" in result.stderr
    *_, sentence, command = result.stdout.splitlines()
    assert sentence.startswith("take ")
    words = shlex.split(command)
    assert words[:2] == ["sycam-sygus", "gradcam_plus"]
    assert words[words.index("--budget") + 1] == "size=4"
    assert words[words.index("--seed") + 1] == "0"
    for option in ("--search-images", "--validation-images"):
        assert f" {words[words.index(option) + 1]} {option.removeprefix('--').removesuffix('-images')}" in sentence
    assert f"hold out {words[words.index('--held-out-images') + 1]}" in sentence


def test_the_same_seed_says_the_same_but_for_the_machine() -> None:
    first, second, other = (planned("gradcam_plus", *SMALL, "--seed", seed) for seed in ("3", "3", "4"))
    for one in (first, second, other):
        assert len(one.pop("this machine")["seconds"]) == len(one["choice"]) == 25
    assert first == second
    assert first["pilot"] != other["pilot"]
    assert first["pilot"]["pictures"] == 8
    assert first["terms"]["size"] == 4
    assert first["terms"]["all"]
    assert {one["validation"] // one["search"] for one in first["choice"]} == {0, 1, 2, 4, 8}
    assert all(0 < share <= 1 for share in first["race leaves"].values())
    assert first["recommended"]["command"].startswith("sycam-sygus gradcam_plus --search-images ")


def test_scores_are_counted_as_a_run_counts_them() -> None:
    found = planned("gradcam_plus", *SMALL, "--race", "off", "--baselines", "gradcam", "--held-out-images", "100")
    for one in found["choice"]:
        searched = found["terms"]["distinct"] * one["search"]
        finalists = one["finalists"] * (one["validation"] + 100)
        assert one["scores"] == pytest.approx(searched + finalists + one["search"] + 100, abs=1)


def test_sizes_that_are_given_are_not_asked_about() -> None:
    given = ("--search-images", "30", "--validation-images", "0", "--held-out-images", "50")
    found = planned("gradcam_plus", *SMALL, *given)
    assert [(one["search"], one["validation"]) for one in found["choice"]] == [(30, 0)]
    assert [one["held out"] for one in found["report"]] == [50]
    words = shlex.split(found["recommended"]["command"])
    assert all(words[words.index(option) + 1] == value for option, value in zip(given[::2], given[1::2], strict=True))


def test_a_metric_without_passes_counts_maps() -> None:
    result = plan("ground_truth", *SMALL)
    assert result.exit_code == 0, result.output
    assert "maps scored" in result.stdout
    assert "passes" not in result.stdout
    assert planned("ground_truth", *SMALL)["passes of a score"] == 0


def test_a_folder_with_few_pictures_gives_what_it_has(tmp_path: Path) -> None:
    for index in range(10):
        picture(tmp_path / ("circle" if index % 2 else "square") / f"{index}.png", index)
    (tmp_path / "circle" / "broken.png").write_text("no picture")
    result = plan("gradcam_plus", *SMALL, "--pilot-images", "50", "--images", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "note: the pilot has the 10 pictures that there are and can be read, not 50" in result.stderr
    assert "1 picture cannot be read and is skipped" in result.stderr
    assert "there are 10 pictures, too few for any of these sizes" in result.stdout
    few = ("--search-images", "4", "--validation-images", "2", "--held-out-images", "4")
    found = planned("gradcam_plus", *SMALL, "--images", str(tmp_path), *few)
    assert found["recommended"]["search"] == 4
    assert planned("gradcam_plus", *SMALL, "--images", str(tmp_path))["recommended"] is None


def test_a_folder_with_too_few_pictures(tmp_path: Path) -> None:
    for index in range(5):
        picture(tmp_path / "circle" / f"{index}.png", index)
    result = plan("gradcam_plus", *SMALL, "--images", str(tmp_path))
    assert result.exit_code == 2
    assert "has 5 pictures that can be read, too few" in result.stderr
    assert "give at least 8" in result.stderr


HEAD = "(set-logic CAM)\n(set-feature :oracles true)\n(declare-oracle-fun drop ((-> Map Weight)) Real average-drop)\n"
FUNCTION = "(synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight ((gap gradient) (relu W) (neg W)))))\n"


@pytest.mark.parametrize(
    ("ending", "fragments"),
    [
        ("(constraint (<= (drop w) 50))\n(check-synth)", ("has no objective", "optimize-synth")),
        ("(optimize-synth ((! (* 2 (drop w)) :min)))", ("is no metric alone", "let its first objective be one metric")),
    ],
)
def test_problems_that_no_plan_is_made_for(ending: str, fragments: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "mine.sy"
    file.write_text(f"{HEAD}{FUNCTION}{ending}\n")
    result = plan(str(file), *FEW)
    assert result.exit_code == 2
    for fragment in ("plan: ", "mine.sy", *fragments):
        assert fragment in result.stderr


def test_a_metric_that_is_joint_over_pictures() -> None:
    result = plan("ground_truth", *FEW, "--metric", "box-accuracy")
    assert result.exit_code == 2
    assert "plan: the scores of 'box-accuracy' depend on one another" in result.stderr


def test_an_ordinary_file_needs_no_pictures(tmp_path: Path) -> None:
    file = tmp_path / "plain.sl"
    file.write_text("(set-logic LIA)\n(synth-fun f ((x Int)) Int)\n(constraint (= (f 1) 1))\n(check-synth)\n")
    result = plan(str(file))
    assert result.exit_code == 2
    assert "asks for no heat maps (logic LIA)" in result.stderr


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (("--metric", "insertion"), ("--metric", "the file declares 3 metrics")),
        (("--search-images", "1"), ("--search-images: 1 is too few", "give at least 2")),
        (("--validation-images", "1"), ("--validation-images: 1 is too few",)),
        (("--pilot-images", "7"), ("--pilot-images: 7 is too few", "give at least 8")),
        (("--candidates", "1"), ("plan: 1 of 1 expressions", "--candidates")),
        (("--pilot-images", "9999999999"), ("--pilot-images: ", "give at most ")),
        (("--budget", "size=1"), ("plan: no expression has at most 1 nodes", "--budget")),
    ],
)
def test_bad_options(words: tuple[str, ...], fragments: tuple[str, ...]) -> None:
    result = plan("gradcam_plus", *FEW, *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    for fragment in fragments:
        assert fragment in result.stderr
