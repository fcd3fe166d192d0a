"""Bad input: exit status 2, one message that says where and what would be right, never a traceback."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main
from sygus.resources import read_problem

GOOD = read_problem("channel_weights")[1]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def rejected(result: Result, *fragments: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for fragment in fragments:
        assert fragment in result.stderr


def solve_text(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "problem.sy"
    path.write_text(text)
    return run(str(path), "--out", str(tmp_path / "run"))


def test_missing_file() -> None:
    rejected(run("no-such-file.sy"), "there is no file 'no-such-file.sy'", "channel_weights")


def test_binary_file(tmp_path: Path) -> None:
    path = tmp_path / "problem.sy"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    rejected(run(str(path)), "is not a text file")


def test_binary_file_that_decodes(tmp_path: Path) -> None:
    rejected(solve_text(tmp_path, "\x00\x01\x02"), "problem.sy:1:1")


def test_a_folder(tmp_path: Path) -> None:
    rejected(run(str(tmp_path)), "cannot read")


@pytest.mark.parametrize("text", ["", "   \n", "; only a comment\n"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    rejected(solve_text(tmp_path, text), "problem.sy:1:1", "no commands")


def test_unbalanced_parentheses(tmp_path: Path) -> None:
    broken = GOOD.replace("(gap gradient))", "(gap gradient)", 1)
    line = next(i for i, text in enumerate(GOOD.splitlines(), 1) if text.startswith("(define-fun gradcam "))
    rejected(solve_text(tmp_path, broken), f"problem.sy:{line}:1: ", "never closed", "^")


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ("(gap gradient))", "(gap gradeint))", ("unknown symbol 'gradeint'", "did you mean 'gradient'?")),
        ("(gap gradient))", "(gap (gap gradient)))", ("ill-sorted", "gap : Map → Weight")),
        ("(W Weight ((gap M)", "(W Weight (M (gap M)", ("ill-sorted", "must be Weight")),
        (
            "(M Map    (activation gradient alpha ",
            "(M Map    (",
            ("the nonterminal 'W' derives nothing", "without nonterminals"),
        ),
        ("Real average-drop)", "Real average-dorp)", ("unknown metric 'average-dorp'", "did you mean 'average-drop'?")),
        ("(set-logic CAM)", "(set-logic CMA)", ("unknown logic 'CMA'", "CAM")),
        ("(set-logic CAM)", "", ("the logic is not set", "(set-logic CAM)")),
        ("(set-feature :oracles true)", "", ("needs the feature :oracles", "(set-feature :oracles true)")),
        ('"shapes-vgg"', '"shapes-vg"', ("unknown network 'shapes-vg'", "shapes-resnet")),
        ('"size=7"', '"size=0"', ("--budget", "size is zero")),
        ("optimize-synth", "optimise-synth", ("unknown command 'optimise-synth'", "optimize-synth")),
    ],
)
def test_bad_problems(tmp_path: Path, old: str, new: str, fragments: tuple[str, ...]) -> None:
    assert old in GOOD
    rejected(solve_text(tmp_path, GOOD.replace(old, new, 1)), *fragments)


def test_a_parameter_that_is_no_feature(tmp_path: Path) -> None:
    text = GOOD.replace("(alpha Map)", "(alhpa Map)").replace(" alpha ", " alhpa ")
    rejected(
        solve_text(tmp_path, text),
        "unknown feature 'alhpa'",
        "did you mean 'alpha'?",
        "known features: activation Map",
        "alpha Map",
    )


def test_a_feature_of_another_sort(tmp_path: Path) -> None:
    text = GOOD.replace("(alpha Map)", "(probability Map)").replace(" alpha ", " probability ")
    rejected(solve_text(tmp_path, text), "the feature 'probability' is Real, not Map", "(probability Real)")


def test_messages_point_at_the_place(tmp_path: Path) -> None:
    text = GOOD.replace("(gap gradient))", "(gap gradeint))", 1)
    line = next(i for i, t in enumerate(text.splitlines(), 1) if "gradeint" in t)
    column = text.splitlines()[line - 1].index("gradeint") + 1
    result = solve_text(tmp_path, text)
    rejected(result, f"problem.sy:{line}:{column}: ")
    excerpt, carets = result.stderr.splitlines()[1:3]
    assert excerpt[carets.index("^") :].startswith("gradeint")
    assert carets.count("^") == len("gradeint")


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--network", "vgg"], ("--network", "unknown network 'vgg'", "shapes-vgg")),
        (["--network", "shapes-vg"], ("--network", "did you mean 'shapes-vgg'?")),
        (["--images", "nowhere"], ("--images", "'nowhere'", "shapes")),
        (["--layer", "nowhere"], ("--layer", "nowhere")),
        (["--strategy", "guess"], ("--strategy", "'guess'", "enumerate")),
        (["--race", "bond"], ("--race", "did you mean 'bound'?")),
        (["--race", "horse"], ("--race", "'horse'", "bound")),
        (["--device", "abacus"], ("--device", "'abacus'", "cpu")),
        (["--target", "both"], ("--target", "'both'", "label")),
        (["--budget", "size=0"], ("--budget", "size is zero")),
        (["--budget", "time=0s"], ("--budget", "time is zero")),
        (["--budget", "0"], ("--budget", "cannot read '0'")),
        (["--budget", "sise=3"], ("--budget", "cannot read 'sise=3'", "size=")),
        (["--seed", "-1"], ("--seed", "negative")),
        (["--seed", "one"], ("--seed",)),
        (["--search-images", "0"], ("--search-images", "too few")),
        (["--format", "pdf"], ("--format",)),
        (["--resume"], ("--resume", "--out")),
    ],
)
def test_bad_options(options: list[str], fragments: tuple[str, ...], tmp_path: Path) -> None:
    folder = [] if options == ["--resume"] else ["--out", str(tmp_path / "run")]
    rejected(run("channel_weights", *options, *folder), *fragments)


@pytest.mark.parametrize("command", ["solve", "evaluate", "plan", "compare"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--search-images", "1"),
        ("--held-out-images", "1"),
        ("--validation-images", "1"),
        ("--images", "nowhere"),
        ("--race", "bond"),
        ("--strategy", "guess"),
        ("--device", "abacus"),
        ("--target", "both"),
        ("--layers", "early"),
        ("--seed", "-1"),
        ("--budget", "0"),
        ("--metric", "nowhere"),
        ("--metrics", "nowhere"),
        ("--methods", "nowhere"),
        ("--baselines", "nowhere"),
    ],
)
def test_options_are_checked_before_a_network_is_built(
    command: str, option: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network may take a minute to load; whatever does not need one is an error before."""

    def load(*_: object) -> None:
        raise AssertionError("the network is loaded first")

    monkeypatch.setattr("solvers.cam.settings.load_network", load)
    file = [] if command == "evaluate" else ["channel_weights"]
    told = [command, *file, *([] if command in ("evaluate", "plan") else ["--out", str(tmp_path / "run")])]
    result = CliRunner().invoke(main, [*told, option, value])
    assert not isinstance(result.exception, AssertionError)
    rejected(result, option)


