"""``compare`` on ordinary problems: what is solved in a time, beside a solver from elsewhere."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contests import quickly
from sygus.app.cli import main
from sygus.app.commands.compare_ordinary import symbols
from sygus.export.contest.solved import Attempt, Solved, paragraph, solved_page
from sygus.export.contest.solved import cactus as drawn

MAX = """(set-logic LIA)
(synth-fun f ((x Int) (y Int)) Int)
(declare-var x Int)
(declare-var y Int)
(constraint (>= (f x y) x))
(constraint (>= (f x y) y))
(constraint (or (= (f x y) x) (= (f x y) y)))
(check-synth)
"""
RIGHT = "(define-fun f ((x Int) (y Int)) Int (ite (>= x y) x y))"
WRONG = "(define-fun f ((x Int) (y Int)) Int x)"


def compare(*words: str) -> Result:
    return CliRunner().invoke(main, ["compare", *words])


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    quickly(monkeypatch)


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cvc5 that prints what stands in a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "cvc5"
    program.write_text(f"#!/bin/sh\ncat {tmp_path / 'says'}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    (tmp_path / "problems").mkdir()
    (tmp_path / "problems" / "max.sl").write_text(MAX)
    return tmp_path / "says"


@pytest.mark.slow
def test_a_folder_beside_another_solver(peer: Path, tmp_path: Path) -> None:
    peer.write_text(f"({RIGHT})\n")
    words = (str(tmp_path / "problems"), "--strategies", "instantiation,cvc5", "--time", "60")
    result = compare(*words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "Of 1 files, in 60 s each, are decided: instantiation 1, cvc5 1." in result.stdout
    with (tmp_path / "out" / "attempts.csv").open() as file:
        own, other = list(csv.DictReader(file))
    assert (own["status"], own["file"], other["status"]) == ("solved", "max.sl", "solved")
    assert other["nodes"] == "6"
    peer.write_text(WRONG)
    before = (tmp_path / "out" / "attempts.csv").read_bytes()
    assert compare(*words, "--out", str(tmp_path / "out")).exit_code == 0
    assert (tmp_path / "out" / "attempts.csv").read_bytes() == before, "nothing is tried again"
    changed = compare(*words[:-1], "59", "--out", str(tmp_path / "out"))
    assert changed.exit_code == 2
    assert "holds a comparison of other files, strategies, versions or seconds" in changed.stderr


def test_a_wrong_answer_of_another_solver_is_none(peer: Path, tmp_path: Path) -> None:
    peer.write_text(WRONG)
    problem = str(tmp_path / "problems" / "max.sl")
    result = compare(problem, "--strategies", "cvc5", "--time", "60", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "cvc5: unverified" in result.stderr
    assert "are decided: cvc5 0." in result.stdout


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (("--strategies", "nobody"), "nobody"),
        (("--strategies", "cvc5"), "cvc5 is not installed"),
        (("--strategies", "examples,examples"), "'examples' is given twice"),
        (("--seeds", "3"), "--seeds: ordinary problems have no use for it"),
        (("--network", "shapes-vgg"), "--network: ordinary problems have no use for it"),
    ],
)
def test_bad_options(words: tuple[str, ...], fragment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "max.sl").write_text(MAX)
    result = compare(str(tmp_path / "max.sl"), *words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert fragment in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_empty_folder(tmp_path: Path) -> None:
    result = compare(str(tmp_path))
    assert result.exit_code == 2
    assert "there is no file *.sl below" in result.stderr


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (RIGHT, 6),
        (f"(\n{RIGHT}\n)", 6),
        (WRONG, 1),
        ("(define-fun f () Int 3)", 1),
        (f"{RIGHT}\n{WRONG}", 7),
        ("fail", 0),
    ],
)
def test_symbols_of_an_answer(answer: str, count: int) -> None:
    assert symbols(answer) == count


def test_what_is_told_apart_by_files() -> None:
    files = [f"{index}.sl" for index in range(12)]
    one = [Attempt(file, "a", "solved", 1.0, 5) for file in files]
    other = [Attempt(file, "<b>", "timeout" if index < 9 else "solved", 2.0, 4) for index, file in enumerate(files)]
    found = Solved([*one, *other], ["a", "<b>"], 5)
    (duel,) = found.duels
    assert (duel.first_alone, duel.second_alone) == (9, 0)
    assert duel.p == pytest.approx(2 / 2**9)
    assert (found.alone("a"), found.alone("<b>")) == (9, 0)
    assert "a decides 9 that <b> does not, and the other way round 0." in paragraph(found)
    page = solved_page(found, drawn(found), paragraph(found))
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
