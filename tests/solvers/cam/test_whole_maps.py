"""Searches whose answer is a whole heat map."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main

FEW = ("--search-images", "16", "--held-out-images", "8", "--device", "cpu")

FILE = """
    (set-logic CAM)
    (set-feature :oracles true)
    (declare-oracle-fun iou ((-> Map Map SORT)) Real iou)
    (synth-fun h ((activation Map) (gradient Map)) SORT
      ((S SORT) (W Weight))
      ((S SORT (START)) (W Weight ((gap gradient)))))
    (optimize-synth ((! (iou h) :max)))
"""


def record(sort: str, start: str, folder: Path) -> dict[str, object]:
    file = folder / "problem.sy"
    file.write_text(FILE.replace("SORT", sort).replace("START", start))
    out = folder / sort
    result = CliRunner().invoke(main, [str(file), "--budget", "size=5", "--out", str(out), "--quiet", *FEW])
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads((out / "solution.json").read_text())
    return found


@pytest.mark.slow
def test_the_sum_of_weighted_maps_scores_as_its_weights(tmp_path: Path) -> None:
    weights, whole = record("Weight", "W", tmp_path), record("Heatmap", "(cam W)", tmp_path)
    (by_weight,) = (row for row in weights["table"] if row["method"] == "found expression")
    (by_map,) = (row for row in whole["table"] if row["method"] == "found expression")
    assert by_map["held out"]["iou"]["scores"] == by_weight["held out"]["iou"]["scores"]
    assert by_map["search"]["iou"]["value"] == by_weight["search"]["iou"]["value"]


def test_shaping_a_map_changes_its_score_and_exports(tmp_path: Path) -> None:
    shaped = record("Heatmap", "(cam W) (sqrt0 S)", tmp_path)
    scores = {one["term"]: one["objectives"] for one in shaped["candidates"]}
    assert scores["(sqrt0 (cam (gap gradient)))"] != scores["(cam (gap gradient))"]
    for form, shown in (("latex", "H^c_{ij}"), ("torch", "is_whole = True"), ("sympy", "channel_sum")):
        result = CliRunner().invoke(main, ["export", str(tmp_path / "Heatmap"), "--to", form])
        assert result.exit_code == 0, result.output
        assert shown in result.stdout


@pytest.mark.slow
def test_a_map_on_the_grid_of_the_picture_scores_as_it_does_before(tmp_path: Path) -> None:
    whole = record("Heatmap", "(cam W)", tmp_path)
    fine = record("Saliency", "(up (relu (cam W)))", tmp_path)
    (before,) = (row for row in whole["table"] if row["method"] == "found expression")
    (after,) = (row for row in fine["table"] if row["method"] == "found expression")
    for part in ("search", "held out"):
        assert after[part]["iou"]["scores"] == pytest.approx(before[part]["iou"]["scores"], abs=1e-6)


@pytest.mark.slow
def test_joining_maps_is_not_the_same_before_and_after_up_sampling(tmp_path: Path) -> None:
    found = record("Saliency", "(up (unit (cam W))) (unit (up (cam W))) (square S)", tmp_path)
    scores = {one["term"]: one["objectives"] for one in found["candidates"]}
    cam = "(cam (gap gradient))"
    assert {f"(up (unit {cam}))", f"(unit (up {cam}))"} <= scores.keys()  # told apart by their values
    for form, shown in (("latex", r"\operatorname{up}"), ("torch", "upsample("), ("sympy", "up(")):
        result = CliRunner().invoke(main, ["export", str(tmp_path / "Saliency"), "--to", form])
        assert result.exit_code == 0, result.output
        assert shown in result.stdout


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("(cam H)", "'cam' is applied to Heatmap"),
        ("(blur (cam W) W)", "'blur' is applied to Heatmap Weight"),
        ("(* (cam W) (up (cam W)))", "'*' is applied to Heatmap Saliency"),
        ("(* (cam W) (up (cam W)))", "(up H) brings a Heatmap to the picture's grid"),
        ("(up W)", "'up' is applied to Weight"),
    ],
)
def test_what_is_ill_sorted_says_what_is_taken(start: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "problem.sy"
    file.write_text(FILE.replace("SORT", "Heatmap").replace("START", start.replace("H", "S")))
    result = CliRunner().invoke(main, ["check", str(file)])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
