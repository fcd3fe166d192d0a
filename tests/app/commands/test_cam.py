"""The main job through the command line: the answer, its repeat, its score again, and a kill."""

import json
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main
from sygus.app.commands.cam import resume_command
from sygus.app.dispatch import Asked, read
from sygus.language.elaborate import load_problem
from sygus.language.syntax import parse_answer
from sygus.language.text import term_text
from sygus.oracles.expressions import read_expression
from sygus.resources import read_problem
from sygus.writing import WriteError

SMALL = ("--budget", "size=5", "--search-images", "32", "--held-out-images", "32", "--device", "cpu")


def solve(out: Path, *options: str) -> tuple[str, str]:
    result = CliRunner().invoke(main, ["channel_weights", "--out", str(out), *SMALL, *options])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    out = tmp_path_factory.mktemp("solved") / "run"
    return out, *solve(out)


def test_the_answer_is_the_standards(solved: tuple[Path, str, str]) -> None:
    out, answer, _ = solved
    values, functions = parse_answer(answer)
    assert len(values) == 2
    assert functions[0].name == "w"
    term = read_expression(answer)
    body = term.head.body
    assert int(values[1].text) == body.size  # the objective `size` counts nodes
    (exact, _) = json.loads((out / "solution.json").read_text())["found"]["objectives"]
    assert float(values[0].text) == pytest.approx(exact, rel=5e-6)
    assert len(values[0].text.replace(".", "").lstrip("0")) <= 6  # what threads add in another order shows no sooner
    assert load_problem(read_problem("channel_weights")[1], "f").target.grammar.derive(body) is not None


@pytest.mark.parametrize("network", ["shapes-vgg", pytest.param("shapes-resnet", marks=pytest.mark.slow)])
def test_the_answer_is_at_least_as_good_as_both_thresholds(network: str, tmp_path: Path) -> None:
    solve(tmp_path / "run", "--network", network)
    solution = json.loads((tmp_path / "run" / "solution.json").read_text())
    scores = {row["method"]: row["search"]["average-drop"]["value"] for row in solution["table"]}
    assert scores["found expression"] <= min(scores["Grad-CAM"], scores["Grad-CAM++"])


