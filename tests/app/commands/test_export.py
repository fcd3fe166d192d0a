"""``sycam-sygus export``: every form, on stdout and into a file; bad input is named."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main
from sygus.export.record import SOLUTION
from sygus.language.syntax import parse_answer


def export(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments])


def test_every_form(finished_run: Path) -> None:
    run = str(finished_run)
    texts = {}
    for form in ("sygus", "latex", "latex-document", "json", "sympy", "torch"):
        result = export(run, "--to", form)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        texts[form] = result.stdout
    assert texts["sygus"] == (finished_run / "answer.sy").read_text()
    assert len(parse_answer(texts["sygus"])[1]) == 1
    assert texts["latex"].startswith("w^c_k = ")
    assert json.loads(texts["json"]) == json.loads((finished_run / SOLUTION).read_text())
    assert "gap(" in texts["sympy"]
    ast.parse(texts["torch"])


def test_into_a_file_and_from_the_record_alone(finished_run: Path, tmp_path: Path) -> None:
    alone = tmp_path / "mine.json"
    alone.write_bytes((finished_run / SOLUTION).read_bytes())
    out = tmp_path / "w.tex"
    result = export(str(alone), "--to", "latex", "--out", str(out))
    assert (result.exit_code, result.stdout) == (0, "")
    assert out.read_text() == export(str(finished_run), "--to", "latex").stdout


@pytest.mark.slow
def test_figures(finished_run: Path, tmp_path: Path) -> None:
    result = export(str(finished_run), "--to", "figures", "--out", str(tmp_path / "figures"))
    assert result.exit_code == 0, result.output
    expected = {f"{n}.{form}" for n in ("curve", "front", "differences", "heatmaps") for form in ("pdf", "png")}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == expected
    assert all(Path(line).is_file() for line in result.stdout.splitlines())
    alone = tmp_path / "alone.json"
    alone.write_bytes((finished_run / SOLUTION).read_bytes())
    result = export(str(alone), "--to", "figures", "--out", str(tmp_path / "fewer"))
    assert "no heat maps" in result.stderr
    assert {path.name for path in (tmp_path / "fewer").iterdir()} == {n for n in expected if "heat" not in n}
    curve = (tmp_path / "figures" / "curve.pdf").read_bytes()
    assert curve == (tmp_path / "fewer" / "curve.pdf").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("nowhere", "--to", "latex"), "RUN: there is no 'nowhere'"),
        (("RUN",), "--to"),
        (("RUN", "--to", "figures"), "--out: figures are files"),
        (("RUN", "--to", "word"), "'word' is not one of"),
        (("RUN", "--to", "latex", "--out", "/nowhere/w.tex"), "--out: cannot write"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], fragment: str, finished_run: Path) -> None:
    result = export(*(str(finished_run) if argument == "RUN" else argument for argument in arguments))
    assert result.exit_code == 2
    assert fragment in result.stderr
    assert "Traceback" not in result.stderr


NEEDED = {
    "sygus": set[str](),
    "json": set[str](),
    "latex": {"lark", "z3"},
    "latex-document": {"lark", "z3"},
    "sympy": {"lark", "sympy", "z3"},
}
"""What takes long to import, and is needed for a form."""


@pytest.mark.parametrize("form", NEEDED)
def test_a_text_imports_what_it_needs_alone(form: str, finished_run: Path) -> None:
    run = """
import sys
from sygus.app.cli import main
try:
    main(["export", *sys.argv[1:]], prog_name="sycam-sygus")
finally:
    heavy = {"lark", "matplotlib", "numpy", "safetensors", "scipy", "sympy", "torch", "z3"}
    print("", *sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""
    words = [sys.executable, "-c", run, str(finished_run), "--to", form]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    assert result.stdout == export(str(finished_run), "--to", form).stdout
    assert set(result.stderr.split()) == NEEDED[form]
