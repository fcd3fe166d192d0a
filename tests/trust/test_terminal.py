"""What other people's texts and names hold, no terminal acts on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from picture_folders import picture
from places import ROOT
from sygus.app.cli import main
from sygus.app.terminal import echo, printable

ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
FEW = ("--search-images", "3", "--held-out-images", "2", "--device", "cpu")


@given(st.text())
def test_what_is_shown_is_acted_on_by_no_terminal(text: str) -> None:
    shown = printable(text)
    assert not ACTS.search(shown)
    assert shown.count("\n") == text.count("\n")


def test_what_people_write_stays() -> None:
    for text in ("σ · ∀x. α → φ", "naïve\tcafé\n", "日本語", r"\x1b"):
        assert printable(text) == text
    assert printable("\x1b[31m\u202e") == r"\x1b[31m\u202e"


def test_a_pipe_gets_an_answer_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    echo("|a\x1b|")
    echo("|a\x1b|", err=True)
    assert capsys.readouterr() == ("|a\x1b|\n", "|a\\x1b|\n")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.stderr


SYMBOL, ORACLE = f"|f{EVIL}|", f"|{EVIL}|"
FILES = {
    "a symbol": f"(set-logic LIA)\n(synth-fun {SYMBOL} ((x Int)) Int)\n(constraint (= ({ORACLE} 1) 2))\n(check-synth)",
    "a text that is none": f"(set-logic LIA)\n{EVIL}",
    "an option": f'(set-logic CAM)\n(set-option :network "x{EVIL}")\n(check-synth)',
    "an unknown option": f'(set-logic CAM)\n(set-option :|a{EVIL}| "x")\n(check-synth)',
    "a logic": f"(set-logic |{EVIL}|)\n(check-synth)",
    "an oracle": f"(set-logic CAM)(set-feature :oracles true)\n(declare-oracle-fun m ((-> Map Weight)) Real {ORACLE})",
    "a string": f'(set-logic SLIA)\n(synth-fun f () String)\n(constraint (= (f 1) "{EVIL}"))\n(check-synth)',
}


@pytest.mark.parametrize("kind", FILES)
def test_texts_of_files(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "evil.sl"
    file.write_text(FILES[kind], encoding="utf-8")
    said = run("check", str(file))
    assert said
    assert not ACTS.search(said)
    assert not ACTS.search(run(str(file), "--time", "1"))


def test_names_of_files_and_folders(tmp_path: Path) -> None:
    assert not ACTS.search(run("check", str(tmp_path / f"{EVIL}.sl")))
    assert not ACTS.search(run("report", str(tmp_path / EVIL)))
    assert not ACTS.search(run("evaluate", "--images", str(tmp_path / EVIL), *FEW))
    assert not ACTS.search(run("evaluate", "--methods", EVIL, *FEW))


def test_names_of_pictures(tmp_path: Path) -> None:
    for first, name in enumerate(("circle", "square")):
        (tmp_path / name).mkdir()
        for index in range(3):
            picture(tmp_path / name / f"{index}.png", 3 * first + index)
        (tmp_path / name / f"broken{EVIL}.png").write_bytes(b"no picture")
    said = run("evaluate", "--images", str(tmp_path), "--methods", "gradcam", "--metrics", "sparseness", *FEW)
    assert "broken" in said
    assert not ACTS.search(said)


def test_records_of_others(tmp_path: Path, finished_run: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    file = folder / "solution.json"
    file.write_text(
        file.read_text().replace('"ended": "concluded"', f'"ended": "{ascii(EVIL)[1:-1]}"'), encoding="utf-8"
    )
    assert not ACTS.search(run("report", str(folder)))


def test_nothing_of_the_application_prints_past_it() -> None:
    for file in (ROOT / "sygus" / "app").rglob("*.py"):
        if file.name != "terminal.py":
            assert "click.echo" not in file.read_text(encoding="utf-8"), file