def test_stderr_has_the_table_the_formula_and_the_folder(solved: tuple[Path, str, str]) -> None:
    out, _, messages = solved
    for title in ("Grad-CAM", "Grad-CAM++", "XGrad-CAM", "Layer-CAM", "Fake-CAM", "Random-CAM", "found expression"):
        assert title in messages
    assert "w^c_k = " in messages
    assert f"run: {out}" in messages
    assert (out / "heatmaps.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answer(solved: tuple[Path, str, str], tmp_path: Path) -> None:
    assert solve(tmp_path / "again")[0] == solved[1]


@pytest.mark.slow
def test_racing_finds_what_full_scoring_finds(solved: tuple[Path, str, str], tmp_path: Path) -> None:
    assert solve(tmp_path / "full", "--race", "off")[0] == solved[1]
    for race in ("bound", "betting"):
        assert solve(tmp_path / race, "--race", race)[0] == solved[1]


@pytest.mark.slow
def test_a_run_that_the_clock_cut_says_so_on_stdout(tmp_path: Path) -> None:
    """In a comment of the standard, --quiet or not; one that ended by itself prints the answer alone."""
    out, few = tmp_path / "run", ("--search-images", "4", "--held-out-images", "2", "--device", "cpu", "--quiet")
    result = CliRunner().invoke(main, ["channel_weights", "--budget", "time=0.001s", "--out", str(out), *few])
    comment, answer = result.stdout.splitlines()
    assert re.fullmatch(r"; cut: the time limit was reached after 0 s, \d+ terms proposed; with more time .*", comment)
    assert answer == "fail"
    assert result.stderr == ""
    longer = ("--budget", "size=3,time=9m", "--resume", "--out", str(out), *few)
    assert CliRunner().invoke(main, ["channel_weights", *longer]).stdout.startswith("((")


def test_an_answer_below_a_comment_is_read(solved: tuple[Path, str, str], tmp_path: Path) -> None:
    _, answer, _ = solved
    saved = tmp_path / "answer.sy"
    saved.write_text(f"; cut: interrupted\n{answer}")
    assert read_expression(f"@{saved}").sort == read_expression(answer).sort
    assert len(parse_answer(saved.read_text())[1]) == 1


def test_the_answer_fed_back_scores_what_was_printed(solved: tuple[Path, str, str]) -> None:
    _, answer, _ = solved
    options = ["evaluate", "--methods", "gradcam", "--expression", answer, *SMALL[2:]]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 0, result.output
    printed = re.fullmatch(r"\(\((\S+) \d+\) .*\)\n", answer)
    assert printed is not None
    assert f"average-drop on the search and validation pictures: {printed[1]}\n" in result.stdout


def test_the_journal_holds_every_proposal(solved: tuple[Path, str, str]) -> None:
    out, answer, _ = solved
    solution = json.loads((out / "solution.json").read_text())
    with sqlite3.connect(out / "journal.sqlite") as connection:
        rows = connection.execute("SELECT term, fate, objectives FROM proposals ORDER BY id").fetchall()
    assert len(rows) == solution["accounting"]["proposed"]
    scored = {term: json.loads(objectives) for term, fate, objectives in rows if fate == "scored"}
    with sqlite3.connect(out / "journal.sqlite") as connection:
        finalists = [
            term
            for (term,) in connection.execute(
                "SELECT term FROM finalists JOIN proposals USING (id) ORDER BY probability DESC"
            )
        ]
    assert min(scored, key=lambda term: tuple(scored[term])) in finalists
    assert finalists[0] == term_text(read_expression(answer).head.body)
    assert len(scored) == solution["accounting"]["scored"]


def test_resuming_a_finished_run_scores_only_the_thresholds_anew(solved: tuple[Path, str, str]) -> None:
    out, answer, _ = solved
    again, _ = solve(out, "--resume")
    assert again == answer
    assert json.loads((out / "solution.json").read_text())["accounting"]["forwards"] == 2 * 32


def test_another_seed_is_another_run(solved: tuple[Path, str, str]) -> None:
    out, _, _ = solved
    result = CliRunner().invoke(main, ["channel_weights", "--out", str(out), *SMALL, "--resume", "--seed", "1"])
    assert result.exit_code == 2
    assert "another run: it differs in --seed: 0 there, 1 here" in result.stderr


@pytest.mark.slow
def test_the_table_of_a_run_can_be_made_anew(tmp_path: Path) -> None:
    """Other baselines belong to the same search, whether it had ended or not; so do other held-out pictures."""
    out, alone = tmp_path / "run", ("--validation-images", "0")
    answer, _ = solve(tmp_path / "whole", *alone)
    solve(out, "--budget", "size=5,terms=40", "--baselines", "gradcam", *alone)
    further = ("--baselines", "uniform,eigencam", "--held-out-images", "7", "--strict", "--device", "auto")
    assert solve(out, "--resume", *further, *alone)[0] == answer
    solution = json.loads((out / "solution.json").read_text())
    assert [row["method"] for row in solution["table"]] == ["Uniform weights", "EigenCAM", "found expression"]
    assert {row["held out"]["average-drop"]["images"] for row in solution["table"]} == {7}
    assert solve(out, "--resume", "--baselines", "gradcam", *alone)[0] == answer
    assert json.loads((out / "solution.json").read_text())["settings"]["baselines"] == "gradcam"


@pytest.mark.slow
def test_a_larger_budget_continues_a_run(solved: tuple[Path, str, str], tmp_path: Path) -> None:
    _, answer, _ = solved
    out = tmp_path / "run"
    solve(out, "--budget", "size=5,terms=40")
    assert json.loads((out / "solution.json").read_text())["ending"].startswith("the budget's terms is spent; auto: ")
    assert solve(out, "--resume", "--budget", "size=5,time=5m")[0] == answer


@pytest.mark.slow
@pytest.mark.parametrize("race", ["t", "betting"])
def test_a_larger_size_continues_a_run_as_if_it_had_been_asked_for_at_once(race: str, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "run"
    answer, _ = solve(whole, "--race", race)
    solve(out, "--race", race, "--budget", "size=4")
    assert solve(out, "--race", race, "--resume")[0] == answer

    def proposals(folder: Path) -> list[tuple[str, ...]]:
        with sqlite3.connect(folder / "journal.sqlite") as connection:
            return connection.execute("SELECT * FROM proposals ORDER BY id").fetchall()

    assert proposals(out) == proposals(whole)
    arguments = ["channel_weights", "--out", str(out), *SMALL, "--race", race, "--resume", "--budget", "size=4"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "goes up to size=5, not size=4; give at least size=5" in result.stderr


def test_a_network_or_metric_that_is_none_leaves_no_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for wrong in (("--network", "shapes-vg"), ("--layer", "nowhere"), ("--metric", "drop")):
        assert CliRunner().invoke(main, ["gradcam", *wrong, "--out", str(out)]).exit_code == 2
    assert not out.exists()


def test_a_listing_that_cannot_be_written_is_said_before_the_search(tmp_path: Path) -> None:
    (tmp_path / "all.csv").mkdir()
    listing = ("--all", str(tmp_path / "all.csv"), "--out", str(tmp_path / "run"))
    result = CliRunner().invoke(main, ["channel_weights", *SMALL, *listing])
    assert result.exit_code == 2
    assert "--all: cannot write" in result.stderr
    assert not (tmp_path / "run").exists()


def test_what_fails_after_the_search_does_not_cost_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise WriteError("cannot write it")

    monkeypatch.setattr("sygus.export.gallery.Gallery.write", fails)
    out = tmp_path / "run"
    result = CliRunner().invoke(main, ["channel_weights", *SMALL, "--budget", "size=3", "--out", str(out)])
    assert result.exit_code == 2
    assert result.stdout == (out / "answer.sy").read_text()
    assert "cannot write it; what was scored is kept" in result.stderr
    assert "resume: sycam-sygus channel_weights --search-images 32" in result.stderr


def test_the_command_that_resumes_gives_every_option_again(tmp_path: Path) -> None:
    given = {
        "network": "shapes-resnet",
        "search_images": 12,
        "strict": True,
        "seed": 0,
        "budget": "size=3",
        "reuse": ("runs/a", "runs/a b"),
        "certify": True,
        "listing": "all.csv",
        "form": "json",
        "quiet": True,
    }
    line = resume_command(Asked(read("gradcam"), given), tmp_path / "a run")
    program, *words = shlex.split(line)
    context = main.commands["solve"].make_context("solve", list(words))
    found = {name: value for name, value in context.params.items() if value not in (None, ())}
    assert program == "sycam-sygus"
    assert found == given | {"file": "gradcam", "out": str(tmp_path / "a run"), "resume": True}
    assert words[-1] == "--resume"


def test_check_synth_stops_at_the_first_that_satisfies(tmp_path: Path) -> None:
    text = read_problem("channel_weights")[1]
    path = tmp_path / "problem.sy"
    path.write_text(text[: text.index("(optimize-synth")] + "(check-synth)\n")
    result = CliRunner().invoke(main, [str(path), "--out", str(tmp_path / "run"), *SMALL])
    assert result.exit_code == 0, result.output
    values, functions = parse_answer(result.stdout)
    assert values == ()
    assert len(functions) == 1


@pytest.mark.slow
def test_nothing_found_is_fail(tmp_path: Path) -> None:
    impossible = "(constraint (< (average-drop w) 0))\n(optimize-synth"
    text = read_problem("channel_weights")[1].replace("(optimize-synth", impossible)
    path = tmp_path / "problem.sy"
    path.write_text(text)
    result = CliRunner().invoke(main, [str(path), "--out", str(tmp_path / "run"), *SMALL, "--budget", "size=3"])
    assert (result.exit_code, result.stdout) == (0, "fail\n")
    result = CliRunner().invoke(main, [str(path), "--out", str(tmp_path / "spent"), *SMALL, "--budget", "terms=1"])
    assert (result.exit_code, result.stdout) == (3, "fail\n")


@pytest.mark.parametrize("name", [pytest.param("gradcam", marks=pytest.mark.slow), "layercam"])
def test_the_other_grammars_solve(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [name, "--out", str(tmp_path), *SMALL, "--budget", "size=4"])
    assert result.exit_code == 0, result.output
    assert "define-fun w" in result.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["export", "--help"]])
def test_help_answers_without_the_heavy_libraries(arguments: list[str]) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from sygus.app.cli import main;"
        f"assert CliRunner().invoke(main, {arguments}).exit_code == 0;"
        "assert not {'torch', 'sympy', 'z3', 'matplotlib'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("networks", "shapes-vgg"),
        ("images", "shapes"),
        ("metrics", "average-drop"),
        ("methods", "gradcam++"),
        ("features", "alpha"),
        ("functions", "div0"),
        ("strategies", "enumerate"),
        ("grammars", "channel_weights"),
        ("exports", "torch"),
    ],
)
def test_list(kind: str, name: str) -> None:
    result = CliRunner().invoke(main, ["list", kind])
    assert result.exit_code == 0
    assert name in result.stdout.split()


def test_list_shows_the_other_names_of_metrics() -> None:
    lines = CliRunner().invoke(main, ["list", "metrics"]).stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("energy-pointing-game "))
    assert line.endswith(" Also energy-based-pointing-game or relevance-mass-accuracy.")


@pytest.mark.parametrize("name", ["gradcam", "channel_weights", "layercam"])
def test_check(name: str) -> None:
    result = CliRunner().invoke(main, ["check", name])
    assert result.exit_code == 0, result.output
    assert "well-formed" in result.stdout
