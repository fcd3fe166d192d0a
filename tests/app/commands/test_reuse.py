"""Scores of another run are used where they are of the same maps and the same metric, and only there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sygus.app.cli import main
from sygus.saliency.metrics import METRICS

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(define-fun rival ((gradient Map)) Weight {rival})
(declare-oracle-fun goal ((-> Map Map Weight)) Real {metric})
(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M)))
   (M Map    (activation gradient (relu M)))))
(optimize-synth ((! (goal w) :max)))
"""
WIN = "win :against rival"
BRIGHT = """
from torch import Tensor
from sygus.saliency.metrics import Evaluation, metric


@metric("lit-of-test", direction="max", low=0, high=1)
def lit(evaluation: Evaluation) -> Tensor:
    \"\"\"How much of the picture is lit.\"\"\"
    return evaluation.saliency.gt({threshold}).float().mean((-2, -1))
"""


def run(folder: Path, name: str, text: str, *options: str) -> dict[str, Any]:
    """Solve a problem; its record."""
    file = folder / f"{name}.sy"
    file.write_text(text)
    few = ("--search-images", "6", "--held-out-images", "2", "--device", "cpu", "--race", "off", "--budget", "size=3")
    result = CliRunner().invoke(main, [str(file), *few, *options, "--out", str(folder / name)])
    assert result.exit_code == 0, result.output
    record: dict[str, Any] = json.loads((folder / name / "solution.json").read_text(encoding="utf-8"))
    return record


def test_the_same_metric_costs_nothing_again(tmp_path: Path) -> None:
    text = PROBLEM.format(metric=WIN, rival="(gap gradient)")
    first = run(tmp_path, "first", text)
    second = run(tmp_path, "second", text, "--reuse", str(tmp_path / "first"))
    assert second["found"] == first["found"]
    assert second["accounting"]["forwards"] < first["accounting"]["forwards"]


@pytest.mark.slow
def test_a_comparison_with_a_function_that_was_redefined_is_made_anew(tmp_path: Path) -> None:
    run(tmp_path, "first", PROBLEM.format(metric=WIN, rival="(gap gradient)"))
    text = PROBLEM.format(metric=WIN, rival="(gmp gradient)")
    fresh = run(tmp_path, "fresh", text)
    reusing = run(tmp_path, "reusing", text, "--reuse", str(tmp_path / "first"))
    assert reusing["found"] == fresh["found"]


@pytest.mark.slow
def test_a_users_metric_whose_helper_was_edited_is_computed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = PROBLEM.format(metric="insertion", rival="(gap gradient)")
    found = []
    (tmp_path / "litmetric.py").write_text(f"import lithelper\n{BRIGHT.format(threshold='lithelper.least()')}")
    for name, threshold, reuse in (("first", 0.1, ()), ("second", 0.7, ("--reuse", str(tmp_path / "first")))):
        (tmp_path / "lithelper.py").write_text(f"def least():\n    return {threshold}\n")
        for module in ("litmetric", "lithelper"):
            sys.modules.pop(module, None)
        found.append(run(tmp_path, name, text, "--metric", "litmetric:lit", *reuse)["found"])
        METRICS.pop("lit-of-test")
    assert found[0]["objectives"] != found[1]["objectives"]


@pytest.mark.slow
def test_a_users_metric_that_was_rewritten_is_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = PROBLEM.format(metric="insertion", rival="(gap gradient)")
    registry = dict(METRICS)
    found = []
    for name, threshold, reuse in (("first", 0.1, ()), ("second", 0.7, ("--reuse", str(tmp_path / "first")))):
        module = tmp_path / "litmetric.py"
        module.write_text(BRIGHT.format(threshold=threshold))
        sys.modules.pop("litmetric", None)
        found.append(run(tmp_path, name, text, "--metric", "litmetric:lit", *reuse)["found"])
        METRICS.pop("lit-of-test")
    assert registry == METRICS
    assert found[0]["objectives"] != found[1]["objectives"]
