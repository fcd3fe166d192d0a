"""The documentation does not differ from the program: its tables are made from it, its examples work."""

from __future__ import annotations

import doctest
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from own_learner import write_readme_learner
from places import ROOT
from sygus.app.cli import main
from sygus.language.theories.cam import CAM
from sygus.saliency.features import FEATURES

DOCS = ROOT / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_have_a_line_for_each_entry(hooks: ModuleType) -> None:
    functions = hooks.TABLES["functions"]().splitlines()[2:]
    assert [line.split("`")[1] for line in functions] == [function.name for function in CAM.symbols]
    features = hooks.TABLES["features"]().splitlines()[2:]
    assert [line.split("`")[1] for line in features] == list(FEATURES)
    columns = {name: {line.count(" | ") for line in make().splitlines()} for name, make in hooks.TABLES.items()}
    assert all(len(counts) == 1 for counts in columns.values()), columns


def test_functions_are_shown_with_the_arguments_that_they_take(hooks: ModuleType) -> None:
    lines = {line.split("`")[1]: line for line in hooks.TABLES["functions"]().splitlines()[2:]}
    assert lines["relu"].count("<mi>a</mi>") == 1
    assert "<mi>b</mi>" not in lines["relu"]
    assert "<mi>b</mi>" in lines["max"]
    assert "<mi>c</mi>" in lines["ite"]


def test_pages_ask_for_tables_that_there_are(hooks: ModuleType) -> None:
    asked = set()
    for page in DOCS.rglob("*.md"):
        asked |= set(re.findall("<!-- table: (.*?) -->", page.read_text(encoding="utf-8")))
        assert "<!-- table" not in hooks.on_page_markdown(page.read_text(encoding="utf-8"))
    assert asked <= set(hooks.TABLES)
    with pytest.raises(ValueError, match="unknown table"):
        hooks.on_page_markdown("<!-- table: nothing -->")


def test_the_file_of_the_tutorial_is_a_problem(tmp_path: Path) -> None:
    (problem,) = (block for block in blocks("tutorial.md", "lisp") if "set-logic" in block)
    (tmp_path / "mine.sy").write_text(problem)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "mine.sy")])
    assert result.exit_code == 0, result.output
    assert "maximise iou" in result.stdout


def test_the_learner_of_the_guide_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = blocks("how-to/learner.md", "python")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "listed.py").write_text(code)
    (tmp_path / "terms.txt").write_text("(gap (sign gradient))\n(gap (abs gradient))\n(gap gradient)\n")
    few = ("--search-images", "8", "--held-out-images", "4", "--device", "cpu", "--out", "run")
    result = CliRunner().invoke(main, ["gradcam", "--strategy", "listed:Listed", *few])
    sys.modules.pop("listed")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run" / "solution.json").read_text())
    start, *listed = (one["term"] for one in record["candidates"])
    assert start == "(gap gradient)"  # the file's own macro
    assert listed == ["(gap (abs gradient))"]
    assert record["ending"] == "the end of terms.txt"


@pytest.mark.slow
def test_the_suite_of_the_guide_runs(tmp_path: Path) -> None:
    _, code = blocks("how-to/learner.md", "python")
    write_readme_learner(tmp_path)
    (tmp_path / "test_own.py").write_text(code)
    options = ("-q", "-p", "no:cacheprovider", "-k", "status or fate or aliases")
    command = [sys.executable, "-m", "pytest", *options, "test_own.py"]
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert result.returncode == 0, result.stdout
    assert re.search(r"^4 passed", result.stdout, re.MULTILINE), result.stdout


@pytest.mark.slow
def test_the_targets_of_the_guide_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is written, every command run on few pictures, and the drop-in explainer called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    *modules, drop_in = blocks("how-to/network.md", "python")
    named = {module.partition(".py\n")[0].removeprefix("# "): module for module in modules}
    for name in ("clip", "depth"):
        (tmp_path / f"{name}.py").write_text(named[name])
    few = ("--search-images", "4", "--held-out-images", "2")
    commands = [
        line for block in blocks("how-to/network.md", "sh") for line in block.splitlines() if "--target" in line
    ]
    assert len(commands) == 4
    for line in commands:
        words = shlex.split(line)[1:]
        result = CliRunner().invoke(main, [*words, "--device", "cpu", *(() if words[0] == "explain" else few)])
        assert result.exit_code == 0, result.output
    space: dict[str, Any] = {"torch": torch}
    exec(drop_in, space)  # noqa: S102 - of this repository
    for name in ("clip", "depth"):
        sys.modules.pop(name)
    assert space["maps"].shape == (2, 64, 64)


@pytest.mark.slow
def test_ordinary_problems_of_the_guide_are_solved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is written, every command run, and every answer that is shown stands."""
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "how-to" / "ordinary.md").read_text(encoding="utf-8")
    asked, answers, commands = "", 0, 0
    for language, block in re.findall(r"```(lisp|sh)\n(.*?)```", text, re.DOTALL):
        name = re.match(r"; (\S+\.sl)\n", block)
        if language == "sh":
            for line in block.splitlines():
                program, *words = shlex.split(line)
                result = CliRunner().invoke(main, words)
                assert (program, result.exit_code) == ("sycam-sygus", 0), result.output
                assert "define-fun" in result.stdout or words[0] == "verify"
                asked, commands = words[0], commands + 1
        elif name is not None:
            Path(name[1]).write_text(block, encoding="utf-8")
        else:
            Path("shown.sl").write_text(block, encoding="utf-8")
            assert CliRunner().invoke(main, ["verify", asked, "shown.sl"]).exit_code == 0, block
            answers += 1
    assert (answers, commands) == (6, 10)
    assert run_examples("ordinary.md") > 8


@pytest.mark.slow
def test_ordinary_problems_are_solved_from_python_as_the_guide_shows() -> None:
    assert run_examples("ordinary-python.md") > 30


def run_examples(page: str) -> int:
    """How many examples of Python a guide has, all of which print what it shows."""
    text = (DOCS / "how-to" / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    examples = doctest.DocTestParser().get_doctest(code, {}, page, page, 0)
    found = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples)
    assert (found.failed, found.attempted) == (0, len(examples.examples))
    return found.attempted


@pytest.mark.parametrize("page", sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")))
def test_commands_of_the_pages_exist(page: str) -> None:
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            words = line.split()
            if words[:1] == ["sycam-sygus"]:
                command = main.commands.get(words[1], main.commands["solve"])
                known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
                assert {word for word in words if word.startswith("--")} <= known, line


def test_the_page_on_trust_names_every_file_of_its_suite() -> None:
    page = (DOCS / "trust.md").read_text(encoding="utf-8")
    assert not [file.name for file in (ROOT / "tests" / "trust").iterdir() if file.suffix and file.name not in page]
