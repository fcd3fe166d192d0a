"""Shells complete commands, options, grammars and files; help has examples where it needs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from sygus.app.cli import main
from sygus.app.commands.listing import KINDS


def completed(*words: str) -> list[tuple[str, str]]:
    *before, incomplete = words
    found = ShellComplete(main, {}, "sycam-sygus", "_SYCAM_SYGUS_COMPLETE").get_completions(before, incomplete)
    return [(item.value, item.type) for item in found]


def test_commands_grammars_and_files() -> None:
    assert ("export", "plain") in completed("ex")
    assert ("explain", "plain") in completed("ex")
    assert ("gradcam_plus", "plain") in completed("grad")
    assert ("my", "file") in completed("my")
    assert ("gradcam_plus", "plain") in completed("check", "grad")


def test_options_and_their_values() -> None:
    assert ("--budget", "plain") in completed("gradcam_plus", "--bu")
    assert [value for value, _ in completed("export", "run", "--to", "latex")] == ["latex", "latex-document"]
    assert [value for value, _ in completed("list", "")] == list(KINDS)
    assert completed("report", "runs/") == [("runs/", "file")]


@pytest.mark.parametrize("command", ["gradcam_plus", "solve", "evaluate", "explain", "plan", "compare"])
def test_networks_and_folders(command: str) -> None:
    embedded = ["shapes-lfi", "shapes-resnet", "shapes-vgg"]
    assert completed(command, "--network", "sh") == [(name, "plain") for name in embedded]
    assert completed(command, "--network", "torchv") == [("torchvision:", "plain")]
    if command != "explain":
        assert completed(command, "--images", "pic") == [("pic", "file")]


def test_networks_that_are_completed_are_those_that_there_are() -> None:
    from sygus.saliency.networks.families.family import FAMILIES  # the registry itself; importing it takes seconds

    assert {value for value, _ in completed("solve", "--network", "")} == {
        one.pattern.partition(":")[0] + (":" if one.prefix else "") for one in FAMILIES.values()
    }


def test_completing_networks_imports_nothing_heavy() -> None:
    run = """
import sys
from sygus.app.cli import main
try:
    main(prog_name="sycam-sygus")
finally:
    print(sorted({"torch", "scipy", "sympy", "z3"} & sys.modules.keys()))
"""
    words = {
        "COMP_WORDS": "sycam-sygus solve --network sh",
        "COMP_CWORD": "3",
        "_SYCAM_SYGUS_COMPLETE": "bash_complete",
    }
    result = subprocess.run(
        [sys.executable, "-c", run], env=os.environ | words, capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines() == ["plain,shapes-lfi", "plain,shapes-resnet", "plain,shapes-vgg", "[]"], (
        result.stderr
    )


HEAVY = ("lark", "numpy", "scipy", "sympy", "torch", "z3")


def loaded_by(*arguments: str) -> set[str]:
    """What the command of these arguments imports that takes long to import."""
    run = """
import sys
from sygus.app.cli import main
try:
    main(prog_name="sycam-sygus")
finally:
    print("", *sys.modules, file=sys.stderr)
"""
    words = [sys.executable, "-c", run, *arguments]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return {name for name in HEAVY if name in result.stderr.splitlines()[-1].split()}


@pytest.mark.parametrize("arguments", ["--help", "solve --help", "list grammars", "list exports", "completion bash"])
def test_what_says_what_there_is_imports_nothing_heavy(arguments: str) -> None:
    assert loaded_by(*arguments.split()) == set()


@pytest.mark.parametrize("kind", ["functions", "features"])
def test_what_terms_are_made_of_is_listed_without_what_computes_it(kind: str) -> None:
    assert loaded_by("list", kind) == {"lark", "z3"}


def test_a_check_imports_what_the_strategies_need(tmp_path: Path) -> None:
    problem = tmp_path / "problem.sl"
    problem.write_text("(set-logic LIA) (synth-fun f () Int) (constraint (= f 3)) (check-synth)", encoding="utf-8")
    assert loaded_by("check", str(problem)) <= {"lark", "numpy", "z3"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_the_shells(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0, result.output
    assert "_SYCAM_SYGUS_COMPLETE" in result.stdout
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=result.stdout, text=True, check=True)


def test_the_kinds_are_those_that_list_knows() -> None:
    message = CliRunner().invoke(main, ["list", "nothing"]).stderr
    assert f"known kinds: {', '.join(KINDS)}" in message


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 4
    if command in ("solve", "explain", "export", "evaluate", "completion", "plan"):
        assert result.stdout.count("sycam-sygus") >= 3


def test_help_and_completion_answer_at_once() -> None:
    run = "from sygus.app.cli import main; main(prog_name='sycam-sygus')"
    environment = os.environ | {
        "_SYCAM_SYGUS_COMPLETE": "bash_complete",
        "COMP_WORDS": "sycam-sygus ex",
        "COMP_CWORD": "1",
    }
    for arguments, extra in ((["--help"], dict(os.environ)), ([], environment)):
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            result = subprocess.run(
                [sys.executable, "-c", run, *arguments], env=extra, capture_output=True, text=True, check=True
            )
            best = min(best, time.perf_counter() - start)
        assert "export" in result.stdout
        assert best < 0.5
