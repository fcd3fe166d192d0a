"""Synthesis modulo external oracles: small programs answer, and the command line starts none unless it may."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main
from sygus.language.syntax.parser import parse_answer

Program = Callable[[str], str]

GRAMMAR = "((I Int)) ((I Int (x 0 1 (+ I I) (- I I))))"
F = f"(synth-fun f ((x Int)) Int {GRAMMAR})"

READ = """
def number(text):
    return int(text) if text.isdigit() else -int(text[3:-1])
def shown(value):
    return str(value) if value >= 0 else f"(- {-value})"
"""
LINE = READ + 'print(f"({shown(2 * number(sys.argv[1]) + 3)})")'
CANDIDATE = """
import re
body = re.match(r"\\(lambda \\(\\(x Int\\)\\) (.*)\\)$", sys.argv[1])[1]
words = re.findall(r"[()]|[^\\s()]+", body)
def value(x, place):
    word = words[place]
    if word != "(":
        return (x if word == "x" else int(word)), place + 1
    parts, at = [], place + 2
    while words[at] != ")":
        part, at = value(x, at)
        parts.append(part)
    return (sum(parts) if words[place + 1] == "+" else parts[0] - sum(parts[1:])), at + 1
wrong = [x for x in (0, 1, 5) if value(x, 0)[0] != x + 1]
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes an executable of Python code."""
    made = 0

    def make(code: str) -> str:
        nonlocal made
        made += 1
        path = tmp_path / f"oracle{made}"
        path.write_text(f"#!{sys.executable}\nimport sys\n{code}", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return make


def solve(folder: Path, text: str, *options: str) -> Result:
    file = folder / "problem.sl"
    file.write_text(f"(set-logic LIA)(set-feature :oracles true){text}(check-synth)", encoding="utf-8")
    return CliRunner().invoke(main, ["solve", str(file), "--time", "60", *options])


def body(result: Result) -> Callable[[int], int]:
    """The function of an answer, over Python's integers."""
    assert result.exit_code == 0, result.output
    _, (function,) = parse_answer(result.stdout)
    text = result.stdout.split("Int", 2)[2].rsplit(")\n", 1)[0].strip().rstrip(")")
    assert function.name == "f"

    def value(x: int) -> int:
        words = text.replace("(", " ( ").replace(")", " ) ").split()

        def read() -> int:
            word = words.pop(0)
            if word != "(":
                return x if word == "x" else int(word)
            sign, parts = words.pop(0), []
            while words and words[0] != ")":
                parts.append(read())
            if words:
                words.pop(0)
            return sum(parts) if sign == "+" else parts[0] - sum(parts[1:])

        return read()

    return value


ALLOWED = "--allow-external-oracles"


def test_an_oracle_function_at_given_and_at_all_points(program: Program, tmp_path: Path) -> None:
    declared = f"(declare-oracle-fun target (Int) Int {program(LINE)}){F}"
    found = body(
        solve(tmp_path, f"{declared}(constraint (= (f 3) (target 3)))(constraint (= (f 0) (target 0)))", ALLOWED)
    )
    assert [found(x) for x in (0, 3)] == [3, 9]
    between = "(declare-var y Int)(constraint (=> (and (< 0 y) (< y 5)) (= (f y) (target y))))"
    found = body(solve(tmp_path, declared + between, ALLOWED))
    assert [found(x) for x in range(1, 5)] == [5, 7, 9, 11]


def test_examples_from_an_oracle(program: Program, tmp_path: Path) -> None:
    found = body(solve(tmp_path, f"{F}(oracle-constraint-io f {program(LINE)})", ALLOWED))
    assert [found(x) for x in (0, 1, -1, 2)] == [3, 5, 1, 7]


def test_counterexamples_from_an_oracle(program: Program, tmp_path: Path) -> None:
    path = program(CANDIDATE + 'print(f"(true {wrong[0]})" if wrong else "(false 0)")')
    found = body(solve(tmp_path, f"{F}(oracle-constraint-cex f {path})", ALLOWED))
    assert [found(x) for x in (0, 1, 5)] == [1, 2, 6]


def test_an_oracle_says_which_candidates_are_correct(program: Program, tmp_path: Path) -> None:
    path = program(CANDIDATE + 'print("(false)" if wrong else "(true)")')
    for more in ("(constraint (= (f 0) 1))", ""):
        found = body(solve(tmp_path, f"{F}(declare-correctness-oracle f {path}){more}", ALLOWED))
        assert [found(x) for x in (0, 1, 5)] == [1, 2, 6]


