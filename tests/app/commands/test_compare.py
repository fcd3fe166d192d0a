"""``compare``: from files to a report, in parts and together; and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contests import quickly
from own_learner import write_readme_learner
from sygus.app.cli import main
from sygus.export.contest import report

FEW = ("--search-images", "8", "--held-out-images", "8", "--device", "cpu", "--budget", "size=4,terms=40")
SMALL = ("channel_weights", "--strategies", "random,enumerate", "--seeds", "2", *FEW)


def compare(*words: str) -> Result:
    return CliRunner().invoke(main, ["compare", *words])


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    quickly(monkeypatch)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("compare") / "one"
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        patch.setattr(report, "FORMS", ("pdf",))
        return folder, compare(*SMALL, "--exhaustive", "3", "--out", str(folder))


def test_two_strategies_from_the_file_to_the_report(compared: tuple[Path, Result]) -> None:
    folder, result = compared
    assert result.exit_code == 0, result.output
    assert "2 strategies on 1 task, 2 seeds, 40 terms scored each." in result.stdout
    assert f"report: {folder / 'report.html'}" in result.stdout
    assert "cache shared: " in result.stderr
    assert "1/5 channel_weights on shapes-vgg, exhaustive table: " in result.stderr
    assert "5/5 channel_weights on shapes-vgg, enumerate, seed 1: " in result.stderr
    expected = {"protocol.json", "summary.csv", "improvements.csv", "costs.csv", "table.tex", "report.html", "figures"}
    assert expected <= {path.name for path in folder.iterdir()}
    assert {path.name for path in (folder / "figures").iterdir()} == {"best-so-far-1.pdf", "ecdf.pdf", "front-1.pdf"}
    with (folder / "improvements.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["algorithm_name"] for row in rows} == {"random", "enumerate"}
    page = (folder / "report.html").read_text()
    for title in ("Best so far", "Fixed budget", "Fixed target", "Beside the exhaustive table", "Costs", "Protocol"):
        assert f">{title}</h2>" in page


def test_the_same_command_finds_all_there(compared: tuple[Path, Result]) -> None:
    folder, _ = compared
    before = (folder / "summary.csv").read_bytes()
    result = compare(*SMALL, "--exhaustive", "3", "--out", str(folder))
    assert result.exit_code == 0, result.output
    assert result.stderr.count("(there already)") == 5
    assert (folder / "summary.csv").read_bytes() == before


def test_merging_one_folder_gives_its_report(compared: tuple[Path, Result], tmp_path: Path) -> None:
    folder, first = compared
    result = compare("--merge", str(folder), "--out", str(tmp_path / "again"))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == first.stdout.splitlines()[0]
    for name in ("summary.csv", "improvements.csv", "costs.csv", "table.tex"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_part_says_that_it_is_one(tmp_path: Path) -> None:
    result = compare(*SMALL, "--shard", "2/2", "--out", str(tmp_path / "b"), "--quiet")
    assert result.exit_code == 0, result.output
    assert "part 2 of 2 is done" in result.stdout
    assert result.stderr == ""
    merged = compare("--merge", str(tmp_path / "b"))
    assert merged.exit_code == 2
    assert "2 results are missing" in merged.stderr


def test_a_pilot_says_what_is_needed(compared: tuple[Path, Result]) -> None:
    folder, _ = compared
    result = compare("--pilot", str(folder), "--effect", "0.2")
    assert result.exit_code == 0, result.output
    assert "a difference of 0.2 of the distance from Grad-CAM to the best" in result.stdout
    assert "from 4 trials" in result.stdout


def test_a_learner_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = write_readme_learner(tmp_path)
    words = ("channel_weights", "--strategies", f"random,{own}", "--seeds", "1", *FEW, "--quiet", "--shard", "2/2")
    result = compare(*words, "--out", "compared")
    assert result.exit_code == 0, result.output
    (trial,) = (tmp_path / "compared" / "trials").iterdir()
    assert own in trial.read_text()
    assert own in (tmp_path / "compared" / "protocol.json").read_text()


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (("nowhere.sy",), ("nowhere.sy",)),
        ((*SMALL, "--budget", "time=5s"), ("--budget: seconds would compare machines", "forwards=N")),
        ((*SMALL, "--shard", "3/2"), ("--shard: '3/2' is no part",)),
        ((*SMALL, "--strategies", "random,randm"), ("unknown learner 'randm'", "did you mean 'random'")),
        (("--merge", "nowhere"), ("there is no comparison in 'nowhere'",)),
        (("--merge", "a", "--seeds", "3"), ("--merge: the trials are there, so --seeds means nothing",)),
        (("--merge", "--pilot", "a"), ("--merge and --pilot",)),
        (("--merge", "a", "b"), ("there is no comparison",)),
    ],
)
def test_bad_options(words: tuple[str, ...], fragments: tuple[str, ...], tmp_path: Path) -> None:
    out = () if "--merge" in words else ("--out", str(tmp_path / "out"))
    result = compare(*words, *out)
    assert result.exit_code == 2, result.output
    for fragment in fragments:
        assert fragment in result.stderr
