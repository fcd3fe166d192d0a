"""Which methods stand in a run's table, and what is said of those that do not."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cam import Result
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


FEW = ("--search-images", "3", "--held-out-images", "3", "--validation-images", "0")


def solved(folder: Path, *options: str, metric: str = "iou :t 0.5", direction: str = "max", **problem: str) -> str:
    """What is said on stderr; the run is in ``folder / "run"``."""
    file = folder / "problem.sy"
    file.write_text(PROBLEM.format(metric=metric, direction=direction, **problem))
    few = [*FEW, "--budget", "size=2", "--out", str(folder / "run")]
    result = CliRunner().invoke(main, ["solve", str(file), *few, *options])
    assert result.exit_code == 0, result.stderr
    return result.stderr


def rows(folder: Path) -> list[str]:
    record = json.loads((folder / "run" / "solution.json").read_text())
    return [row["method"] for row in record["table"]]


def left_out(said: str, begins: str = "not in the table, since they take more passes") -> str:
    (line,) = (line for line in said.replace("\n", " ").split("note: ") if line.startswith(begins))
    return line


def test_methods_made_of_what_the_grammar_reads_are_compared_with(tmp_path: Path) -> None:
    said = solved(tmp_path, **SCORE)
    assert {"Score-CAM", "Fusion-CAM", "Grad-CAM", "EigenCAM"} <= set(rows(tmp_path))
    assert "Opti-CAM" not in rows(tmp_path)
    assert "--baselines all brings them" in left_out(said)


@pytest.mark.slow
def test_by_default_others_that_cost_more_than_the_search_are_left_out_and_named(tmp_path: Path) -> None:
    line = left_out(solved(tmp_path, **GRADIENT))
    assert "Score-CAM" not in rows(tmp_path)
    assert "Score-CAM" in line
    assert "Opti-CAM" in line
    assert "Grad-CAM++" not in line


def test_what_does_not_apply_is_named(tmp_path: Path) -> None:
    line = left_out(solved(tmp_path, **GRADIENT), "not in the table, since they do not apply")
    assert "CAM, LFI-CAM, LeGrad, Attention rollout" in line
    assert "--baselines all says why" in line


LONG = {"metric": "deletion :steps 200", "direction": "min"}
"""A metric of so many passes that the search costs more than Score-CAM does, and less than Opti-CAM."""


@pytest.mark.slow
def test_what_costs_no_more_than_the_search_is_in_the_table(tmp_path: Path) -> None:
    line = left_out(solved(tmp_path, **GRADIENT, **LONG))
    assert {"Score-CAM", "Fusion-CAM", "SmoothGrad", "Grad-CAM"} <= set(rows(tmp_path))
    assert rows(tmp_path)[-1] == "found expression"
    spent = int(re.findall(r"than the (\d+) of the search", line)[0])
    costs = {title: int(cost) for title, cost in re.findall(r"([A-Z][\w -]+) \((\d+)\)", line)}
    (record,) = (json.loads((tmp_path / "run" / "solution.json").read_text()),)
    features = 3 * (1 + 3)  # of 3 pictures the feature maps, and a pass with its gradient
    assert spent == record["accounting"]["forwards"] + features
    assert min(costs.values()) > spent >= 6 * (2 + 64)
    assert costs["Opti-CAM"] == 6 * (1 + 100 * 3)
    assert not set(costs) & set(rows(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("validation", [0, 4])
def test_a_resumed_run_has_the_same_table(validation: int, tmp_path: Path) -> None:
    given = ("--validation-images", str(validation), "--budget", "size=3")
    line = left_out(solved(tmp_path, *given, **GRADIENT, **LONG))
    before = json.loads((tmp_path / "run" / "solution.json").read_text())
    counts = before["accounting"]
    masked = counts["forwards"] + counts.get("validation forwards", 0)
    assert int(re.findall(r"than the (\d+) of the search", line)[0]) == masked + (3 + validation) * (1 + 3)
    assert left_out(solved(tmp_path, "--resume", *given, **GRADIENT, **LONG)) == line
    after = json.loads((tmp_path / "run" / "solution.json").read_text())
    assert after["accounting"]["forwards"] < counts["forwards"]
    assert (after["table"], after["notes"]) == (before["table"], before["notes"])


@pytest.mark.parametrize(
    ("names", "expected"), [("gradcam,eigencam", ["Grad-CAM", "EigenCAM"]), ("uniform", ["Uniform weights"])]
)
def test_by_name(tmp_path: Path, names: str, expected: list[str]) -> None:
    solved(tmp_path, "--baselines", names, **GRADIENT)
    assert rows(tmp_path) == [*expected, "found expression"]


def scored(folder: Path) -> dict[str, list[str]]:
    record = json.loads((folder / "run" / "solution.json").read_text())
    return {row["method"]: list(row["held out"]) for row in record["table"]}


SENSITIVITY = {"metric": "max-sensitivity", "direction": "min"}


@pytest.mark.slow
def test_metrics_that_explain_many_times_are_left_out_of_slow_rows(tmp_path: Path) -> None:
    said = " ".join(solved(tmp_path, "--baselines", "gradcam,opticam", **SENSITIVITY, **GRADIENT).split())
    assert "not scored by max-sensitivity, which explains many times: Opti-CAM;" in said
    assert "'sycam-sygus evaluate --methods opticam --metrics max-sensitivity' does" in said
    assert scored(tmp_path) == {
        "Grad-CAM": ["max-sensitivity"],
        "Opti-CAM": [],
        "found expression": ["max-sensitivity"],
    }


@pytest.mark.slow
def test_they_are_not_where_the_search_measures_the_same_or_spent_as_much(tmp_path: Path) -> None:
    solved(tmp_path, "--baselines", "scorecam", metric="contrast", **SCORE)
    assert scored(tmp_path)["Score-CAM"] == ["contrast"]
    second = "(declare-oracle-fun other ((-> Map Weight)) Real contrast)"
    problem = PROBLEM.replace("(synth-fun", f"{second}\n(synth-fun").replace(":{direction})", ":{direction}) (other w)")
    file = tmp_path / "two.sy"
    file.write_text(problem.format(**GRADIENT, **LONG).replace("(other w)", "(! (other w) :max)"))
    few = [*FEW, "--budget", "size=2", "--out", str(tmp_path / "run2")]
    given = ["--baselines", "smoothgrad,opticam"]
    assert CliRunner().invoke(main, ["solve", str(file), *few, *given]).exit_code == 0
    record = json.loads((tmp_path / "run2" / "solution.json").read_text())
    found = {row["method"]: [name.partition("(")[0] for name in row["search"]] for row in record["table"]}
    assert found == {
        "SmoothGrad": ["deletion", "contrast"],
        "Opti-CAM": ["deletion"],
        "found expression": ["deletion", "contrast"],
    }


@pytest.mark.slow
def test_a_run_with_a_gap_is_read_and_shown_in_every_form(tmp_path: Path) -> None:
    said = solved(tmp_path, "--baselines", "gradcam,opticam", **SENSITIVITY, **GRADIENT)
    assert "too few for a test against 1: no p < 0.05 is possible" in said
    run = tmp_path / "run"
    for form in ("sygus", "latex", "latex-document", "json", "sympy", "torch"):
        result = CliRunner().invoke(main, ["export", str(run), "--to", form])
        assert result.exit_code == 0, result.stderr
    for command in (["report", str(run)], ["export", str(run), "--to", "figures", "--out", str(tmp_path / "figures")]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.stderr
    loaded = Result.load(run)
    assert "Opti-CAM" in loaded._repr_html_()
    assert loaded.score() == loaded.record.found_row.held_out["max-sensitivity"].value


def test_an_unknown_one_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "p.sy").write_text(PROBLEM.format(metric="iou", direction="max", **GRADIENT))
    result = CliRunner().invoke(main, ["solve", str(tmp_path / "p.sy"), "--baselines", "gradcm", "--images", "nowhere"])
    assert result.exit_code == 2
    assert "--baselines: unknown method 'gradcm'" in result.stderr
    assert "did you mean 'gradcam'" in result.stderr
