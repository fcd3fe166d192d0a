"""Every metric as the objective of a synthesis, through the command line; the answer fed back scores the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main
from sygus.saliency.metrics import METRICS

FEW = ("--search-images", "4", "--held-out-images", "2", "--device", "cpu")
SMALL = ("--budget", "size=3", "--validation-images", "0")
SHORT = {
    "deletion": ":steps 4",
    "insertion": ":steps 4",
    "max-sensitivity": ":draws 2",
    "box-accuracy": ":step 0.05",
    "win": ":against gradcam",
    "tie": ":against gradcam",
}
"""Options that make a metric cheap, or that it needs."""

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(define-fun gradcam ((gradient Map)) Weight (gap gradient))
(declare-oracle-fun goal ((-> Map Map Weight)) Real {metric} {options})
(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M)))
   (M Map    (activation gradient (relu M)))))
(optimize-synth ((! (goal w) :{direction})))
"""


QUICK = ("average-drop", "coverage", "deletion", "energy-pointing-game")
"""One of each kind; the others are slow."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in METRICS]
)
def test_a_synthesis_by(name: str, tmp_path: Path) -> None:
    metric, file, run = METRICS[name], tmp_path / "problem.sy", tmp_path / "run"
    file.write_text(PROBLEM.format(metric=name, options=SHORT.get(name, ""), direction=metric.direction))
    result = CliRunner().invoke(main, [str(file), *FEW, "--race", "off", *SMALL, "--out", str(run)])
    assert result.exit_code == 0, result.output
    found = json.loads((run / "solution.json").read_text(encoding="utf-8"))["found"]
    (value,) = found["objectives"]
    options = ",".join(part.replace(" ", "=") for part in [SHORT.get(name, "").removeprefix(":")] if part)
    chosen = f"{name}({options})" if options else name
    again = ["evaluate", *FEW, "--methods", "gradcam", "--metrics", chosen, "--expression", found["term"]]
    table = json.loads(CliRunner().invoke(main, [*again, "--format", "json"]).stdout)
    mine = {row["method"]: row["search"] for row in table}
    (scored,) = mine["expression"].values()
    assert scored["value"] == pytest.approx(value, abs=1e-9)
    (baseline,) = mine["Grad-CAM"].values()
    assert value <= baseline["value"] if metric.direction == "min" else value >= baseline["value"]


@pytest.mark.slow
def test_a_file_that_asks_for_the_worse_scores_gets_its_verdict_by_what_it_asks(tmp_path: Path) -> None:
    file, run = tmp_path / "problem.sy", tmp_path / "run"
    file.write_text(PROBLEM.format(metric="average-drop", options="", direction="max"))
    result = CliRunner().invoke(main, [str(file), *FEW, "--race", "off", *SMALL, "--out", str(run)])
    assert result.exit_code == 0, result.output
    solution = json.loads((run / "solution.json").read_text(encoding="utf-8"))
    assert [measure["direction"] for measure in solution["measures"]] == ["max"]
    note = "the file asks for large average-drop, which is better when small"
    assert any(note in line for line in solution["notes"])
    assert note in result.stderr
    assert "↑" in result.stderr
    assert "↓" not in result.stderr