@pytest.mark.parametrize(
    ("code", "fragments"),
    [
        ("sys.exit('broken')", ("ended with status 1: broken",)),
        ("print('(true)')", ("this is Bool, not Int",)),
        ("print('nonsense')", ("cannot be read",)),
    ],
)
def test_an_oracle_that_does_not_answer_is_a_clear_error(
    program: Program, tmp_path: Path, code: str, fragments: tuple[str, ...]
) -> None:
    result = solve(tmp_path, f"{F}(oracle-constraint-io f {program(code)})", ALLOWED)
    assert result.exit_code == 2
    assert not result.stdout
    for fragment in ("error: the oracle '", *fragments):
        assert fragment in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "(oracle-assume ((a Int)) ((b Int)) (= (target a) b) {path})(constraint (= (f 3) (target 3)))",
        "(declare-var y Int)(assume (= (target 3) 9))(constraint (= (f 3) (target 3)))",
        "(declare-var y Int)(assume (and (< 0 y) (< y 5) (= (target y) 9)))(constraint (= (f y) (target y)))",
    ],
)
def test_assumptions_may_mention_oracles(command: str, program: Program, tmp_path: Path) -> None:
    path = program(LINE)
    declared = f"{F}(declare-oracle-fun target (Int) Int {path})"
    assert body(solve(tmp_path, declared + command.replace("{path}", path), ALLOWED))(3) == 9


def test_assumptions_hold_of_what_oracles_are_asked_about(program: Program, tmp_path: Path) -> None:
    text = f"""(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ x 7)))))(declare-oracle-fun target (Int) Int
        {program(LINE)})(declare-var y Int)(assume (= y 4))(constraint (= (f y) (target y)))"""
    assert body(solve(tmp_path, text, ALLOWED))(4) == 11


def test_a_question_takes_no_more_than_the_time_that_is_left(program: Program, tmp_path: Path) -> None:
    path = program("import time; time.sleep(60)")
    began = time.monotonic()
    result = solve(tmp_path, f"{F}(oracle-constraint-io f {path})", ALLOWED, "--time", "1.5")
    assert time.monotonic() - began < 20
    assert (result.exit_code, result.stdout) == (3, "fail\n")
    assert "took more than 1.5" in result.stderr or "took more than 1.4" in result.stderr
    assert "give it more by --time" in result.stderr


def test_a_search_that_the_clock_stops_is_told_from_one_that_ends(program: Program, tmp_path: Path) -> None:
    never = program('print("(false)")')
    asked = f"(declare-correctness-oracle f {never})"
    result = solve(tmp_path, F + asked, ALLOWED, "--time", "2", "--quiet")
    assert (result.exit_code, result.stdout) == (3, "fail\n")
    small = "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0))))"
    result = solve(tmp_path, small + asked, ALLOWED, "--time", "30", "--quiet")
    assert result.exit_code == 0
    assert result.stdout in ("fail\n", "infeasible\n")


def test_nothing_is_started_unless_it_is_allowed(program: Program, tmp_path: Path) -> None:
    trace = tmp_path / "started"
    path = program(f"open({str(trace)!r}, 'w'); print('(1)')")
    for command in (f"(oracle-constraint-io f {path})", f"(declare-correctness-oracle f {path})"):
        result = solve(tmp_path, F + command)
        assert result.exit_code == 2
        assert "--allow-external-oracles" in result.stderr
    assert not trace.exists()


def test_grammars_that_call_functions_are_searched(tmp_path: Path, program: Program) -> None:
    """g(x) = 2x + 3, of which an oracle gives values, is f(x) + 3."""
    path = program(LINE)
    two = "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ I I)))))"
    three = "(synth-fun g ((x Int)) Int ((I Int)) ((I Int (x 3 (+ I (f I))))))"
    text = f"(set-feature :fwd-decls true){two}{three}(constraint (= (f 3) 6))(oracle-constraint-io g {path})"
    result = solve(tmp_path, text, "--allow-external-oracles")
    assert result.exit_code == 0, result.output
    assert "(define-fun g ((x Int)) Int (+ 3 (f x)))" in result.stdout
