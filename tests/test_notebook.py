"""The notebooks of the documentation run from first cell to last, and say nothing that they do not do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from places import ROOT

DOCS = ROOT / "docs"
NOTEBOOKS = sorted(path.name for path in DOCS.glob("*.ipynb"))


def executed(name: str) -> dict[str, Any]:
    """What the cells of a notebook define, run in their order."""
    space: dict[str, Any] = {}
    for number, cell in enumerate(json.loads((DOCS / name).read_text())["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), space)  # noqa: S102 - our own notebook
    return space


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    space = executed("tutorial.ipynb")
    assert (tmp_path / "runs" / "tutorial" / "report.html").is_file()
    assert space["maps"].shape == (8, 64, 64)
    printed = capsys.readouterr().out
    assert "define-fun h" in printed
    found = re.findall(r"^(.+?) +([+-][\d.]+)  p = ", printed, re.MULTILINE)
    lines = {title: float(difference) for title, difference in found}
    assert lines["Fake-CAM"] > 0  # as the text says


@pytest.mark.slow
def test_a_learner_of_ones_own_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr("matplotlib.pyplot.subplots", lambda: (figure := Figure(), figure.subplots()))
    executed("strategies.ipynb")
    printed = capsys.readouterr().out
    assert "3 strategies on 1 task, 4 seeds, 60 terms scored each" in printed
    found = dict(re.findall(r"^(\S+) +(0\.\d+)$", printed, re.MULTILINE))
    assert found.keys() == {"random", "surrogate", "climber:Climber"}
    assert all(0.2 < float(score) < 0.6 for score in found.values())
    assert (tmp_path / "runs" / "strategies" / "report.html").is_file()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_kept_without_outputs(name: str) -> None:
    for cell in json.loads((DOCS / name).read_text())["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
