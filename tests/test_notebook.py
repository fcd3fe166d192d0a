"""The notebook of the documentation runs from its first cell to its last, and says nothing that it does not do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from places import ROOT

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), space)  # noqa: S102 - our own notebook
    assert (tmp_path / "runs" / "tutorial" / "report.html").is_file()
    assert space["maps"].shape == (8, 64, 64)
    printed = capsys.readouterr().out
    assert "define-fun h" in printed
    found = re.findall(r"^(.+?) +([+-][\d.]+)  p = ", printed, re.MULTILINE)
    lines = {title: float(difference) for title, difference in found}
    assert lines["Fake-CAM"] > 0  # as the text says


def test_it_is_kept_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