def test_unwritable_output_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    rejected(run("channel_weights", "--out", str(tmp_path / "file" / "run")), "--out", "cannot write")


def test_an_output_folder_that_holds_a_run(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"")
    rejected(run("channel_weights", "--out", str(tmp_path)), "holds a run", "--resume")


def test_a_journal_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_text("this is no database, " * 100)
    result = run("channel_weights", "--out", str(tmp_path), "--resume", "--budget", "size=2")
    rejected(result, "journal", "nothing in it was changed")
    assert (tmp_path / "journal.sqlite").read_text().startswith("this is no database")


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--methods", "gradcan"], ("--methods", "gradcan", "did you mean 'gradcam'?")),
        (["--metrics", "drop"], ("--metrics", "'drop'", "average-drop")),
        (["--expression", "(gap gradient"], ("--expression:1:1", "never closed")),
        (["--expression", "(gap gradeint)"], ("--expression:1:6", "did you mean 'gradient' or ")),
        (["--expression", "true"], ("--expression:1:1", "Bool")),
        (["--expression", "@nowhere"], ("--expression", "nowhere")),
        (["--expression", "@."], ("--expression: '.' is a folder", "name a file in it")),
    ],
)
def test_bad_evaluations(options: list[str], fragments: tuple[str, ...]) -> None:
    rejected(run("evaluate", *options), *fragments)


def test_a_misspelt_command() -> None:
    rejected(run("solv", "gradcam"), "no command, file or shipped grammar 'solv'; did you mean 'solve'?")
    rejected(run("gradcm"), "did you mean 'gradcam'?")


def test_a_misspelt_option_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "problem.sy"
    path.write_text(GOOD.replace("(set-option :network", "(set-option :netwrk", 1))
    assert (
        "the option ':netwrk' means nothing here and is ignored; did you mean ':network'?"
        in run("check", str(path)).stderr
    )


def test_a_report_of_no_run(tmp_path: Path) -> None:
    rejected(run("report", str(tmp_path)), "there is no run in", "give the folder of a run")


def test_unknown_kind_of_list() -> None:
    rejected(run("list", "colours"), "colours", "networks")


@pytest.mark.parametrize(
    "message", ["CUDA out of memory. Tried to allocate 2.00 GiB.\nMore.", "CUBLAS_STATUS_ALLOC_FAILED"]
)
def test_memory_of_the_device_that_nothing_mends(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr("sygus.app.evaluating.load_subjects", fail)
    result = run("evaluate")
    rejected(result, f"the memory of the device does not suffice ({message.splitlines()[0]}); use --device cpu")
    assert result.stderr.count("\n") == 1


def test_other_errors_of_torch_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("an illegal memory access")

    monkeypatch.setattr("sygus.app.evaluating.load_subjects", fail)
    assert isinstance(run("evaluate").exception, RuntimeError)
