"""A problem file is read, parsed and elaborated once, whatever is done with it; its logic decides who does it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sygus
from sygus import resources
from sygus.app.cli import main
from sygus.app.dispatch import asked, file_notes, read, side_of
from sygus.app.options import Side
from sygus.language import elaborate

SMALL = {"budget": "size=2", "search_images": 8, "held_out_images": 2, "device": "cpu"}
LIA = """(set-logic LIA)
(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 1 (+ I I)))))
(declare-var a Int)
(constraint (= (f a) (+ a 2)))
(check-synth)
"""


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """How often what was done with which text of a problem."""
    counts: Counter[tuple[str, str]] = Counter()
    parse, elaborator, read_text = elaborate.parse, elaborate.Elaborator, resources.read_text

    def counting_parse(text: str, file: str) -> Any:
        counts["parsed", Path(file).stem] += 1
        return parse(text, file)

    def counting_elaborator(script: Any) -> Any:
        counts["elaborated", Path(script.file).stem] += 1
        return elaborator(script)

    def counting_read(path: str | Path) -> str:
        counts["read", Path(path).stem] += 1
        return read_text(path)

    monkeypatch.setattr(elaborate, "parse", counting_parse)
    monkeypatch.setattr(elaborate, "Elaborator", counting_elaborator)
    monkeypatch.setattr(resources, "read_text", counting_read)
    return counts


def once(counts: Counter[tuple[str, str]], name: str) -> bool:
    return [counts[what, name] for what in ("read", "parsed", "elaborated")] == [1, 1, 1]


@pytest.fixture
def problem(tmp_path: Path) -> str:
    path = tmp_path / "plain.sl"
    path.write_text(LIA)
    return str(path)


def test_a_run_of_the_command_line(readings: Counter[tuple[str, str]], tmp_path: Path) -> None:
    few = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    result = CliRunner().invoke(main, ["gradcam", *few, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert once(readings, "gradcam")


@pytest.mark.slow
def test_a_run_of_python(readings: Counter[tuple[str, str]], tmp_path: Path) -> None:
    assert isinstance(sygus.solve("gradcam", out=tmp_path / "run", **SMALL), sygus.Result)
    assert once(readings, "gradcam")


@pytest.mark.parametrize("options", [(), ("--certify",), ("--next", "2"), ("--all", "--size", "5", "--certify")])
def test_an_ordinary_problem(options: tuple[str, ...], problem: str, readings: Counter[tuple[str, str]]) -> None:
    result = CliRunner().invoke(main, [problem, "--time", "20", *options])
    assert result.exit_code == 0, result.output
    assert "define-fun f" in result.stdout
    assert once(readings, "plain")


def test_an_ordinary_problem_in_python(problem: str, readings: Counter[tuple[str, str]]) -> None:
    result = sygus.solve(problem, time=20, certify=True)
    assert isinstance(result, sygus.OrdinaryResult)
    assert next(result.answers()).certified
    assert once(readings, "plain")


@pytest.mark.parametrize("command", ["check", "verify"])
def test_other_commands(command: str, problem: str, tmp_path: Path, readings: Counter[tuple[str, str]]) -> None:
    answer = tmp_path / "answer.sl"
    answer.write_text("((define-fun f ((x Int)) Int (+ x (+ 1 1))))")
    result = CliRunner().invoke(main, [command, problem, *([str(answer)] if command == "verify" else [])])
    assert result.exit_code == 0, result.output
    assert once(readings, "plain")


def test_check_of_a_shipped_grammar(readings: Counter[tuple[str, str]]) -> None:
    assert CliRunner().invoke(main, ["check", "gradcam"]).exit_code == 0
    assert once(readings, "gradcam")


def test_the_logic_decides(problem: str) -> None:
    assert side_of(read("gradcam")) is Side.CAM
    assert side_of(read(problem)) is Side.ORDINARY
    chosen = asked(read(problem), {"time": 3.0, "quiet": False, "size": None, "reuse": (), "network": None})
    assert not chosen.is_cam
    assert chosen.given == {"time": 3.0}


def test_answers_of_cam_are_not_verified(tmp_path: Path) -> None:
    answer = tmp_path / "answer.sy"
    answer.write_text("((define-fun w ((gradient Map)) Weight (gap gradient)))")
    result = CliRunner().invoke(main, ["verify", "gradcam", str(answer)])
    assert result.exit_code == 2
    assert "FILE: 'gradcam' asks for heat maps, of which no answer is proved; score it: sycam-sygus evaluate" in (
        result.stderr
    )


def test_old_syntax_is_noted_once_and_quietly(tmp_path: Path) -> None:
    path = tmp_path / "old.sl"
    path.write_text(
        """(set-logic SLIA) (synth-fun f ((s String)) Int ((I Int)) ((I Int ((str.to.int s)))))
        (constraint (= (f "7") 7)) (check-synth)"""
    )
    (note,) = file_notes(read(str(path)))
    shown = CliRunner().invoke(main, [str(path), "--time", "20"])
    assert shown.stderr.count(f"note: {note}\n") == 1
    assert CliRunner().invoke(main, [str(path), "--time", "20", "--quiet"]).stderr == ""
