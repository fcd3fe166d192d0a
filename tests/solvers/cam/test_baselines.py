"""Which methods stand in a run's table, and what is said of those that do not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun m ((-> {sorts} Weight)) Real {metric})
(synth-fun w ({parameters}) Weight ((W Weight)) ((W Weight ({terms}))))
(optimize-synth ((! (m w) :{direction})))
"""
GRADIENT = {"sorts": "Map", "parameters": "(gradient Map)", "terms": "(gap gradient)"}
SCORE = {"sorts": "Weight", "parameters": "(score Weight)", "terms": "score (softmax score)"}


def solved(folder: Path, *options: str, metric: str = "iou :t 0.5", direction: str = "max", **problem: str) -> str:
    """What is said on stderr; the run is in ``folder / "run"``."""
    file = folder / "problem.sy"
    file.write_text(PROBLEM.format(metric=metric, direction=direction, **problem))
    few = ["--search-images", "3", "--held-out-images", "3", "--budget", "size=2", "--out", str(folder / "run")]
    result = CliRunner().invoke(main, ["solve", str(file), *few, *options])
    assert result.exit_code == 0, result.stderr
    return result.stderr


def rows(folder: Path) -> list[str]:
    record = json.loads((folder / "run" / "solution.json").read_text())
    return [row["method"] for row in record["table"]]


def test_methods_made_of_what_the_grammar_reads_are_compared_with(tmp_path: Path) -> None:
    said = solved(tmp_path, **SCORE)
    assert {"Score-CAM", "Fusion-CAM", "Grad-CAM", "EigenCAM"} <= set(rows(tmp_path))
    assert "Opti-CAM" not in rows(tmp_path)
    assert "note: not in the table:" in said
    assert "--baselines all brings them" in said


def test_by_default_others_that_cost_much_are_left_out_and_named(tmp_path: Path) -> None:
    said = solved(tmp_path, **GRADIENT)
    assert "Score-CAM" not in rows(tmp_path)
    (line,) = (line for line in said.replace("\n", " ").split("note: ") if line.startswith("not in the table:"))
    assert "Score-CAM" in line
    assert "Opti-CAM" in line
    assert "Grad-CAM++" not in line


@pytest.mark.parametrize(
    ("names", "expected"), [("gradcam,eigencam", ["Grad-CAM", "EigenCAM"]), ("uniform", ["Uniform weights"])]
)
def test_by_name(tmp_path: Path, names: str, expected: list[str]) -> None:
    solved(tmp_path, "--baselines", names, **GRADIENT)
    assert rows(tmp_path) == [*expected, "found expression"]


def test_metrics_that_explain_many_times_are_left_out_of_slow_rows(tmp_path: Path) -> None:
    said = solved(tmp_path, "--baselines", "gradcam,opticam", metric="max-sensitivity", direction="min", **GRADIENT)
    assert "not scored by max-sensitivity, which explains many times: Opti-CAM" in " ".join(said.split())
    record = json.loads((tmp_path / "run" / "solution.json").read_text())
    scored = {row["method"]: list(row["held out"]) for row in record["table"]}
    assert scored == {"Grad-CAM": ["max-sensitivity"], "Opti-CAM": [], "found expression": ["max-sensitivity"]}


def test_an_unknown_one_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "p.sy").write_text(PROBLEM.format(metric="iou", direction="max", **GRADIENT))
    result = CliRunner().invoke(main, ["solve", str(tmp_path / "p.sy"), "--baselines", "gradcm", "--images", "nowhere"])
    assert result.exit_code == 2
    assert "--baselines: unknown method 'gradcm'" in result.stderr
    assert "did you mean 'gradcam'" in result.stderr
