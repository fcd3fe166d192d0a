"""The learner of README: its very text searches, learns, and keeps the contract."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from own_learner import readme_learner, write_readme_learner
from places import ROOT
from solvers.cam.learner import Fate, Learner, Outcome
from solvers.cam.learners import chosen_learner
from solvers.cam.testing import LearnerConformance, space_for
from sygus.app.cli import main

FEW = ("--search-images", "16", "--held-out-images", "4", "--device", "cpu")


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The class as ``--strategy`` takes it, in the current folder."""
    monkeypatch.chdir(tmp_path)
    yield write_readme_learner(tmp_path)
    sys.modules.pop(readme_learner()[0], None)


def test_it_is_short() -> None:
    _, _, block = readme_learner()
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 16


def test_it_searches_and_its_run_is_repeated_and_resumed(named: str) -> None:
    options = ("gradcam", "--strategy", named, "--budget", "size=5,terms=40", *FEW)
    result = CliRunner().invoke(main, [*options, "--out", "run"])
    assert result.exit_code == 0, result.output
    assert "define-fun w" in result.stdout
    record = json.loads(Path("run", "solution.json").read_text())
    assert record["settings"]["strategy"] == named
    assert record["ending"] == "the budget's terms is spent"
    with sqlite3.connect("run/journal.sqlite") as connection:
        terms = [row[0] for row in connection.execute("SELECT term FROM proposals ORDER BY id")]
    assert terms[0] == "(gap gradient)"  # the file's own macro, before the learner is asked
    assert len(terms) - 1 == len(set(terms[1:])) >= 40
    assert CliRunner().invoke(main, [*options, "--out", "again"]).stdout == result.stdout
    assert CliRunner().invoke(main, [*options, "--out", "run", "--resume"]).stdout == result.stdout


def test_it_ends_where_there_is_nothing_more(named: str) -> None:
    result = CliRunner().invoke(main, ["gradcam", "--strategy", named, "--budget", "size=3", *FEW, "--out", "run"])
    assert result.exit_code == 0, result.output
    assert "search ended: best of all terms up to size 3" in result.stderr


def test_the_command_below_it_names_it() -> None:
    module, name, _ = readme_learner()
    assert f"--strategy {module}:{name} " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_learns(named: str) -> None:
    made = chosen_learner(named)
    taught, untaught = (made(space_for("channel_weights", 7)) for _ in range(2))
    for learner, fate in ((taught, Fate.SCORED), (untaught, Fate.PRUNED)):
        for _ in range(6):
            for proposal in learner.ask(16):
                good = fate is Fate.SCORED and "alpha" in repr(proposal.term)
                learner.tell(proposal, Outcome(fate, feasible=True if good else None))
    shares = []
    for learner in (taught, untaught):
        text = " ".join(repr(proposal.term) for proposal in learner.ask(100))
        leaves = Counter(word for word in re.findall(r"\w+", text) if word in ("activation", "gradient", "alpha"))
        shares.append(leaves["alpha"] / leaves.total())
    assert shares[0] > shares[1] + 0.1


class TestContract(LearnerConformance):
    @pytest.fixture
    def made(self, named: str) -> type[Learner]:
        return chosen_learner(named)
