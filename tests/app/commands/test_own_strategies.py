"""Strategies of a person's or a package's own for ordinary problems, through the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import strangers
from places import ROOT
from sygus.app.cli import main

GUIDE = ROOT / "docs" / "how-to" / "ordinary-strategy.md"
SUM = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var a Int) (declare-var b Int)
    (constraint (= (f a b) (+ b a))) (check-synth)"""
APART = """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((x Int)) Int) (declare-var a Int)
    (constraint (> (f a) a)) (constraint (= (g (g a)) a)) (check-synth)"""


def run(folder: Path, text: str, *options: str) -> Result:
    path = folder / "problem.sl"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, [options[0], str(path), *options[1:]])


def test_a_class_is_named_by_its_module(tmp_path: Path) -> None:
    result = run(tmp_path, SUM, "solve", "--strategy", "strangers:Sums")
    assert result.exit_code == 0, result.output
    assert "(+ x y)" in result.stdout or "(+ y x)" in result.stdout
    assert "sums: 3 nodes after" in result.stderr


@pytest.mark.parametrize("name", [*strangers.BAD, "Absent"])
def test_a_broken_one_is_one_line(name: str, tmp_path: Path) -> None:
    result = run(tmp_path, SUM, "solve", "--strategy", f"strangers:{name}")
    assert result.exit_code == 2
    assert result.stdout in ("", "(\n(define-fun f ((x Int) (y Int)) Int (+ x y))\n)\n")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert strangers.BAD.get(name, "the module 'strangers' has no 'Absent'") in line


def test_the_strategy_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall("```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "guided.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    line = """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var a Int) (constraint (= (f a) (+ a a 3)))
        (check-synth)"""
    result = run(tmp_path, line, "solve", "--strategy", "guided:Lines")
    assert result.exit_code == 0, result.output
    assert "(+ (* 2 x) 3)" in result.stdout
    assert "lines: 1 accepted, 23 wrong; nothing more to propose" in result.stderr


def test_one_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_alone.py").write_text("from strangers import Sums\nclass Mine(Sums):\n    name = 'mine'\n")
    monkeypatch.chdir(tmp_path)
    result = run(tmp_path, SUM, "solve", "--strategy", "mine_alone:Mine", "--next", "1")
    assert result.exit_code == 0, result.output
    assert "define-fun f" in result.stdout


def test_check_says_what_can_be_done_for_each_part(tmp_path: Path) -> None:
    result = run(tmp_path, APART, "check")
    assert result.exit_code == 0
    assert "strategies for f: instantiation, refinement, stream\nstrategies for g: linear, joint\n" in result.stdout
    result = run(tmp_path, APART, "solve", "--time", "20")
    assert result.exit_code == 0
    assert "parts: 1 accepted" in result.stderr
